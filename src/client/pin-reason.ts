// Why a client has a connection of its own, in the words of metrics: few, whatever the client sends.
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import type { Session } from './session.ts'

export const PIN_REASONS = [
  /** MULTI, WATCH. */
  'transaction',
  'subscription',
  /** A command that waits for another client, or for replicas. */
  'blocking',
  /** CLIENT TRACKING. */
  'tracking',
  /** Frames pass as they are: MONITOR, and what is like it. */
  'monitor',
  /** The server has to say whose the connection is, or which database's: AUTH, HELLO, SELECT. */
  'login',
  /** A request too large to be collected. */
  'large',
  /** Its name is in no table: it may change the connection. */
  'unknown',
  /** Whatever else changes its connection, and RUSTEZE_SHARED_CONNECTIONS=0. */
  'other',
] as const
export type PinReason = (typeof PIN_REASONS)[number]

/** Of what the session has on the connection; undefined where it has nothing there. */
export function reasonOfSession({ pinReason }: Session): PinReason | undefined {
  switch (pinReason) {
    case '':
      return undefined
    case 'transaction':
    case 'subscription':
    case 'tracking':
      return pinReason
    case 'raw':
      return 'monitor'
    case 'unknown command':
      return 'unknown'
    default:
      return 'other'
  }
}

/** Of the request that takes the connection. */
export function reasonOfRequest(request: Request): PinReason {
  if (request.isStreamed) return 'large'
  switch (request.command.kind) {
    case Kind.Multi:
    case Kind.Watch:
      return 'transaction'
    case Kind.Subscribe:
    case Kind.Unsubscribe:
      return 'subscription'
    case Kind.Blocking:
    case Kind.BlockingRead:
    case Kind.Wait:
      return 'blocking'
    case Kind.Monitor:
      return 'monitor'
    case Kind.Auth:
    case Kind.Hello:
    case Kind.Select:
      return 'login'
    case Kind.Unknown:
      return 'unknown'
    case Kind.Client:
      return request.words.word(1) === 'tracking' ? 'tracking' : 'other'
    default:
      return 'other'
  }
}

/** @returns 0 for each reason. */
export function noPins(): Record<PinReason, number> {
  return Object.fromEntries(PIN_REASONS.map((reason) => [reason, 0])) as Record<PinReason, number>
}
