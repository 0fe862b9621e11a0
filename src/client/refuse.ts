// Answers a request that no server is asked, so that a transaction it belongs to cannot run without it.
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { EXEC_ABORTED, execAborted, HOLD_FULL } from '../errors.ts'
import { errorReply, OK } from '../resp/reply.ts'
import type { Lane } from './lane.ts'
import type { Session } from './session.ts'
import { Subscriptions } from './subscriptions.ts'
import { Transaction } from './transaction.ts'

/** The refusal of a request that came when the hold was full; it is answered when its turn comes. */
export const HOLD_FULL_REFUSAL: Buffer = errorReply(HOLD_FULL)

/**
 * Answers the first request of the queue as a server does that may not run it now: Redis accepts MULTI all the same, and fails EXEC
 * for what was refused in between.
 * @param error the whole error reply.
 */
export function refuse(lane: Lane, request: Request, error: Buffer): void {
  lane.answer(request, replyOf(lane, request, error))
}

function replyOf(lane: Lane, request: Request, error: Buffer): Buffer {
  const { session } = lane.proxy
  const { transaction } = session
  const { block } = request
  const { kind } = request.command
  if (transaction === null && block === null) {
    if (kind === Kind.Unsubscribe) return unsubscribe(session, request)
    if (kind !== Kind.Multi) return error
    session.transaction = new Transaction(error)
    return OK
  }
  if (kind !== Kind.Exec && kind !== Kind.Discard) {
    if (transaction !== null) transaction.isAborted = true
    return block !== null && kind === Kind.Multi ? OK : error
  }
  if (block === null) {
    session.endTransaction()
    lane.lease.drop('its transaction was refused')
  }
  if (kind === Kind.Discard) return OK
  const isAborted = block === null ? transaction!.isAborted : block.requests.length > 2
  return errorReply(isAborted ? EXEC_ABORTED : execAborted(error.latin1Slice(1, error.length - 2)))
}

/** No server is needed to hear no more, and Redis never refuses it. */
function unsubscribe(session: Session, request: Request): Buffer {
  const words = request.words
  const names = Array.from({ length: words.count - 1 }, (_, index) => words.text(index + 1))
  session.subscriptions ??= new Subscriptions()
  return session.subscriptions.unsubscribe(request.command.name, names, session.protocol)
}
