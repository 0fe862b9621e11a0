// The replicas of a shard that may be read from, and the choice among them: fresh, near, and the less busy one of two.
import type { Protocol } from '../resp/reply.ts'
import type { Address } from '../runtime/runtime.ts'
import { Freshness } from '../topology/freshness.ts'
import type { BackendConnection } from './backend-connection.ts'
import type { BackendContext } from './backend-context.ts'
import { HandshakeResult, type Identity } from './handshake.ts'
import type { Pool, PoolConnections, SharedWaiter } from './pool.ts'
import { sumOf } from './pools.ts'
import { Replica } from './replica.ts'
import type { ReplicaStatus } from './shard-status.ts'
import type { Watched } from './watched.ts'

/** Where a run of reads goes. */
export interface Reading {
  readonly replica: Replica
  readonly connection: BackendConnection
}

export class Replicas {
  readonly #context: BackendContext
  readonly #freshness = new Freshness()
  readonly #replicas = new Map<Watched, Replica>()
  readonly #waiters = new Set<SharedWaiter>()
  #sampledAt: number | null = null

  constructor(context: BackendContext) {
    this.#context = context
  }

  /** Of all replicas together. */
  get connections(): PoolConnections {
    return sumOf([...this.#replicas.values()].map(({ pools }) => pools.connections))
  }

  get allPools(): { readonly address: Address; readonly pool: Pool }[] {
    return [...this.#replicas.values()].flatMap(({ address, pools }) =>
      [...pools.all()].map((pool) => ({ address, pool })),
    )
  }

  /** Those that may be read from now. */
  get fresh(): Replica[] {
    const now = this.#context.runtime.now()
    return [...this.#replicas.values()].filter((replica) => replica.isFresh(now))
  }

  /** What is known of the servers has changed. @param primary the accepted one; null while there is none. */
  update(primary: Watched | null, servers: readonly Watched[]): void {
    this.#sample(primary)
    for (const [server, replica] of this.#replicas) {
      if (servers.includes(server) && server !== primary) continue
      replica.close()
      this.#replicas.delete(server)
    }
    for (const server of servers) {
      if (server === primary) continue
      let replica = this.#replicas.get(server)
      if (replica === undefined) {
        replica = new Replica(this.#context, server.address, server.zone)
        this.#replicas.set(server, replica)
      }
      this.#judge(replica, server)
    }
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.sharedReady()
  }

  /**
   * A ready connection to a fresh replica that has all writes up to `writtenAt`, in the runtime's ms; null when there is none.
   * Of two candidates by chance it is the one that is less busy: the best of all would be stormed by everybody at once.
   */
  choose(identity: Identity, protocol: Protocol, db: number, writtenAt: number): Reading | null {
    const now = this.#context.runtime.now()
    const candidates: Reading[] = []
    for (const replica of this.#replicas.values()) {
      if (!replica.isFresh(now) || replica.completeUntil <= writtenAt) continue
      const connection = replica.pools.open(identity, protocol, db).best((each) => each.inFlight)
      if (connection !== null) candidates.push({ replica, connection })
    }
    const near = candidates.filter(({ replica }) => replica.isNear)
    const among = near.length > 0 ? near : candidates
    const first = this.#takeOne(among)
    const second = this.#takeOne(among)
    if (first === undefined || second === undefined) return first ?? null
    const cost = ({ replica, connection }: Reading) => replica.cost(connection.inFlight, now)
    return cost(second) < cost(first) ? second : first
  }

  /** A replica lacks only what this client has just written: the primary has it. */
  isBehindOnly(writtenAt: number): boolean {
    const { fresh } = this
    return fresh.length > 0 && fresh.every((replica) => replica.completeUntil <= writtenAt)
  }

  /** Is told when {@link choose} may find one. */
  wait(waiter: SharedWaiter, identity: Identity, protocol: Protocol, db: number): void {
    this.#waiters.add(waiter)
    for (const replica of this.#replicas.values()) {
      if (replica.isServing) replica.pools.open(identity, protocol, db).join(waiter)
    }
  }

  forget(waiter: SharedWaiter): void {
    this.#waiters.delete(waiter)
  }

  /** The facts for metrics; undefined for the primary. */
  statusOf(server: Watched): ReplicaStatus | undefined {
    return this.#replicas.get(server)?.status
  }

  tend(now: number): void {
    for (const replica of this.#replicas.values()) replica.tend(now)
  }

  close(): void {
    for (const replica of this.#replicas.values()) replica.close()
  }

  #sample(primary: Watched | null): void {
    if (primary?.replication == null || !primary.isMaster || primary.askedAt === this.#sampledAt) return
    this.#sampledAt = primary.askedAt
    const { line, offset } = primary.replication
    this.#freshness.primarySaid(line, offset, primary.askedAt, this.#context.config.replicaMaxLagMs)
  }

  #judge(replica: Replica, { report, replication, isLate, saying }: Watched): void {
    // Before anything is known of the primary nothing can be said against a replica.
    if (report === null || this.#sampledAt === null) return
    if (report.result !== HandshakeResult.Replica) replica.exclude(saying)
    else if (isLate) replica.exclude('no answer within RUSTEZE_REPLY_TIMEOUT')
    else if (replication === null) replica.exclude('the user may not ask INFO')
    else if (!replication.isFollowing) replica.exclude('its link to the primary is down')
    else {
      replica.completeUntil = this.#freshness.completeUntil(replication.line, replication.offset)
      if (replica.completeUntil === Number.NEGATIVE_INFINITY) replica.exclude('it lags, or follows another primary')
      else replica.include()
    }
  }

  #takeOne(candidates: Reading[]): Reading | undefined {
    const index = Math.floor(this.#context.runtime.random() * candidates.length)
    return candidates.splice(index, 1)[0]
  }
}
