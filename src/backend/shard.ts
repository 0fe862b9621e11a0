// One primary and all that depends on it: whether it may be used, which generation it is, and the pools of connections to it.
import type { Protocol } from '../resp/reply.ts'
import type { Address } from '../runtime/runtime.ts'
import type { BackendConnection } from './backend-connection.ts'
import { addressText, type BackendContext } from './backend-context.ts'
import { type HandshakeReport, HandshakeResult, type Identity } from './handshake.ts'
import type { Pool, PoolConnections, PoolHome } from './pool.ts'
import { Pools, sumOf } from './pools.ts'
import { PrimaryWatch, type Verdict } from './primary-watch.ts'
import { Replicas } from './replicas.ts'
import { Sentinels } from './sentinels.ts'
import { ShardHistory } from './shard-history.ts'
import type { ShardStatus, SwitchReason } from './shard-status.ts'
import type { Place } from './watched.ts'

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
  /** A verdict came: the shard serves. @param askedAt when the primary was asked, in the runtime's ms. */
  shardServes(askedAt: number): void
}

export class Shard implements PoolHome {
  /** True exactly in ShardState.Serving. */
  isServing = false
  /** Read on the hot path: it serves, and nothing has to wait for the end of a pause. */
  isOpen = false
  /** The server wants a password and the proxy has none: clients have to give theirs. */
  isAuthenticationRequired = false
  /** Counts the primaries accepted, restarts of the same one included. */
  generation = 0
  #isPaused = false
  #state: ShardState = ShardState.Holding
  /** When the state began, in ms since 1970. */
  #since: number
  /** Since when it does not serve, in the runtime's ms. */
  notServingSince: number
  readonly #context: BackendContext
  /** Of the primary accepted last; null before the first one. */
  #address: Address | null = null
  readonly #watch: PrimaryWatch
  readonly #sentinels: Sentinels
  readonly #pools: Pools
  /** Who may be read from; null where reads go to the primary. */
  readonly replicas: Replicas | null
  readonly #history: ShardHistory
  /** Why the next generation will begin. */
  #switchReason: SwitchReason = 'first'
  readonly #waiters = new Set<ShardWaiter>()
  /** Which servers were labelled last. */
  #label = ''
  /** What was logged last, so that the same trouble is one line. */
  #evidence = ''

