// The pools of connections to one server, by user, protocol and database; bounded, the least recently used go first.
import type { Protocol } from '../resp/reply.ts'
import type { BackendContext } from './backend-context.ts'
import type { Identity } from './handshake.ts'
import { Pool, type PoolConnections, type PoolHome } from './pool.ts'

export class Pools {
  readonly #context: BackendContext
  readonly #home: PoolHome
  /** In order of use, the least recently used first. */
  readonly #pools = new Map<string, Pool>()
  /** Closed to make room for others, since the start. */
  evicted = 0

  constructor(context: BackendContext, home: PoolHome) {
    this.#context = context
    this.#home = home
  }

  all(): Iterable<Pool> {
    return this.#pools.values()
  }

  /** Of all pools together. */
  get connections(): PoolConnections {
    return sumOf([...this.#pools.values()].map(({ connections }) => connections))
  }

  /** The pool for one user, protocol and database; made on first use. */
  open(identity: Identity, protocol: Protocol, db: number): Pool {
    const key = poolKey(identity, protocol, db)
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = new Pool(this.#context, this.#home, identity, protocol, db)
      this.#pools.set(key, pool)
      this.#evict(key)
    } else {
      this.#pools.delete(key)
      this.#pools.set(key, pool)
    }
    return pool
  }

  /** Like {@link open}, without making it. */
  existing(identity: Identity, protocol: Protocol, db: number): Pool | undefined {
    return this.#pools.get(poolKey(identity, protocol, db))
  }

  /** Closes the least recently used pools nobody uses, beyond the bound. */
  #evict(newest: string): void {
    for (const [key, pool] of this.#pools) {
      if (this.#pools.size <= this.#context.config.maxPools) return
      if (key === newest || pool.isInUse) continue
      pool.close()
      this.evicted++
      this.#pools.delete(key)
    }
  }
}

export function sumOf(counts: readonly PoolConnections[]): PoolConnections {
  const sum = { shared: 0, pinned: 0, idle: 0 }
  for (const { shared, pinned, idle } of counts) {
    sum.shared += shared
    sum.pinned += pinned
    sum.idle += idle
  }
  return sum
}

function poolKey(identity: Identity, protocol: Protocol, db: number): string {
  return `${db} ${protocol} ${identity.key}`
}
