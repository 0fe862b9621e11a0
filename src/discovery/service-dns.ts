// Discovery without the API server: the addresses that the Service's name resolves to, asked again as their TTL runs out.
import type { Resolver } from 'node:dns/promises'
import type { Runtime, Timer } from '../runtime/runtime.ts'

/** The questions asked of a name server. */
export type NameServer = Pick<Resolver, 'resolve4' | 'resolve6' | 'resolveSrv' | 'cancel'>

/** Asked again after so long when there was no answer: the TTL of CoreDNS as Kubernetes ships it, in ms. */
const RETRY_MS = 5000
/** A TTL of 0 makes no one ask all the time, and one that is long hides no failover for longer than this, in ms. */
const TTL_MS = { least: 1000, most: 30_000 }
/** Caches count a TTL down for all alike: spreads those who ask when it is over, in ms. */
const SPREAD_MS = 500
/** Time for one answer, in ms, and how often it is asked for. */
const ANSWER = { timeout: 2000, tries: 2 }
const REDIS_PORT = 6379

/**
 * Not the system's resolver: that tells no TTL, and holds up the end of the process for as long as it waits for an answer. The price is
 * that nothing searches domains for us: the name has to be whole.
 */
export function systemNameServer(): NameServer {
  const { Resolver } = process.getBuiltinModule('node:dns/promises')
  return new Resolver(ANSWER)
}

export interface DnsObserver {
  /** After an answer that differs from the one before. */
  changed(addresses: readonly string[], port: number): void
  /** After each round: whether there was an answer. */
  asked(isAnswered: boolean): void
}

export class ServiceDns {
  readonly #runtime: Runtime
  readonly #nameServer: NameServer
  readonly #host: string
  /** Looked up; '' where there is nothing to look up. */
  readonly #portName: string
  readonly #observer: DnsObserver
  #port: number
  /** What the observer was told last. */
  #told = ''
  #timer: Timer | null = null
  #isStopped = false

  /** @param port undefined is Redis's own; so is a name as long as no SRV record tells more. */
  constructor(
    runtime: Runtime,
    nameServer: NameServer,
    host: string,
    port: string | number | undefined,
    observer: DnsObserver,
  ) {
    this.#runtime = runtime
    this.#nameServer = nameServer
    this.#host = host
    this.#portName = typeof port === 'string' ? port : ''
    this.#port = typeof port === 'number' ? port : REDIS_PORT
    this.#observer = observer
  }

  /** Asks until {@link stop}; never rejects. */
  async start(): Promise<void> {
    const [records] = await Promise.all([this.#addresses(), this.#findPort()])
    if (this.#isStopped) return
    // A name that does not resolve takes nothing away: the servers known so far are still asked.
    if (records.length > 0) this.#tell([...new Set(records.map(({ address }) => address))].toSorted())
    this.#observer.asked(records.length > 0)
    const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1000
    const waitMs = records.length > 0 ? Math.min(Math.max(ttlMs, TTL_MS.least), TTL_MS.most) : RETRY_MS
    this.#timer = this.#runtime.after(waitMs + SPREAD_MS * this.#runtime.random(), () => void this.start())
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#nameServer.cancel()
  }

  #tell(addresses: readonly string[]): void {
    const answer = `${addresses.join()} ${this.#port}`
    if (answer !== this.#told) this.#observer.changed(addresses, this.#port)
    this.#told = answer
  }

  /** Of a pod with addresses of both families only one counts: IPv4, as in slices, and only where the name has none the other. */
  async #addresses(): Promise<readonly { readonly address: string; readonly ttl: number }[]> {
    try {
      return await this.#nameServer.resolve4(this.#host, { ttl: true })
    } catch (error) {
      // Without an answer the name may have either.
      if ((error as NodeJS.ErrnoException).code !== 'ENODATA' || this.#isStopped) return []
      return this.#nameServer.resolve6(this.#host, { ttl: true }).catch(() => [])
    }
  }

  async #findPort(): Promise<void> {
    if (this.#portName === '') return
    const records = await this.#nameServer.resolveSrv(`_${this.#portName}._tcp.${this.#host}`).catch(() => [])
    if (records.length > 0) this.#port = Math.min(...records.map(({ port }) => port))
  }
}
