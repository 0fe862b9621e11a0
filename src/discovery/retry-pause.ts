// The pauses between attempts at the API server, as client-go makes them.
import type { Runtime } from '../runtime/runtime.ts'

/** 0.8 s, doubled up to 30 s, with full jitter. */
const BACKOFF_MS = { first: 800, most: 30_000 }
/** After so long without a failure the backoff begins anew. */
const HEALTHY_MS = 120_000

export class RetryPause {
  readonly #runtime: Runtime
  readonly #signal: AbortSignal
  #backoffMs = BACKOFF_MS.first
  #failedAt = 0

  /** @param signal ends the pause that is being made. */
  constructor(runtime: Runtime, signal: AbortSignal) {
    this.#runtime = runtime
    this.#signal = signal
  }

  /** Notes a failure. @returns how long to wait before trying again, in ms, and whether there was none for a while. */
  next(): { readonly ms: number; readonly isFirst: boolean } {
    const now = this.#runtime.now()
    if (now - this.#failedAt > HEALTHY_MS) this.#backoffMs = BACKOFF_MS.first
    const backoffMs = this.#backoffMs
    this.#failedAt = now
    this.#backoffMs = Math.min(BACKOFF_MS.most, backoffMs * 2)
    return { ms: backoffMs * this.#runtime.random(), isFirst: backoffMs === BACKOFF_MS.first }
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#signal.aborted) return resolve()
      const end = () => {
        timer.cancel()
        this.#signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = this.#runtime.after(ms, end)
      this.#signal.addEventListener('abort', end)
    })
  }
}
