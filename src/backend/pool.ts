// The connections of one user, protocol and database: a few shared by all its clients, and some to be lent to one client at a time.
import type { Protocol } from '../resp/reply.ts'
import type { Address } from '../runtime/runtime.ts'
import type { BackendConnection, ConnectionObserver } from './backend-connection.ts'
import type { BackendContext } from './backend-context.ts'
import { ConnectionOpener } from './connection-opener.ts'
import type { HandshakeReport, Identity } from './handshake.ts'
import { keepAlive } from './keep-alive.ts'

/** The server that a pool's connections lead to, as a shard or a replica knows it. */
export interface PoolHome {
  readonly address: Address
  /** New connections may be opened. */
  readonly isServing: boolean
  readonly generation: number
  /** The server is what it should be. */
  accepts(report: HandshakeReport): boolean
  /** It is not. */
  suspect(evidence: string): void
}

/** Whoever needs a connection that the pool has not got yet. */
interface PoolWaiter {
  /** The server refuses this user, database or protocol: its own error line. */
  poolRefused(error: Buffer): void
}

export interface SharedWaiter extends PoolWaiter {
  /** A shared connection is ready. */
  sharedReady(): void
}

export interface PinWaiter extends PoolWaiter {
  /** In the middle of a transaction: the server would queue whatever is sent. */
  readonly isQueueing: boolean
  /** A connection of its own is ready. */
  pinReady(connection: BackendConnection): void
  /** The connection it was lent is dead. */
  pinLost(connection: BackendConnection): void
}

/** How many connections there are, by what they are for. */
export interface PoolConnections {
  readonly shared: number
  /** Lent to one client each. */
  readonly pinned: number
  /** Given back, for the next client that needs one. */
  readonly idle: number
}

