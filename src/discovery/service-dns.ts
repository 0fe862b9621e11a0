// Discovery without the API server: the addresses that the Service's name resolves to, asked again and again.
import type { Runtime, Timer } from '../runtime/runtime.ts'

/** The TTL of cluster DNS (CoreDNS as Kubernetes ships it), in ms. The system's resolver, which knows the search domains, tells none. */
const TTL_MS = 5000

export class ServiceDns {
  readonly #runtime: Runtime
  readonly #host: string
  readonly #resolved: (addresses: readonly string[]) => void
  #timer: Timer | null = null
  #isStopped = false

  /** @param resolved hears of all addresses, after each answer that holds any. */
  constructor(runtime: Runtime, host: string, resolved: (addresses: readonly string[]) => void) {
    this.#runtime = runtime
    this.#host = host
    this.#resolved = resolved
  }

  async start(): Promise<void> {
    const { lookup } = process.getBuiltinModule('node:dns/promises')
    const addresses = await lookup(this.#host, { all: true }).catch(() => [])
    if (this.#isStopped) return
    // A name that does not resolve takes nothing away: the servers known so far are still asked.
    if (addresses.length > 0) this.#resolved(addresses.map(({ address }) => address).toSorted())
    this.#timer = this.#runtime.after(TTL_MS, () => void this.start())
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }
}
