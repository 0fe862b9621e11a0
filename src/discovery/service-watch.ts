// Follows a Service: its EndpointSlices while the API server can be asked, DNS as long as it never could.

import type { ServiceName } from '../config/service-name.ts'
import type { Config } from '../config.ts'
import type { Log } from '../operations/log.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Endpoint } from '../topology/endpoint.ts'
import { type EndpointSlice, endpointsOf } from '../topology/endpoint-slices.ts'
import { inClusterAccess, KubernetesApi, ownNamespace, type ReadAccess } from './kubernetes-api.ts'
import { Reflector } from './reflector.ts'
import { ServiceDns } from './service-dns.ts'

const REDIS_PORT = 6379
/** A log line quotes so many servers. */
const QUOTED_SERVERS = 16

export class ServiceWatch {
  readonly #config: Config
  readonly #runtime: Runtime
  readonly #log: Log
  readonly #service: ServiceName
  readonly #follow: (endpoints: readonly Endpoint[]) => void
  #namespace = ''
  #reflector: Reflector | null = null
  #dns: ServiceDns | null = null
  /** As logged last. */
  #servers: readonly string[] | null = null
  /** What the API server could not be asked for, as logged last; '' while all is well. */
  #trouble = ''
  #isListed = false
  #isStopped = false

  /** @param follow is told all endpoints, after each change; an empty list is told as well. */
  constructor(
    config: Config,
    service: ServiceName,
    runtime: Runtime,
    log: Log,
    follow: (endpoints: readonly Endpoint[]) => void,
  ) {
    this.#config = config
    this.#service = service
    this.#runtime = runtime
    this.#log = log
    this.#follow = follow
  }

  /** Runs until {@link stop}; never rejects. */
  async run(): Promise<void> {
    const access = await this.#access()
    if (this.#isStopped) return
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
    this.#isStopped = true
    this.#reflector?.stop()
    this.#dns?.stop()
  }

  async #access(): Promise<ReadAccess | undefined> {
    const { KUBECONFIG } = process.env
    const inCluster = KUBECONFIG ? undefined : inClusterAccess(process.env)
    try {
      const outside = inCluster === undefined ? (await import('./kubeconfig.ts')).kubeconfigAccess() : undefined
      this.#namespace = this.#service.namespace ?? ownNamespace() ?? outside?.namespace ?? 'default'
      return inCluster ?? outside!.access
    } catch (error) {
      this.#namespace = this.#service.namespace ?? 'default'
      this.#failed(0, `no access to Kubernetes: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }

  #works(): void {
    if (this.#trouble !== '') this.#log.info({ service: this.#name }, 'the API server answers, its watch is in use')
    this.#trouble = ''
  }

  #changed(slices: readonly EndpointSlice[]): void {
    this.#isListed = true
    this.#dns?.stop()
    this.#dns = null
    this.#publish(endpointsOf(slices, this.#service.port, this.#config.backendTls), 'endpoint slices')
  }

  #publish(endpoints: readonly Endpoint[], source: string): void {
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
    this.#follow(endpoints)
  }

  #failed(status: number, message: string): void {
    // Texts differ from one attempt to the next; what an operator has to do does not.
    const trouble = String(status)
    if (trouble !== this.#trouble) {
      this.#trouble = trouble
      const facts = { service: this.#name, status, problem: message, create: status === 403 ? this.#role : undefined }
      this.#log.warn(
        facts,
        `the API server cannot be asked; ${this.#isListed ? 'servers known so far stay' : 'DNS is used'}`,
      )
    }
    if (this.#isListed || this.#dns !== null || this.#isStopped) return
    const { service, port } = this.#service
    this.#dns = new ServiceDns(this.#runtime, `${service}.${this.#namespace}.svc`, (hosts) => {
      const number = typeof port === 'number' ? port : REDIS_PORT
      this.#publish(
        hosts.map((host) => ({ host, port: number, uid: '', zone: undefined })),
        'DNS',
      )
    })
    void this.#dns.start()
  }

  get #name(): string {
    return `${this.#namespace}/${this.#service.service}`
  }

  /** The command that gives what is missing. */
  get #role(): string {
    const name = 'rusteze-discovery'
    return (
      `kubectl -n ${this.#namespace} create role ${name} --verb=list,watch --resource=endpointslices.discovery.k8s.io && ` +
      `kubectl -n ${this.#namespace} create rolebinding ${name} --role=${name} --group=system:serviceaccounts:${ownNamespace() ?? '<namespace of the application>'}`
    )
  }
}
