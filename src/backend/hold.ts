// Counts what waits without a socket, over all clients, and ends the wait of what has waited too long.
import type { Config } from '../config.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { Turn } from '../runtime/turn.ts'

/** How often waiting requests are looked at, in ms: the precision of RUSTEZE_HOLD. */
const TICK_MS = 50

/** A queue with requests that wait. */
export interface Holder {
  /** Answers those that have waited too long. */
  expire(now: number): void
  /** When the first of them arrived, in the runtime's ms. */
  readonly waitingSince: number
}

export class Hold {
  commands = 0
  bytes = 0
  readonly #config: Config
  readonly #holders = new Set<Holder>()
  readonly #timer: Timer

  constructor(runtime: Runtime, turn: Turn, config: Config) {
    this.#config = config
    this.#timer = runtime.every(TICK_MS, () => {
      if (this.#holders.size === 0) return
      const now = runtime.now()
      for (const holder of [...this.#holders]) holder.expire(now)
      turn.settle()
    })
  }

  /** True when one more would be too much for the process. */
  get isFull(): boolean {
    return this.commands >= this.#config.holdCommands || this.bytes >= this.#config.holdBytes
  }

  /** Since when the oldest waits, in the runtime's ms; undefined while nothing waits. */
  get oldestSince(): number | undefined {
    let oldest: number | undefined
    for (const { waitingSince } of this.#holders)
      if (oldest === undefined || waitingSince < oldest) oldest = waitingSince
    return oldest
  }

  add(holder: Holder, bytes: number): void {
    this.commands++
    this.bytes += bytes
    this.#holders.add(holder)
  }

  /** @param isLast the holder has nothing more that waits. */
  remove(holder: Holder, bytes: number, isLast: boolean): void {
    this.commands--
    this.bytes -= bytes
    if (isLast) this.#holders.delete(holder)
  }

  close(): void {
    this.#timer.cancel()
  }
}
