// How long to wait before the next attempt to connect.
import type { Runtime } from '../runtime/runtime.ts'

/** First pause in ms; short, because most losses are one connection and not a server. */
const FIRST_MS = 20
/** Longest pause in ms: a restarted server is found within it, and a thousand sidecars are a thousand attempts a second at most. */
const LONGEST_MS = 1000

/** Grows exponentially and is spread evenly over its upper half, so that many proxies do not come at the same moment. */
export class Backoff {
  readonly #runtime: Runtime
  #failures = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** The pause before the next attempt, in ms. */
  next(): number {
    const ms = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures++)
    return ms * (0.5 + this.#runtime.random() / 2)
  }

  reset(): void {
    this.#failures = 0
  }
}
