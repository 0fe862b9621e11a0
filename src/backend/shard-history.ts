// Remembers how a shard came to its primary, and how long it was without one.
import type { Runtime } from '../runtime/runtime.ts'
import { addressText } from './backend-context.ts'
import type { Verdict } from './primary-watch.ts'
import type { PrimaryStatus, ShardStatus, SwitchReason } from './shard-status.ts'

export class ShardHistory {
  primary: PrimaryStatus | null = null
  readonly switches: Record<SwitchReason, number> = { first: 0, promoted: 0, moved: 0, returned: 0 }
  readonly #runtime: Runtime
  #notServingSince: number | null
  #count = 1
  #lastMs = 0
  #totalMs = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#notServingSince = runtime.now()
  }

  /** A primary was verified for a new generation. */
  switched({ address, reason, servers, isDataMissing }: Verdict, why: SwitchReason): void {
    this.switches[why]++
    const since = this.#runtime.wallClock()
    this.primary = { address: addressText(address), since, reason, servers: servers ?? {}, isDataMissing }
  }

  stopped(): void {
    this.#count++
    this.#notServingSince = this.#runtime.now()
  }

  serves(): void {
    this.#lastMs = this.#sinceStopMs
    this.#totalMs += this.#lastMs
    this.#notServingSince = null
  }

  get interruptions(): ShardStatus['interruptions'] {
    return { count: this.#count, lastMs: this.#lastMs, totalMs: this.#totalMs + this.#sinceStopMs }
  }

  get #sinceStopMs(): number {
    return this.#notServingSince === null ? 0 : this.#runtime.now() - this.#notServingSince
  }
}
