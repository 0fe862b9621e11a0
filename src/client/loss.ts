// Decides what becomes of a request whose connection died before its reply came: asked again, or an error that tells the truth.
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { NOT_SENT, UNCERTAIN } from '../errors.ts'
import { Arguments } from '../resp/request.ts'
import type { Lane } from './lane.ts'

/** Most often a request is sent again: one that kills two servers may be what kills them. */
const MAX_ATTEMPTS = 1

/** @returns null when it is asked again, else the error its client gets. */
export function lossOf(request: Request, wasSent: boolean, lane: Lane): string | null {
  if (request.isStreamed) return lane.proxy.isStreaming(request) ? NOT_SENT : UNCERTAIN
  if (request.block !== null) return lossOfBlock(request, wasSent)
  if (!wasSent) return null
  const { kind } = request.command
  const { transaction } = lane.proxy.session
  if (kind === Kind.Exec) return UNCERTAIN
  // Nothing of an open transaction has run before its EXEC.
  if (transaction !== null || kind === Kind.Multi) return null
  if (request.attempts >= MAX_ATTEMPTS) return UNCERTAIN
  return isRepeatable(request) ? null : UNCERTAIN
}

function lossOfBlock(request: Request, wasSent: boolean): string | null {
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
      return true
    case Kind.BlockingRead:
      return request.command.repeatable && !argumentsOf(request).includes('$')
    default:
      break
  }
  if (!request.command.repeatable) return false
  // A cursor is meant for the table of the process that gave it.
  if (request.command.name === 'scan') return argumentsOf(request)[1] === '0'
  if (/^[hsz]scan$/.test(request.command.name)) return argumentsOf(request)[2] === '0'
  return true
}

function argumentsOf(request: Request): string[] {
  const words = new Arguments(request.bytes, request.start, request.end)
  return Array.from({ length: words.count }, (_, index) => words.text(index))
}
