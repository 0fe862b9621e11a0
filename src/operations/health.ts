// What the probes of Kubernetes are told: has it started, does it take clients. The state of Redis is no part of it: an outage there
// would take every pod of the application out of its Service.
import type { Config } from '../config.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** What a probe is answered, and why. */
export interface Health {
  readonly isWell: boolean
  readonly reason: string
}

/**
 * Latches: what was true once stays true, but for the drain, which ends it all.
 *
 *     starting ──listens, and discovery has answered or STARTUP_WAIT is over──▶ started ──SIGTERM──▶ draining
 */
export class HealthLatches {
  readonly #config: Config
  readonly #runtime: Runtime
  readonly #clients: { readonly size: number }
  readonly #startedAt: number
  #isListening = false
  #isDiscovered = false
  #isDraining = false

  /** @param clients those that are connected. */
  constructor(config: Config, runtime: Runtime, clients: { readonly size: number }) {
    this.#config = config
    this.#runtime = runtime
    this.#clients = clients
    this.#startedAt = runtime.now()
  }

  /** Clients can connect. */
  listening(): void {
    this.#isListening = true
  }

  /** It was told where servers are, or that there are none. */
  discovered(): void {
    this.#isDiscovered = true
  }

  draining(): void {
    this.#isDraining = true
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  get startup(): Health {
    if (!this.#isListening) return { isWell: false, reason: 'starting: not listening yet' }
    if (this.#isDiscovered) return { isWell: true, reason: 'started' }
    const leftMs = this.#startedAt + this.#config.startupWaitMs - this.#runtime.now()
    if (leftMs <= 0) return { isWell: true, reason: 'started, though the discovery has not answered' }
    const seconds = (leftMs / 1000).toFixed(1)
    return { isWell: false, reason: `starting: waits for the first answer of the discovery, ${seconds} s at most` }
  }

  get readiness(): Health {
    const { startup } = this
    if (this.#isDraining) return { isWell: false, reason: 'draining' }
    if (!startup.isWell) return startup
    if (this.#clients.size >= this.#config.maxClients)
      return { isWell: false, reason: 'full: RUSTEZE_CLIENTS is reached' }
    return { isWell: true, reason: 'ready' }
  }
}