export class Pool {
  readonly identity: Identity
  readonly protocol: Protocol
  readonly db: number
  /** The server's reply to HELLO on the newest connection; null until one was made. */
  hello: Buffer | null = null
  /** Nothing can be had from it any more. */
  isClosed = false
  readonly #context: BackendContext
  readonly #home: PoolHome
  readonly #opener: ConnectionOpener
  readonly #shared: BackendConnection[] = []
  readonly #idle: BackendConnection[] = []
  readonly #lent = new Map<BackendConnection, PinWaiter>()
  readonly #sharedWaiters = new Set<SharedWaiter>()
  readonly #pinWaiters = new Set<PinWaiter>()
  /** Hears of the connections in this pool's books, wherever they were opened. */
  readonly #observer: ConnectionObserver = {
    opened: () => {},
    closed: (connection, reason) => this.#closed(connection, reason),
    idle: () => {},
  }

  constructor(context: BackendContext, home: PoolHome, identity: Identity, protocol: Protocol, db: number) {
    this.#context = context
    this.#home = home
    this.identity = identity
    this.protocol = protocol
    this.db = db
    this.#opener = new ConnectionOpener(context, home, {
      ...{ identity, protocol, db, observer: this.#observer },
      ready: (connection, isShared, hello) => this.#ready(connection, isShared, hello),
      refused: (error) => this.#refused(error),
      retry: () => this.#openWanted(),
    })
  }

  /** True when the server has accepted this user, database and protocol and a connection still stands. */
  get isProven(): boolean {
    return this.hello !== null && (this.#shared.some((connection) => connection.isReady) || this.#idle.length > 0)
  }

  get isInUse(): boolean {
    return (
      this.#sharedWaiters.size + this.#pinWaiters.size + this.#lent.size > 0 ||
      this.#shared.some((connection) => connection.lanes + connection.inFlight > 0)
    )
  }

  /** Unanswered requests on the connections that clients share. */
  get sharedInFlight(): number {
    return this.#shared.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  /** Connections that are ready for use. */
  get connections(): PoolConnections {
    return { shared: this.#shared.length, pinned: this.#lent.size, idle: this.#idle.length }
  }

  /** A ready shared connection, the one with the fewest clients; null when the waiter has to wait for `sharedReady`. */
  join(waiter: SharedWaiter): BackendConnection | null {
    const best = this.best((connection) => connection.lanes)
    if (best === null) this.#sharedWaiters.add(waiter)
    return best
  }

  /** A ready shared connection, the one with the least load; null when there is none yet. */
  best(loadOf: (connection: BackendConnection) => number): BackendConnection | null {
    let best: BackendConnection | null = null
    let ready = 0
    for (const connection of this.#shared) {
      if (!connection.isReady) continue
      ready++
      if (best === null || loadOf(connection) < loadOf(best)) best = connection
    }
    if (ready + this.#opener.count(true) < this.#context.config.sharedConnections) this.#opener.open(true)
    return best
  }

  /** Lends a connection to one client: at once, or later through `pinReady`. */
  lend(waiter: PinWaiter): BackendConnection | null {
    const connection = this.#idle.pop()
    if (connection !== undefined) {
      this.#lent.set(connection, waiter)
      return connection
    }
    this.#pinWaiters.add(waiter)
    if (this.#opener.count(false) < this.#pinWaiters.size) this.#opener.open(false)
    return null
  }

  /** A client that no longer waits. */
  forget(waiter: SharedWaiter | PinWaiter): void {
    this.#sharedWaiters.delete(waiter as SharedWaiter)
    this.#pinWaiters.delete(waiter as PinWaiter)
  }

  /**
   * Takes a lent connection out of this pool without closing it: its state now fits another pool (SELECT, AUTH, HELLO), which
   * has to {@link adopt} it, or its holder closes it.
   */
  release(connection: BackendConnection): void {
    this.#lent.delete(connection)
  }

  /** Takes in a connection that is clean and in this pool's user, protocol and database. */
  adopt(connection: BackendConnection): void {
    connection.observer = this.#observer
    connection.tap = null
    connection.onDrained = null
    if (!connection.isReady || connection.inFlight > 0 || this.isClosed) {
      connection.destroy('not reusable')
      return
    }
    const waiter = this.#nextPinWaiter()
    if (waiter === undefined) {
      connection.idleSince = this.#context.runtime.now()
      this.#idle.push(connection)
      return
    }
    this.#lent.set(connection, waiter)
    waiter.pinReady(connection)
  }

  /** Keeps a connection that another pool lent in this pool's books, so that its holder hears of its end. */
  transfer(connection: BackendConnection, holder: PinWaiter): void {
    connection.observer = this.#observer
    this.#lent.set(connection, holder)
  }

  /** The shard serves (again): connections that clients wait for can be opened. */
  shardServes(): void {
    this.#opener.resetBackoff()
    this.#openWanted()
  }

  /** Nothing new goes over today's connections; they close once what is in flight is answered. */
  retireAll(): void {
    this.#opener.destroyAll('primary lost')
    for (const connection of this.#all()) connection.retire()
  }

  /** Cuts what was verified for this generation or an earlier one, whatever is in flight. */
  destroyUpTo(generation: number): void {
    for (const connection of this.#all()) {
      if (connection.generation <= generation) connection.destroy('another primary was accepted')
    }
  }

  close(): void {
    this.isClosed = true
    this.#opener.close()
    for (const connection of this.#all()) connection.destroy('pool closed')
  }

  /** Keeps idle connections alive, and drops pins nobody has needed for long. */
  tend(now: number): void {
    const { config } = this.#context
    const { pinIdleMs, replyLimitMs } = config
    for (const connection of [...this.#idle]) if (now - connection.idleSince > pinIdleMs) connection.destroy('idle')
    for (const connection of this.#all()) {
      keepAlive(connection, config, now, this.#lent.get(connection)?.isQueueing === true)
    }
    if (replyLimitMs === 0) return
    for (const connection of [...this.#shared]) {
      if (connection.inFlight > 0 && now - connection.waitingSince > replyLimitMs) {
        connection.destroy('no reply (RUSTEZE_REPLY_LIMIT)')
      }
    }
  }

  /** All that are verified. */
  #all(): BackendConnection[] {
    return [...this.#shared, ...this.#idle, ...this.#lent.keys()]
  }

  #nextPinWaiter(): PinWaiter | undefined {
    const [waiter] = this.#pinWaiters
    if (waiter !== undefined) this.#pinWaiters.delete(waiter)
    return waiter
  }

  #openWanted(): void {
    if (this.#sharedWaiters.size > 0 && this.#opener.count(true) === 0) this.#opener.open(true)
    while (this.#opener.count(false) < this.#pinWaiters.size && this.#opener.mayOpen) this.#opener.open(false)
  }

  #ready(connection: BackendConnection, isShared: boolean, hello: Buffer | null): void {
    if (hello !== null) this.hello = hello
    if (!isShared) {
      this.adopt(connection)
      return
    }
    this.#shared.push(connection)
    const waiters = [...this.#sharedWaiters]
    this.#sharedWaiters.clear()
    for (const waiter of waiters) waiter.sharedReady()
  }

  /** The server's own error goes to everybody who waits for this pool. */
  #refused(error: Buffer): void {
    const waiters = new Set<PoolWaiter>([...this.#sharedWaiters, ...this.#pinWaiters])
    this.#sharedWaiters.clear()
    this.#pinWaiters.clear()
    for (const waiter of waiters) waiter.poolRefused(error)
  }

  #closed(connection: BackendConnection, reason: string): void {
    remove(this.#shared, connection)
    remove(this.#idle, connection)
    const holder = this.#lent.get(connection)
    this.#lent.delete(connection)
    if (!this.#opener.closed(connection) && this.#home.isServing && reason !== 'idle' && reason !== 'retired')
      this.#openWanted()
    holder?.pinLost(connection)
  }
}

function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item)
  if (index >= 0) list.splice(index, 1)
}