  /** @param connected hears of each new control connection to the primary, with the server's HELLO reply. */
  constructor(context: BackendContext, connected: (connection: BackendConnection, hello: Buffer) => void) {
    this.#context = context
    this.notServingSince = context.runtime.now()
    this.#since = context.runtime.wallClock()
    this.#history = new ShardHistory(context.runtime)
    this.#pools = new Pools(context, this)
    this.replicas = context.config.readFrom === 'primary' ? null : new Replicas(context)
    this.#watch = new PrimaryWatch(context, {
      accepted: (verdict) => this.#accepted(verdict),
      noPrimary: (report) => this.#noPrimary(report),
      connected,
      heard: (primary, servers) => this.replicas?.update(primary, servers),
      hintWanted: () => this.#sentinels.hurry(),
    })
    this.#sentinels = new Sentinels(context, (hint) => this.#watch.hint('sentinels', hint))
  }

  /** Established connections to the primary and to replicas. */
  get connections(): PoolConnections & { readonly control: number } {
    const own = this.#pools.connections
    const pooled = this.replicas === null ? own : sumOf([own, this.replicas.connections])
    return { ...pooled, control: this.#watch.controlConnections }
  }

  /** Pools of the primary that were closed to make room for others (RUSTEZE_POOLS), since the start. */
  get evictedPools(): number {
    return this.#pools.evicted
  }

  /** Of the primary; to be asked only once there was one. */
  get address(): Address {
    return this.#address!
  }

  get state(): ShardState {
    return this.#state
  }

  /** Times without a verified primary. */
  get interruptions(): ShardStatus['interruptions'] {
    return this.#history.interruptions
  }

  /** The facts for metrics. */
  get status(): ShardStatus {
    const { primary, switches, interruptions } = this.#history
    return {
      ...{ state: this.#state, since: this.#since, generation: this.generation, primary, interruptions },
      switches: { ...switches },
      masters: this.#watch.masters,
      servers: this.#watch.status((server) => this.replicas?.statusOf(server)),
      freshReplicas: this.replicas?.fresh.length,
      hints: this.#watch.hints.map(({ source, names }) => ({ source, names: [...names] })),
      sentinels: this.#sentinels.sayings,
    }
  }

  /** See {@link PrimaryWatch.control}. */
  get control(): BackendConnection | null {
    return this.#watch.control
  }

  /** See {@link PrimaryWatch.follow}. */
  follow(places: readonly Place[]): void {
    this.#watch.follow(places)
    if (places.length > 0) this.#sentinels.follow(this.#sentinelsAt(places))
  }

  /** A label says which servers are primaries; a hint, in which nothing but their addresses counts. @param source for the log. */
  label(addresses: readonly Address[], source: string): void {
    const names = new Set(addresses.map(addressText))
    const text = [...names].toSorted().join()
    // Said again it is no news: when it changed tells whether it lags behind.
    if (text === this.#label) return
    this.#label = text
    this.#watch.hint('label', { source, names, runId: '', givenAt: this.#context.runtime.now() })
  }

  /** Where there is but one server they have nothing to say. */
  #sentinelsAt(places: readonly Place[]): readonly Address[] {
    if (places.length === 1) return []
    return (
      this.#context.config.sentinels ??
      places.flatMap(({ address, sentinelPort }) => {
        return sentinelPort === undefined || 'path' in address ? [] : [{ host: address.host, port: sentinelPort }]
      })
    )
  }

  close(): void {
    this.#watch.close()
    this.#sentinels.close()
    this.replicas?.close()
    for (const pool of this.#pools.all()) pool.close()
  }

  /** See {@link Pools.open}. */
  pool(identity: Identity, protocol: Protocol, db: number): Pool {
    return this.#pools.open(identity, protocol, db)
  }

  /** All pools, those to replicas included. */
  get pools(): { readonly address: Address; readonly pool: Pool }[] {
    const address = this.#address
    const own = address === null ? [] : [...this.#pools.all()].map((pool) => ({ address, pool }))
    return [...own, ...(this.replicas?.allPools ?? [])]
  }

  /** See {@link Pools.existing}. */
  existingPool(identity: Identity, protocol: Protocol, db: number): Pool | undefined {
    return this.#pools.existing(identity, protocol, db)
  }

  accepts({ result }: HandshakeReport): boolean {
    return result === HandshakeResult.Ready || result === HandshakeResult.Unauthenticated
  }

  /** Is told once, at the next verdict that the shard serves. */
  wait(waiter: ShardWaiter): void {
    this.#waiters.add(waiter)
    if (!this.isServing) return
    // Waiting while it serves means that the last verdict was not good enough: ask for another.
    this.#watch.hurry()
  }

  forget(waiter: ShardWaiter): void {
    this.#waiters.delete(waiter)
  }

  /** Stops the flow until the server has been asked again what it is. */
  suspect(evidence: string): void {
    if (this.isServing) {
      this.#leaveServing(ShardState.Suspect)
      this.#context.log.warn({ backend: addressText(this.address), evidence }, 'primary is suspect, commands wait')
    }
    this.#watch.doubt()
  }

  /** Closes or opens the fast path: whoever asks for the pause judges what waits. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.isOpen = this.isServing && !isPaused
  }

  /** To be called now and then: idle connections are kept alive or closed. */
  tend(now: number): void {
    for (const pool of this.#pools.all()) pool.tend(now)
    this.replicas?.tend(now)
  }

  #accepted(verdict: Verdict): void {
    this.isAuthenticationRequired = verdict.isAuthenticationRequired
    this.#evidence = ''
    if (this.#address === null) this.#address = verdict.address
    // The same server is another object once discovery has taken it for another pod.
    else if (verdict.address !== this.#address) this.#switchTo(verdict)
    if (!this.isServing) this.#serve(verdict)
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.shardServes(verdict.askedAt)
  }

  /** From here on no connection to the former primary carries anything new. */
  #switchTo({ address, isFormerDemoted, isFormerGone }: Verdict): void {
    const former = this.generation
    this.#switchReason = isFormerGone ? 'moved' : 'promoted'
    this.#leaveServing(ShardState.Holding)
    this.#address = address
    for (const pool of this.#pools.all()) pool.retireAll()
    const destroyFormer = () => {
      for (const pool of this.#pools.all()) pool.destroyUpTo(former)
    }
    // A server that was demoted refuses what it has not run, which may then be asked again. Any other one is not to be trusted.
    if (isFormerDemoted) this.#context.runtime.after(this.#context.config.holdMs, destroyFormer)
    else destroyFormer()
  }

  #serve(verdict: Verdict): void {
    const { reason, servers, isDataMissing } = verdict
    const { log, runtime } = this.#context
    const backend = addressText(this.address)
    const seconds = Math.round(runtime.now() - this.notServingSince) / 1000
    if (this.state === ShardState.Holding) {
      this.generation++
      this.#history.switched(verdict, this.#switchReason)
      this.#switchReason = 'returned'
      const evidence = servers === undefined ? {} : { reason, servers }
      log.info({ backend, generation: this.generation, seconds, ...evidence }, 'primary verified, serving')
      if (isDataMissing) log.error({ backend, servers }, 'the primary is empty, while another server holds data')
    } else log.info({ backend, seconds }, 'primary confirmed, serving again')
    this.#history.serves()
    this.#enter(ShardState.Serving)
    this.isServing = true
    this.isOpen = !this.#isPaused
    for (const pool of this.#pools.all()) pool.shardServes()
  }

  #noPrimary(report: HandshakeReport): void {
    if (report.result === HandshakeResult.Lost && this.state === ShardState.Serving) {
      // The next attempt to connect tells whether the server is gone or only this connection.
      this.suspect(`control connection: ${report.evidence}`)
      return
    }
    if (this.#evidence !== report.evidence) {
      this.#evidence = report.evidence
      const backend = this.#address === null ? this.#watch.names : addressText(this.#address)
      this.#context.log.warn({ backend, evidence: report.evidence }, 'no primary, commands wait')
    }
    if (this.isServing || this.state === ShardState.Suspect) this.#leaveServing(ShardState.Holding)
    // What was verified for the old generation may carry nothing new; what is in flight is still answered.
    for (const pool of this.#pools.all()) pool.retireAll()
    this.#watch.doubt()
  }

  #leaveServing(state: ShardState): void {
    if (this.isServing) {
      this.notServingSince = this.#context.runtime.now()
      this.#history.stopped()
    }
    this.isServing = false
    this.isOpen = false
    this.#enter(state)
  }

  #enter(state: ShardState): void {
    if (state !== this.#state) this.#since = this.#context.runtime.wallClock()
    this.#state = state
  }
}
