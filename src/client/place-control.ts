// Commands that must not wait behind what they are to end, and the containers they belong to.
import { askFrame } from '../backend/control.ts'
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import * as errors from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import { Arguments } from '../resp/request.ts'
import type { Lane } from './lane.ts'

/** SCRIPT, FUNCTION. */
export function placeControl(lane: Lane, request: Request): boolean {
  const word = new Arguments(request.bytes, request.start, request.end).word(1)
  if (word === 'kill') return overControl(lane, request)
  if (request.command.kind === Kind.Script && word === 'debug') {
    lane.proxy.session.isIrreplaceable = true
    lane.proxy.session.stickyReason = 'script debug'
    return lane.placePinned(request)
  }
  return lane.pin === null ? lane.placeShared(request) : lane.placePinned(request)
}

/** Sends the first request of the queue over the control connection; its reply takes its place like any other. */
export function overControl(
  lane: Lane,
  request: Request,
  frame: Buffer = request.bytes.subarray(request.start, request.end),
): boolean {
  const { control } = lane.shard
  if (control === null) {
    lane.shard.wait(lane)
    return false
  }
  lane.take()
  askFrame(control, Buffer.from(frame), (reply) => {
    if (!lane.isGone) lane.proxy.replies.answer(request, reply ?? errorReply(errors.UNCERTAIN))
  })
  return true
}
