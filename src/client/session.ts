// What a Redis server remembers of one connection, remembered here for one client: its connections to the backend come and go.
import type { Identity } from '../backend/handshake.ts'
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import type { Protocol } from '../resp/reply.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Transaction } from './transaction.ts'

export const ReplyMode = { On: 'on', Off: 'off', SkipNext: 'skip' } as const
export type ReplyMode = (typeof ReplyMode)[keyof typeof ReplyMode]

/** Acknowledgements of subscriptions are pushes, which Redis does not silence. */
export function silence(request: Request, isSilent: boolean): void {
  const { kind } = request.command
  request.isSilent = isSilent && kind !== Kind.Subscribe && kind !== Kind.Unsubscribe
}

export class Session {
  /** CLIENT ID: unique as long as the process lives. */
  readonly id: number
  identity: Identity
  protocol: Protocol = 2
  db: number
  name = ''
  libraryName = ''
  libraryVersion = ''
  /** False until a client that has to give the proxy's own password has done so. */
  isAdmitted: boolean
  replyMode: ReplyMode = ReplyMode.On
  /** The transaction that is open on the client's pinned connection; follows the server's replies. */
  transaction: Transaction | null = null
  /** Keys are watched on the pinned connection. */
  isWatching = false
  /** Watched keys were lost with their connection: the next EXEC answers null, as if one had changed. */
  isWatchBroken = false
  /** Made with the first subscription. */
  subscriptions: Subscriptions | null = null
  /** Why the client keeps its connection until it leaves; '' when it need not. */
  stickyReason = ''
  /** Requests that make a new connection what the old one was (CLIENT TRACKING, NO-EVICT, READONLY, …), in order. */
  restoring: Buffer[] = []
  /** The connection's state cannot be made again: when it dies, the client is closed. */
  isIrreplaceable = false
  /** CLIENT TRACKING is on. */
  isTracking = false
  /** The client of ours that gets the invalidations; 0 = this one. */
  redirectId = 0

  constructor(id: number, identity: Identity, db: number, isAdmitted: boolean) {
    this.id = id
    this.identity = identity
    this.db = db
    this.isAdmitted = isAdmitted
  }

  get isSubscribed(): boolean {
    return this.subscriptions !== null && this.subscriptions.count > 0
  }

  /** True while Redis semantics tie the client to one backend connection. */
  get needsPin(): boolean {
    return (
      (this.transaction !== null && this.transaction.refusal === null) ||
      this.isWatching ||
      this.stickyReason !== '' ||
      this.isSubscribed
    )
  }

  /** The word for the pin in metrics and the log; '' when there is no need for one. */
  get pinReason(): string {
    if (this.stickyReason !== '') return this.stickyReason
    if (this.transaction !== null || this.isWatching) return 'transaction'
    if (this.isSubscribed) return 'subscription'
    return ''
  }

  /** EXEC or DISCARD, or the loss of an EXEC, ended the open transaction and its watch. */
  endTransaction(): void {
    this.transaction = null
    this.isWatching = false
    this.isWatchBroken = false
  }

  /** The connection on which keys were watched is gone. */
  breakWatch(): void {
    if (this.isWatching) this.isWatchBroken = true
    this.isWatching = false
  }

  /** What RESET does; name and library stay, as in Redis only the name goes. */
  reset(identity: Identity, db: number, isAdmitted: boolean): void {
    this.identity = identity
    this.db = db
    this.isAdmitted = isAdmitted
    this.protocol = 2
    this.name = ''
    this.replyMode = ReplyMode.On
    this.transaction = null
    this.isWatching = false
    this.isWatchBroken = false
    this.subscriptions = null
    this.stickyReason = ''
    this.restoring = []
    this.isIrreplaceable = false
    this.isTracking = false
    this.redirectId = 0
  }
}
