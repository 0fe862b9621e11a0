// One replica that may be read from: how fresh its data is, how fast it answers, and the connections to it.
import type { Address } from '../runtime/runtime.ts'
import { addressText, type BackendContext } from './backend-context.ts'
import { type HandshakeReport, HandshakeResult } from './handshake.ts'
import type { PoolHome } from './pool.ts'
import { Pools } from './pools.ts'
import type { ReplicaStatus } from './shard-status.ts'

/** How much of the former average remains with each answer. */
const MEMORY = 0.8
/** What was measured so long ago counts half, in ms: a replica that was slow is tried again. */
const HALF_LIFE_MS = 250
/** Below this, differences between replicas are chance, in ms. */
const LEAST_LATENCY_MS = 2

export class Replica implements PoolHome {
  readonly address: Address
  /** It is in the zone this proxy runs in. */
  readonly isNear: boolean
  readonly pools: Pools
  /** Every write acknowledged before this time is in its data, in the runtime's ms. */
  completeUntil = Number.NEGATIVE_INFINITY
  /** Raised with each exclusion, so that no handshake from before counts. */
  generation = 0
  isServing = false
  readonly #context: BackendContext
  #latencyMs = 0
  #measuredAt = 0
  /** What was logged last. */
  #evidence = ''

  constructor(context: BackendContext, address: Address, zone: string | undefined) {
    this.#context = context
    this.address = address
    this.isNear = zone !== undefined && zone === context.config.zone
    this.pools = new Pools(context, this)
  }

  /** Its data is no older than RUSTEZE_REPLICA_MAX_LAG allows. */
  isFresh(now: number): boolean {
    return this.isServing && now - this.completeUntil <= this.#context.config.replicaMaxLagMs
  }

  accepts({ result }: HandshakeReport): boolean {
    return result === HandshakeResult.Replica
  }

  /** It follows the primary. */
  include(): void {
    if (this.isServing) return
    this.isServing = true
    this.#evidence = ''
    this.#context.log.info({ replica: addressText(this.address) }, 'replica serves reads')
    for (const pool of this.pools.all()) pool.shardServes()
  }

  /** It gets no more reads until it is found to follow again; those it has not answered go to the primary. */
  exclude(evidence: string): void {
    if (this.#evidence !== evidence) {
      this.#evidence = evidence
      this.#context.log.warn({ replica: addressText(this.address), evidence }, 'replica serves no reads')
    }
    if (!this.isServing) return
    this.isServing = false
    for (const pool of this.pools.all()) pool.destroyUpTo(this.generation)
    this.generation++
  }

  suspect(evidence: string): void {
    this.exclude(evidence)
  }

  /** A client's reads were answered. @param ms from the first to the last of them. */
  answered(ms: number): void {
    const now = this.#context.runtime.now()
    this.#latencyMs = MEMORY * this.#latencyAt(now) + (1 - MEMORY) * ms
    this.#measuredAt = now
  }

  /** What one more read costs here: the queue it would join times the pace at which that moves, in powers of two. */
  cost(inFlight: number, now: number): number {
    const latency = Math.max(this.#latencyAt(now), LEAST_LATENCY_MS)
    return (inFlight + 1) * 2 ** Math.round(Math.log2(latency))
  }

  get status(): ReplicaStatus {
    const now = this.#context.runtime.now()
    let outstanding = 0
    for (const { sharedInFlight } of this.pools.all()) outstanding += sharedInFlight
    const lagMs = Number.isFinite(this.completeUntil) ? now - this.completeUntil : undefined
    const { isServing } = this
    const evidence = isServing ? '' : this.#evidence || 'not known yet'
    return { isServing, evidence, lagMs, outstanding, latencyMs: this.#latencyAt(now) }
  }

  tend(now: number): void {
    for (const pool of this.pools.all()) pool.tend(now)
  }

  close(): void {
    this.isServing = false
    for (const pool of this.pools.all()) pool.close()
  }

  #latencyAt(now: number): number {
    return this.#latencyMs * 2 ** ((this.#measuredAt - now) / HALF_LIFE_MS)
  }
}
