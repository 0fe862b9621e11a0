// When clients may be told of errors: while a fault lasts, and as long as the proxy may need to recover from it.
import { type Fault, faultKind } from './faults.ts'
import type { ModelRedis } from './model-redis.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** Errors may still be told for so long after a fault: the proxy must find out, connect again and look at the server. */
export const RECOVERY_MS = 3000

interface Excuse {
  readonly fromMs: number
  toMs: number
}

export class Excuses {
  readonly #clock: VirtualClock
  readonly #servers: readonly ModelRedis[]
  readonly #all: Excuse[] = []
  readonly #open = new Map<Fault, Excuse>()

  constructor(clock: VirtualClock, servers: readonly ModelRedis[]) {
    this.#clock = clock
    this.#servers = servers
    for (const server of servers) server.onBusy = (ms) => this.#prolong(ms)
  }

  /** Whether a fault explains an error that came between these two times. */
  covers(fromMs: number, toMs: number): boolean {
    return this.#all.some((excuse) => excuse.fromMs <= toMs && fromMs <= excuse.toMs)
  }

  /** No server is there until then. */
  addStart(toMs: number): void {
    this.#all.push({ fromMs: 0, toMs: toMs + RECOVERY_MS })
  }

  /** @param isHeard clients may hear of it, though its kind is only a delay. */
  begin(fault: Fault, isHeard: boolean): void {
    const { nowMs } = this.#clock
    // A delay that falls into a recovery makes it longer.
    if (!isHeard && !faultKind(fault.name).excusesErrors && !this.covers(nowMs, nowMs)) return
    const excuse = { fromMs: nowMs, toMs: Number.POSITIVE_INFINITY }
    this.#all.push(excuse)
    this.#open.set(fault, excuse)
  }

  end(fault: Fault): void {
    const excuse = this.#open.get(fault)
    if (excuse === undefined) return
    const { nowMs } = this.#clock
    const busyMs = this.#servers.map(({ busyUntilMs }) => busyUntilMs - nowMs)
    excuse.toMs = nowMs + Math.max(0, ...busyMs) + RECOVERY_MS + (faultKind(fault.name).aftermathMs ?? 0)
  }

  /** Nobody recovers while the server is busy. */
  #prolong(ms: number): void {
    for (const excuse of this.#all) if (excuse.toMs >= this.#clock.nowMs) excuse.toMs += ms
  }
}
