// Follows a Service: its EndpointSlices while the API server can be asked, DNS as long as it never could.

import type { ServiceName } from '../config/service-name.ts'
import type { Config } from '../config.ts'
import type { Log } from '../operations/log.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { ServiceEndpoint } from '../topology/endpoint.ts'
import { type EndpointSlice, endpointsOf } from '../topology/endpoint-slices.ts'
import { findApi, likelyNamespace, roleCommands } from './api-access.ts'
import { countByState, type DiscoveryStatus, noLists, noWatchRestarts } from './discovery-status.ts'
import { KubernetesApi, type ReadAccess } from './kubernetes-api.ts'
import { type Pod, serviceHost, thisPod } from './pod.ts'
import { Reflector } from './reflector.ts'
import { RetryPause } from './retry-pause.ts'
import { ServiceDns } from './service-dns.ts'

/** An API server that has not answered after so long is not waited for, in ms: commands wait for a server, and no longer than RUSTEZE_HOLD. */
const PATIENCE_MS = 1500
/** A log line quotes so many servers. */
const QUOTED_SERVERS = 16

export class ServiceWatch {
  readonly #config: Config
  readonly #runtime: Runtime
  readonly #log: Log
  readonly #service: ServiceName
  readonly #follow: (endpoints: readonly ServiceEndpoint[]) => void
  readonly #pod: Pod
  readonly #abort = new AbortController()
  #namespace = ''
  #reflector: Reflector | null = null
  #dns: ServiceDns | null = null
  #patience: Timer | null = null
  #endpoints: readonly ServiceEndpoint[] = []
  /** As logged last. */
  #servers: readonly string[] | null = null
  /** What the API server could not be asked for, as logged last; '' while all is well. */
  #trouble = ''
  #source: DiscoveryStatus['source'] = 'none yet'
  #isUp = false
  /** In ms since 1970. */
  #since: number
  /** When DNS answered last, in the runtime's ms. */
  #answeredAt: number | undefined

  /**
   * @param follow is told all endpoints, after each change; an empty list is told as well.
   * @param pod what this runs in, for tests.
   */
  constructor(
    config: Config,
    service: ServiceName,
    runtime: Runtime,
    log: Log,
    follow: (endpoints: readonly ServiceEndpoint[]) => void,
    pod: Pod = thisPod,
  ) {
    this.#config = config
    this.#service = service
    this.#runtime = runtime
    this.#log = log
    this.#follow = follow
    this.#pod = pod
    this.#since = runtime.wallClock()
  }

