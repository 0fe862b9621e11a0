// Decides what becomes of a request whose connection died before its reply came: asked again, or an error that tells the truth.
import { Phase, type Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { NOT_SENT, UNCERTAIN } from '../errors.ts'
import { OK, QUEUED } from '../resp/reply.ts'
import type { Lane } from './lane.ts'

/** Most often a request is sent again: one that kills two servers may be what kills them. */
const MAX_ATTEMPTS = 1

/** null: it is asked again. A text: the error its client gets. Bytes: the reply it would have had. */
export type Loss = null | string | Buffer

export function lossOf(request: Request, wasSent: boolean, lane: Lane): Loss {
  if (request.isStreamed) return lane.proxy.isStreaming(request) ? NOT_SENT : UNCERTAIN
  if (request.block !== null) return lossOfBlock(request, wasSent)
  const { kind } = request.command
  if (lane.proxy.session.transaction !== null || lane.loss.isBlockLost) return lossInTransaction(request, wasSent, lane)
  if (kind === Kind.Multi) {
    lane.loss.isBlockLost = true
    return isExecSent(request) ? OK : null
  }
  if (!wasSent) return null
  if (kind === Kind.Exec) return UNCERTAIN
  if (request.attempts >= MAX_ATTEMPTS) return UNCERTAIN
  return isRepeatable(request) ? null : UNCERTAIN
}

/** Nothing of a transaction has run before its EXEC; once that was sent, all of it may have run, and nothing of it is sent again. */
function lossInTransaction(request: Request, wasSent: boolean, lane: Lane): Loss {
  const { kind } = request.command
  if (kind === Kind.Exec || kind === Kind.Discard) {
    lane.loss.isBlockLost = false
    return kind === Kind.Exec && wasSent ? UNCERTAIN : null
  }
  return isExecSent(request) ? QUEUED : null
}

/** True when the EXEC that ends this request's transaction was given to the socket as well. */
function isExecSent(request: Request): boolean {
  for (let later = request.nextReply; later !== null; later = later.nextReply) {
    if (later.command.kind === Kind.Discard) return false
    if (later.command.kind === Kind.Exec) return later.phase === Phase.Sent
  }
  return false
}

function lossOfBlock(request: Request, wasSent: boolean): Loss {
  const { requests } = request.block!
  const last = requests[requests.length - 1]!
  if (request !== last || !wasSent || last.command.kind === Kind.Discard) return null
  const isRead = requests.slice(1, -1).every((part) => part.command.repeatable)
  return isRead && last.attempts < MAX_ATTEMPTS ? null : UNCERTAIN
}

/** True when running it twice is the same as running it once, arguments considered. */
function isRepeatable(request: Request): boolean {
  switch (request.command.kind) {
    // They change nothing but the connection, which is gone.
    case Kind.Watch:
    case Kind.Unwatch:
    case Kind.Discard:
    case Kind.Subscribe:
    case Kind.Unsubscribe:
    case Kind.Select:
    case Kind.Auth:
    case Kind.Hello:
    case Kind.Multi:
    // It only asks; of what another primary acknowledged it is answered 0.
    case Kind.Wait:
      return true
    case Kind.BlockingRead:
      return request.command.repeatable && !hasDollar(request)
    default:
      break
  }
  if (!request.command.repeatable) return false
  // A cursor is meant for the table of the process that gave it.
  if (request.command.name === 'scan') return request.words.text(1) === '0'
  if (/^[hsz]scan$/.test(request.command.name)) return request.words.text(2) === '0'
  return true
}

/** It reads from what is newest when it begins. */
function hasDollar({ words }: Request): boolean {
  for (let index = 0; index < words.count; index++) if (words.text(index) === '$') return true
  return false
}
