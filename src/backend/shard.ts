// One primary and all that depends on it: whether it may be used, which generation it is, and the pools of connections to it.
import type { Protocol } from '../resp/reply.ts'
import type { Address } from '../runtime/runtime.ts'
import type { BackendConnection } from './backend-connection.ts'
import { addressText, type BackendContext } from './backend-context.ts'
import { type HandshakeReport, HandshakeResult, type Identity } from './handshake.ts'
import { Pool } from './pool.ts'
import { Prober } from './prober.ts'

/**
 *     Holding ──verified──▶ Serving(n) ──refusal, connection lost──▶ Suspect ──still primary──▶ Serving(n)
 *        ▲                                                              │
 *        └──────────── no server, a replica, loading ◀──────────────────┘     Holding ──verified──▶ Serving(n+1)
 */
export const ShardState = {
  /** The primary is verified: requests flow. */
  Serving: 'serving',
  /** Something spoke against it: requests wait for the next verdict. */
  Suspect: 'suspect',
  /** There is no primary: requests wait, bounded. */
  Holding: 'holding',
} as const
export type ShardState = (typeof ShardState)[keyof typeof ShardState]

/** A lane with requests that wait for this shard. */
export interface ShardWaiter {
  /** A verdict came: the shard serves. */
  shardServes(): void
}

export class Shard {
  /** Read on the hot path; true exactly in ShardState.Serving. */
  isServing = false
  /** The server wants a password and the proxy has none: clients have to give theirs. */
  isAuthenticationRequired = false
  /** Counts the primaries accepted, restarts of the same one included. */
  generation = 0
  state: ShardState = ShardState.Holding
  /** Since when it does not serve, in the runtime's ms. */
  notServingSince: number
  readonly #context: BackendContext
  readonly #address: Address
  readonly #prober: Prober
  readonly #pools = new Map<string, Pool>()
  readonly #waiters = new Set<ShardWaiter>()
  /** What was logged last, so that the same trouble is one line. */
  #evidence = ''

  /** @param connected hears of each new control connection, with the server's HELLO reply. */
  constructor(
    context: BackendContext,
    address: Address,
    connected: (connection: BackendConnection, hello: Buffer) => void,
  ) {
    this.#context = context
    this.#address = address
    this.notServingSince = context.runtime.now()
    this.#prober = new Prober(context, address, { judged: (report) => this.#judged(report), connected })
  }

  get address(): Address {
    return this.#address
  }

  /** See {@link Prober.control}. */
  get control(): BackendConnection | null {
    return this.#prober.control
  }

  start(): void {
    this.#prober.start()
  }

  close(): void {
    this.#prober.close()
    for (const pool of this.#pools.values()) pool.close()
  }

  /** The pool of connections for one user, protocol and database; made on first use. */
  pool(identity: Identity, protocol: Protocol, db: number): Pool {
    const key = poolKey(identity, protocol, db)
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = new Pool(this.#context, this, identity, protocol, db)
      this.#pools.set(key, pool)
      this.#evict(key)
    } else {
      // Kept in order of use, the least recently used first.
      this.#pools.delete(key)
      this.#pools.set(key, pool)
    }
    return pool
  }

  /** Like {@link pool}, without making it. */
  existingPool(identity: Identity, protocol: Protocol, db: number): Pool | undefined {
    return this.#pools.get(poolKey(identity, protocol, db))
  }

  /** Is told once, at the next verdict that the shard serves. */
  wait(waiter: ShardWaiter): void {
    this.#waiters.add(waiter)
    if (!this.isServing) return
    // Waiting while it serves means that the last verdict was not good enough: ask for another.
    this.#prober.hurry()
  }

  forget(waiter: ShardWaiter): void {
    this.#waiters.delete(waiter)
  }

  /** Stops the flow until the server has been asked again what it is. */
  suspect(evidence: string): void {
    if (this.isServing) {
      this.#leaveServing(ShardState.Suspect)
      this.#context.log.warn({ backend: addressText(this.#address), evidence }, 'primary is suspect, commands wait')
    }
    this.#prober.hurry()
  }

  /** To be called now and then: idle connections are kept alive or closed. */
  tend(now: number): void {
    for (const pool of this.#pools.values()) pool.tend(now)
  }

  #judged(report: HandshakeReport): void {
    if (report.result === HandshakeResult.Ready || report.result === HandshakeResult.Unauthenticated) {
      this.isAuthenticationRequired = report.result === HandshakeResult.Unauthenticated
      this.#serve()
      return
    }
    this.#prober.hurry()
    if (report.result === HandshakeResult.Lost && this.state === ShardState.Serving) {
      // The next attempt to connect tells whether the server is gone or only this connection.
      this.suspect(`control connection: ${report.evidence}`)
      return
    }
    this.#hold(report)
  }

  #serve(): void {
    this.#prober.calm()
    this.#evidence = ''
    if (!this.isServing) {
      const now = this.#context.runtime.now()
      if (this.state === ShardState.Holding) {
        this.generation++
        this.#context.log.info(
          {
            backend: addressText(this.#address),
            generation: this.generation,
            seconds: Math.round(now - this.notServingSince) / 1000,
          },
          'primary verified, serving',
        )
      } else this.#context.log.info({ backend: addressText(this.#address) }, 'primary confirmed, serving again')
      this.state = ShardState.Serving
      this.isServing = true
      for (const pool of this.#pools.values()) pool.shardServes()
    }
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.shardServes()
  }

  #hold(report: HandshakeReport): void {
    if (this.#evidence !== report.evidence) {
      this.#evidence = report.evidence
      this.#context.log.warn(
        { backend: addressText(this.#address), evidence: report.evidence },
        'no primary, commands wait',
      )
    }
    if (this.isServing || this.state === ShardState.Suspect) this.#leaveServing(ShardState.Holding)
    // What was verified for the old generation may carry nothing new; what is in flight is still answered.
    for (const pool of this.#pools.values()) pool.retireAll()
  }

  #leaveServing(state: ShardState): void {
    if (this.isServing) this.notServingSince = this.#context.runtime.now()
    this.isServing = false
    this.state = state
  }

  /** Closes the least recently used pools nobody uses, beyond the bound. */
  #evict(newest: string): void {
    for (const [key, pool] of this.#pools) {
      if (this.#pools.size <= this.#context.config.maxPools) return
      if (key === newest || pool.isInUse) continue
      pool.close()
      this.#pools.delete(key)
    }
  }
}

function poolKey(identity: Identity, protocol: Protocol, db: number): string {
  return `${db} ${protocol} ${identity.key}`
}