  /** Runs until {@link stop}; never rejects. */
  async run(): Promise<void> {
    this.#patience = this.#runtime.after(PATIENCE_MS, () => this.#askDns())
    const access = await this.#access()
    if (access === undefined) return
    const { service } = this.#service
    this.#reflector = new Reflector(new KubernetesApi(access), this.#runtime, this.#namespace, service, {
      changed: (slices) => this.#changed(slices),
      works: () => this.#works(),
      failed: (status, message) => this.#failed(status, message),
    })
    await this.#reflector.run()
  }

  stop(): void {
    this.#abort.abort()
    this.#patience?.cancel()
    this.#reflector?.stop()
    this.#dns?.stop()
  }

  /** For metrics. */
  get status(): DiscoveryStatus {
    const provenAt = this.#source === 'dns' ? this.#answeredAt : this.#reflector?.provenAt
    return {
      source: this.#source,
      isUp: this.#isUp,
      since: this.#since,
      snapshotAgeMs: provenAt === undefined ? undefined : this.#runtime.now() - provenAt,
      lastEventAt: this.#reflector?.lastEventAt,
      lists: { ...(this.#reflector?.lists ?? noLists) },
      watchRestarts: { ...(this.#reflector?.watchRestarts ?? noWatchRestarts) },
      endpoints: countByState(this.#endpoints),
    }
  }

  /** Tries until there is one. @returns undefined when it was stopped before. */
  async #access(): Promise<ReadAccess | undefined> {
    const { signal } = this.#abort
    this.#namespace = likelyNamespace(this.#pod, this.#service.namespace)
    const retry = new RetryPause(this.#runtime, signal)
    while (!signal.aborted) {
      try {
        const { access, namespace } = await findApi(this.#pod, this.#service.namespace)
        if (signal.aborted) return undefined
        this.#namespace = namespace
        // It was asked for a name in a namespace that may be another.
        this.#dns?.stop()
        this.#dns = null
        return access
      } catch (error) {
        this.#failed(0, error instanceof Error ? error.message : String(error))
        await retry.wait(retry.next().ms)
      }
    }
    return undefined
  }

  #enter(source: DiscoveryStatus['source'], isUp: boolean): void {
    if (source !== this.#source || isUp !== this.#isUp) this.#since = this.#runtime.wallClock()
    this.#source = source
    this.#isUp = isUp
  }

  #works(): void {
    if (this.#trouble !== '') this.#log.info({ service: this.#name }, 'the API server answers, its watch is in use')
    this.#trouble = ''
    this.#enter('endpointslices', true)
  }

  #changed(slices: readonly EndpointSlice[]): void {
    // Whether it can be watched as well is to be seen.
    this.#enter('endpointslices', this.#trouble === '')
    this.#dns?.stop()
    this.#dns = null
    this.#publish(endpointsOf(slices, this.#service.port, this.#config.backendTls), 'endpoint slices')
  }

  #publish(endpoints: readonly ServiceEndpoint[], source: string): void {
    const servers = endpoints.map(({ host, port }) => `${host}:${port}`)
    if (servers.join() !== this.#servers?.join()) {
      const known = this.#servers ?? []
      const added = servers.filter((server) => !known.includes(server)).slice(0, QUOTED_SERVERS)
      const removed = known.filter((server) => !servers.includes(server)).slice(0, QUOTED_SERVERS)
      this.#servers = servers
      const facts = { service: this.#name, source, added, removed, count: servers.length }
      if (servers.length > 0) this.#log.info(facts, 'servers of the Service changed')
      else
        this.#log.warn(facts, 'the Service has no endpoints with a port of Redis; servers known so far are still asked')
    }
    this.#endpoints = endpoints
    this.#follow(endpoints)
  }

  #failed(status: number, message: string): void {
    const isListed = this.#source === 'endpointslices'
    // Texts differ from one attempt to the next; what an operator has to do does not.
    const trouble = String(status)
    if (trouble !== this.#trouble) {
      this.#trouble = trouble
      const create = status === 403 ? roleCommands(this.#pod, this.#namespace) : undefined
      const facts = { service: this.#name, status, problem: message, create }
      this.#log.warn(facts, `the API server cannot be asked; ${isListed ? 'servers known so far stay' : 'DNS is used'}`)
    }
    if (isListed) this.#enter('endpointslices', false)
    this.#askDns()
  }

  /** Unless it is asked already, or the API server has told all. */
  #askDns(): void {
    if (this.#dns !== null || this.#source === 'endpointslices' || this.#abort.signal.aborted) return
    const { service, port } = this.#service
    const host = serviceHost(this.#pod, service, this.#namespace)
    this.#dns = new ServiceDns(this.#runtime, this.#pod.makeNameServer(), host, port, {
      changed: (hosts, number) => {
        const pod = { port: number, uid: '', zone: undefined, state: 'serving' as const }
        this.#publish(
          hosts.map((host) => ({ host, ...pod })),
          'DNS',
        )
      },
      asked: (isAnswered) => {
        if (isAnswered) this.#answeredAt = this.#runtime.now()
        if (isAnswered || this.#source === 'dns') this.#enter('dns', isAnswered)
      },
    })
    void this.#dns.start()
  }

  get #name(): string {
    return `${this.#namespace}/${this.#service.service}`
  }
}
