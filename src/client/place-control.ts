// Commands that must not wait behind what they are to end, and the containers they belong to.
import { askFrame } from '../backend/control.ts'
import { OWN_IDENTITY } from '../backend/handshake.ts'
import { Phase, type Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import * as errors from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import type { Lane } from './lane.ts'

/** SCRIPT, FUNCTION, REPLICAOF. */
export function placeControl(lane: Lane, request: Request): boolean {
  if (request.command.kind === Kind.Topology) return overControl(lane, request)
  const word = request.words.word(1)
  if (word === 'kill') return overControl(lane, request)
  if (request.command.kind === Kind.Script && word === 'debug') {
    lane.proxy.session.isIrreplaceable = true
    lane.proxy.session.stickyReason = 'script debug'
    return lane.placePinned(request)
  }
  return lane.placeAnywhere(request)
}

/** Sends the first request of the queue over the control connection; its reply takes its place like any other. */
export function overControl(
  lane: Lane,
  request: Request,
  frame: Buffer = request.bytes.subarray(request.start, request.end),
): boolean {
  // The control connection has the proxy's own rights: another user's command goes over that user's connection.
  if (lane.proxy.session.identity.key !== OWN_IDENTITY) {
    request.replaceFrame(Buffer.from(frame))
    return lane.placePinned(request)
  }
  const { control } = lane.shard
  if (control === null) {
    lane.shard.wait(lane)
    return false
  }
  lane.queue.shift()
  request.phase = Phase.Sent
  askFrame(control, Buffer.from(frame), (reply) => {
    if (lane.isGone) return
    const { replies } = lane.proxy
    if (reply === null) replies.answer(request, errorReply(errors.UNCERTAIN))
    else replies.deliver(request, reply, 0, reply.length)
  })
  return true
}
