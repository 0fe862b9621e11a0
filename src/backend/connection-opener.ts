// Makes the connections that a pool wants: each is verified before it is used, and after a failure the next one waits a while.
import type { Protocol } from '../resp/reply.ts'
import { type BackendConnection, type ConnectionObserver, ConnectionState } from './backend-connection.ts'
import { type BackendContext, openConnection } from './backend-context.ts'
import { Backoff } from './backoff.ts'
import { type HandshakeReport, HandshakeResult, type Identity, OWN_IDENTITY, shakeHands } from './handshake.ts'
import type { PoolHome } from './pool.ts'

/** The pool for which connections are made. */
export interface OpenerClient {
  readonly identity: Identity
  readonly protocol: Protocol
  readonly db: number
  /** Hears of a connection's end, already while it is made. */
  readonly observer: ConnectionObserver
  /** A connection is verified. @param hello the server's reply to HELLO, null if it was not asked. */
  ready(connection: BackendConnection, isShared: boolean, hello: Buffer | null): void
  /** The server refuses this user, database or protocol: its own error line. */
  refused(error: Buffer): void
  /** After a failure it is time to try again what is still wanted. */
  retry(): void
}

export class ConnectionOpener {
  readonly #context: BackendContext
  readonly #home: PoolHome
  readonly #client: OpenerClient
  readonly #backoff: Backoff
  /** Connections whose handshake is under way, and whether they are to be shared. */
  readonly #opening = new Map<BackendConnection, boolean>()
  #isRetryPlanned = false
  #isClosed = false

  constructor(context: BackendContext, home: PoolHome, client: OpenerClient) {
    this.#context = context
    this.#home = home
    this.#client = client
    this.#backoff = new Backoff(context.runtime)
  }

  /** How many are being made. */
  count(isShared: boolean): number {
    let count = 0
    for (const shared of this.#opening.values()) if (shared === isShared) count++
    return count
  }

  get mayOpen(): boolean {
    return this.#home.isServing && !this.#isClosed && !this.#isRetryPlanned
  }

  /** Begins to make one, if that may be done now. */
  open(isShared: boolean): void {
    if (!this.mayOpen) return
    const { generation, address } = this.#home
    const { observer, identity, protocol, db } = this.#client
    const connection = openConnection(this.#context, address, {
      opened: (opened) => {
        // The proxy's own credentials may have been rotated since the pool was made.
        const current = identity.key === OWN_IDENTITY ? this.#context.ownIdentity() : identity
        shakeHands(opened, current, protocol, db, (report) => this.#shaken(opened, isShared, generation, report))
      },
      closed: observer.closed,
      idle: observer.idle,
    })
    this.#opening.set(connection, isShared)
  }

  /** A connection of the pool died. @returns true when it was still being made: then it is tried again later. */
  closed(connection: BackendConnection): boolean {
    if (!this.#opening.delete(connection)) return false
    this.#retryLater()
    return true
  }

  /** What stood in the way is over: the next failure is the first again. */
  resetBackoff(): void {
    this.#backoff.reset()
  }

  /** Gives up those that are being made. */
  destroyAll(reason: string): void {
    for (const connection of [...this.#opening.keys()]) connection.destroy(reason)
  }

  close(): void {
    this.#isClosed = true
    this.destroyAll('pool closed')
  }

  #shaken(connection: BackendConnection, isShared: boolean, generation: number, report: HandshakeReport): void {
    if (report.result === HandshakeResult.Lost) return
    const isUsable = this.#home.accepts(report)
    if (!isUsable || generation !== this.#home.generation || !this.#home.isServing) {
      if (report.result === HandshakeResult.Refused && !this.#isOwnLogin(report.evidence))
        this.#client.refused(Buffer.from(`-${report.evidence}\r\n`, 'latin1'))
      if (!isUsable && report.hello !== null) this.#home.suspect(report.evidence || 'its role is master')
      connection.destroy(report.evidence || 'generation is over')
      return
    }
    this.#opening.delete(connection)
    this.#backoff.reset()
    connection.state = ConnectionState.Ready
    connection.generation = generation
    this.#client.ready(connection, isShared, report.hello)
  }

  /** While credentials are rotated the server may not know ours for a while: clients wait, they have nothing to do with it. */
  #isOwnLogin(evidence: string): boolean {
    return this.#client.identity.key === OWN_IDENTITY && /^(WRONGPASS|NOAUTH|ERR AUTH)/.test(evidence)
  }

  #retryLater(): void {
    if (this.#isRetryPlanned || this.#isClosed) return
    this.#isRetryPlanned = true
    this.#context.runtime.after(this.#backoff.next(), () => {
      this.#isRetryPlanned = false
      this.#client.retry()
      this.#context.turn.settle()
    })
  }
}
