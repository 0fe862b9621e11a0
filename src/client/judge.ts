// Judges a reply that may change the client's session, or may not be the last word: a refusal, a part of a block, a lost script.
import { Phase, type Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { beginsWith, isCalledBack, isNoScript, Refusal, refusalOf } from '../route/refusal.ts'
import type { Lane } from './lane.ts'
import { settle } from './settle.ts'

const MINUS = 45
const QUEUED = '+QUEUED'
const EXEC_ABORTED = '-EXECABORT '

export function judge(lane: Lane, request: Request, bytes: Buffer, start: number, end: number): void {
  const { undecided, proxy } = lane
  const isError = bytes[start] === MINUS
  const isRefusalPassedOn = proxy.config.holdMs === 0 && lane.server === lane.shard
  const refusal = isError && !isRefusalPassedOn ? refusalOf(request.command, bytes, start, end) : Refusal.None
  if (refusal === Refusal.NotPrimary) lane.server.suspect(bytes.latin1Slice(start + 1, end - 2))
  if (request.block !== null) {
    undecided.addBlockPart(request, Buffer.from(bytes.subarray(start, end)), refusal !== Refusal.None)
    return
  }
  if (refusal !== Refusal.None && !request.isStreamed) {
    undecided.addRefused(request, Buffer.from(bytes.subarray(start, end)))
    return
  }
  if (lane.calledBack === request) {
    lane.calledBack = null
    if (isCalledBack(bytes, start, end)) {
      undecided.addCalledBack(request, Buffer.from(bytes.subarray(start, end)))
      return
    }
  }
  if (undecided.isOpen && isUnrun(lane, request, bytes, start, end)) {
    undecided.isEndHeld = endsTransaction(request)
    undecided.add(request, Buffer.from(bytes.subarray(start, end)), false)
    return
  }
  if (isError && isNoScript(bytes, start, end) && heal(lane, request, bytes, start, end)) return
  // Behind the end of a transaction that may be asked again come ordinary commands only, of no meaning to the session.
  const reply = undecided.isEndHeld ? null : settle(lane, request, bytes, start, end)
  // An answer to a request that is still coming is an error behind which the server closes.
  if (request.isStreamed && proxy.isStreaming(request)) {
    lane.lease.isDirty = true
    proxy.closeAfterReplies()
  }
  if (undecided.isOpen) {
    undecided.add(request, reply ?? Buffer.from(bytes.subarray(start, end)), !request.command.repeatable)
  } else if (reply !== null) proxy.replies.deliver(request, reply, 0, reply.length)
  else proxy.replies.deliver(request, bytes, start, end)
}

/** Behind a refusal in a transaction: what was only queued, and the EXEC that fails for it, are asked again with what was refused. */
function isUnrun({ proxy, undecided }: Lane, request: Request, bytes: Buffer, start: number, end: number): boolean {
  const { transaction } = proxy.session
  if (transaction === null || transaction.isDirty || undecided.haveOthersRun || undecided.isEndHeld) return false
  // An error of the client's own is told again when it is asked again.
  if (!endsTransaction(request)) return bytes[start] === MINUS || beginsWith(bytes, start, end, QUEUED)
  // Were another transaction begun behind it, it would not be known to which one a reply belongs.
  if (!isFollowedByOrdinary(request)) return false
  const isAborted = beginsWith(bytes, start, end, EXEC_ABORTED)
  return isAborted || (request.command.kind === Kind.Discard && bytes[start] !== MINUS)
}

function endsTransaction({ command }: Request): boolean {
  return command.kind === Kind.Exec || command.kind === Kind.Discard
}

/** Of what the client has in flight behind it. */
function isFollowedByOrdinary(request: Request): boolean {
  for (let later = request.nextReply; later?.phase === Phase.Sent; later = later.nextReply) {
    if (later.command.kind !== Kind.Ordinary || later.block !== null) return false
  }
  return true
}

/** The server has lost a script whose body we know: it is asked again as EVAL. @returns false when it is not. */
function heal(lane: Lane, request: Request, bytes: Buffer, start: number, end: number): boolean {
  const { session, services } = lane.proxy
  if (request.command.kind !== Kind.EvalSha || session.transaction !== null || request.attempts > 0) return false
  const frame = services.scripts.asEval(request.bytes, request.start, request.end)
  if (frame === undefined) return false
  lane.undecided.addHealed(request, Buffer.from(bytes.subarray(start, end)), frame)
  return true
}
