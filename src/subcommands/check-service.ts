// Where are the servers? Asks the API server for the Service as the discovery does: rights, slices, ports, and the name in DNS.
import type { Place } from '../backend/watched.ts'
import type { ServiceName } from '../config/service-name.ts'
import { suggest } from '../config/suggestion.ts'
import type { Config } from '../config.ts'
import { type ApiPlace, findApi, likelyNamespace, roleCommands } from '../discovery/api-access.ts'
import { ApiError, KubernetesApi } from '../discovery/kubernetes-api.ts'
import { inClusterAccess, type Pod, serviceHost, thisPod } from '../discovery/pod.ts'
import { ServiceDns } from '../discovery/service-dns.ts'
import { nodeRuntime } from '../runtime/node-runtime.ts'
import type { Address } from '../runtime/runtime.ts'
import type { EndpointState } from '../topology/endpoint.ts'
import { type EndpointSlice, endpointsOf, isEndpointSlice } from '../topology/endpoint-slices.ts'
import { countOf, failed, ok, type Report, warning } from './finding.ts'

/** A server to look at. */
export interface ServerPlace extends Place {
  /** What Kubernetes says of its pod; undefined where nobody does. */
  readonly state?: EndpointState
}

export interface Found {
  readonly places: readonly ServerPlace[]
  /** Those that RUSTEZE_PRIMARY_SERVICE labels. */
  readonly labelled: readonly Address[]
  /** How far the API server's clock is ahead of ours; undefined where it was not asked. */
  readonly apiSkewMs: number | undefined
}

/** For each question to the API server, in ms. */
const ANSWER_MS = 5000
/** As many slices are looked through for a name like the one that was not found. */
const MOST_SLICES = 500

export async function findServers(config: Config, report: Report, pod: Pod = thisPod): Promise<Found> {
  const { service, primaryService, backends } = config
  if (service === undefined) {
    const places = backends.map((address) => ({ address, uid: '', zone: undefined }))
    return { places, labelled: [], apiSkewMs: undefined }
  }
  const all = await new ServiceCheck(config, service, pod, report).run()
  const labelled = primaryService && (await new ServiceCheck(config, primaryService, pod, report).run())
  return {
    places: all.places,
    labelled: labelled?.places.map(({ address }) => address) ?? [],
    apiSkewMs: all.apiSkewMs,
  }
}

class ServiceCheck {
  readonly #config: Config
  readonly #service: ServiceName
  readonly #pod: Pod
  readonly #report: Report
  #namespace: string
  /** What it may not do; '' when nothing is missing. */
  #denial = ''

  constructor(config: Config, service: ServiceName, pod: Pod, report: Report) {
    this.#config = config
    this.#service = service
    this.#pod = pod
    this.#report = report
    this.#namespace = likelyNamespace(pod, service.namespace)
  }

  async run(): Promise<{ places: readonly ServerPlace[]; apiSkewMs: number | undefined }> {
    const api = await this.#findApi()
    const slices = api && (await this.#slices(api))
    const apiSkewMs = api && !Number.isNaN(api.clock) ? api.clock - nodeRuntime.wallClock() : undefined
    const places = slices === undefined ? await this.#resolve() : []
    if (this.#denial !== '') {
      // With what is left it works, though a failover is noticed later.
      const make = slices === undefined && places.length === 0 ? failed : warning
      this.#report(make('rights', this.#denial, `Run: ${roleCommands(this.#pod, this.#namespace)}`))
    }
    if (slices === undefined) return { places, apiSkewMs }
    if (inClusterAccess(this.#pod) !== undefined) await this.#resolve('slices')
    return { places: await this.#endpoints(api!, slices), apiSkewMs }
  }

  get #name(): string {
    return `${this.#namespace}/${this.#service.service}`
  }

  async #findApi(): Promise<KubernetesApi | undefined> {
    let place: ApiPlace
    try {
      place = await findApi(this.#pod, this.#service.namespace)
    } catch (error) {
      this.#report(failed('API server', `none is known: ${textOf(error)}`, 'Run in a pod, or set KUBECONFIG'))
      return undefined
    }
    this.#namespace = place.namespace
    return new KubernetesApi(place.access)
  }

  /** @returns undefined where they may not or cannot be listed. */
  async #slices(api: KubernetesApi): Promise<readonly EndpointSlice[] | undefined> {
    try {
      const missing = []
      for (const verb of ['list', 'watch']) if (!(await this.#mayI(api, verb))) missing.push(verb)
      if (missing.length > 0)
        this.#denial = `may not ${missing.join(' and ')} EndpointSlices in the namespace ${this.#namespace}`
      if (missing.includes('list')) return undefined
      const slices = await this.#list(api)
      if (missing.length > 0) return slices
      this.#report(ok('rights', `may list and watch EndpointSlices in the namespace ${this.#namespace}`))
      return slices
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0
      if (status === 403) this.#denial = textOf(error)
      else if (status === 401) {
        this.#report(
          failed(
            'API server',
            'it does not accept the token',
            'Look whether the token is mounted, current and meant for this cluster',
          ),
        )
      } else {
        const mend =
          'Look at KUBERNETES_SERVICE_HOST or the kubeconfig, and at NetworkPolicies that forbid the way to it'
        this.#report(failed('API server', `it cannot be asked: ${textOf(error)}`, mend))
      }
      return undefined
    }
  }

  /** As `kubectl auth can-i`. Who may not even ask that learns it from the list. */
  async #mayI(api: KubernetesApi, verb: string): Promise<boolean> {
    const resourceAttributes = {
      group: 'discovery.k8s.io',
      resource: 'endpointslices',
      verb,
      namespace: this.#namespace,
    }
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    }
    try {
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
      const answer = await api.send('POST', path, review, AbortSignal.timeout(ANSWER_MS))
      return (answer as { status?: { allowed?: boolean } }).status?.allowed === true
    } catch (error) {
      if (error instanceof ApiError && error.status === 403) return true
      throw error
    }
  }

  async #list(
    api: KubernetesApi,
    selector = `kubernetes.io/service-name=${this.#service.service}`,
  ): Promise<EndpointSlice[]> {
    const path = `/apis/discovery.k8s.io/v1/namespaces/${this.#namespace}/endpointslices`
    const query = `limit=${MOST_SLICES}&labelSelector=${encodeURIComponent(selector)}`
    const list = await api.get(`${path}?${query}`, AbortSignal.timeout(ANSWER_MS))
    return ((list as { items?: unknown[] }).items ?? []).filter(isEndpointSlice)
  }

  async #endpoints(api: KubernetesApi, slices: readonly EndpointSlice[]): Promise<readonly ServerPlace[]> {
    const endpoints = endpointsOf(slices, this.#service.port, this.#config.backendTls)
    if (endpoints.length === 0) {
      await this.#tellEmpty(api, slices)
      return []
    }
    const count = (state: EndpointState) => endpoints.filter((endpoint) => endpoint.state === state).length
    const states = [
      `${count('serving')} serving`,
      ...(count('terminating') > 0 ? [`${count('terminating')} terminating`] : []),
      ...(count('notServing') > 0 ? [`${count('notServing')} not serving`] : []),
    ].join(', ')
    const ports = [...new Set(endpoints.map(({ port }) => port))].map((port) => `${port}${portName(slices, port)}`)
    const sentinels = endpoints.filter(({ sentinelPort }) => sentinelPort !== undefined).length
    const facts = [
      `${this.#name} has ${countOf(endpoints.length, 'endpoint')} (${states})`,
      `port ${ports.join(' and ')}`,
      ...(sentinels > 0 ? [countOf(sentinels, 'Sentinel')] : []),
    ].join(', ')
    if (count('serving') > 0) this.#report(ok('Service', facts))
    else this.#report(warning('Service', facts, 'Look why no pod of it is ready: kubectl get pods'))
    return endpoints.map(({ host, port, ...rest }) => ({ address: { host, port }, ...rest }))
  }

  /** Slices without a usable endpoint, or none: the Service is told by what it lacks. */
  async #tellEmpty(api: KubernetesApi, slices: readonly EndpointSlice[]): Promise<void> {
    const ports = slices
      .flatMap((slice) => slice.ports ?? [])
      .map(({ name, port }) => `${port}${name ? ` (${name})` : ''}`)
    const addresses = slices.flatMap(({ endpoints }) => endpoints ?? [])
    if (slices.some(({ addressType }) => addressType === 'FQDN')) {
      this.#lacks('its endpoints are host names (FQDN), which are not followed', 'Name the hosts in RUSTEZE_BACKENDS')
    } else if (addresses.length > 0) {
      const wanted =
        this.#service.port === undefined
          ? 'no port is one of Redis by its name or number'
          : `no port is called ${this.#service.port}`
      const mend = `Write RUSTEZE_SERVICE=${this.#name}:<port>; it has ${[...new Set(ports)].join(', ')}`
      this.#lacks(`${countOf(addresses.length, 'endpoint')}, and ${wanted}`, mend)
    } else if (slices.length > 0) {
      this.#lacks(
        'it has no endpoints',
        'Look whether its selector matches pods, and whether they run: kubectl get pods',
      )
    } else this.#lacks(...(await this.#whyNone(api)))
  }

  #lacks(message: string, mend: string): void {
    this.#report(failed('Service', `${this.#name}: ${message}`, mend))
  }

  /** @returns message and mend. */
  async #whyNone(api: KubernetesApi): Promise<[string, string]> {
    const { service } = this.#service
    const path = `/api/v1/namespaces/${this.#namespace}/services/${service}`
    const answer = await api.get(path, AbortSignal.timeout(ANSWER_MS)).catch((error: unknown) => error)
    const { spec } = answer as { spec?: { type?: string; externalName?: string } }
    if (spec?.type === 'ExternalName') {
      return [`it only leads to the host ${spec.externalName}`, `Write RUSTEZE_BACKENDS=${spec.externalName}`]
    }
    if (spec !== undefined) return ['it has no endpoints', 'Give it a selector that matches the pods of Redis']
    const labels = (await this.#list(api, 'kubernetes.io/service-name')).map(serviceOf)
    const others = [...new Set(labels)].toSorted()
    const nearest = suggest(service, others)
    const known =
      others.length === 0 ? 'the namespace has no Service with endpoints' : `it has ${others.slice(0, 10).join(', ')}`
    return [
      'there is no such Service, or it has no endpoints at all',
      nearest ? `Did you mean ${nearest}?` : `Look at RUSTEZE_SERVICE: ${known}`,
    ]
  }

  /** Asks DNS once, as the proxy does where the API server cannot be asked. @param role what it is there for. */
  #resolve(role: 'instead' | 'slices' = 'instead'): Promise<readonly ServerPlace[]> {
    const { service, port } = this.#service
    const host = serviceHost(this.#pod, service, this.#namespace)
    let places: readonly ServerPlace[] = []
    return new Promise((resolve) => {
      const dns = new ServiceDns(nodeRuntime, this.#pod.makeNameServer(), host, port, {
        changed: (hosts, number) => {
          places = hosts.map((each) => ({ address: { host: each, port: number }, uid: '', zone: undefined }))
        },
        asked: (isAnswered) => {
          // It plans its next question behind this call.
          setImmediate(() => dns.stop())
          const found = `${host} resolves to ${countOf(places.length, 'address')}`
          if (isAnswered)
            this.#report(
              ok('DNS', role === 'slices' ? found : `${found}, which are used instead: a failover is noticed later`),
            )
          else if (role === 'slices')
            this.#report(
              warning(
                'DNS',
                `${host} does not resolve`,
                'Look at the DNS of the cluster: without the API server nothing would lead to the servers',
              ),
            )
          else
            this.#report(
              failed(
                'DNS',
                `${host} does not resolve either`,
                'Look at RUSTEZE_SERVICE, and whether this runs in the cluster',
              ),
            )
          resolve(places)
        },
      })
      void dns.start()
    })
  }
}

function portName(slices: readonly EndpointSlice[], port: number): string {
  const found = slices.flatMap((slice) => slice.ports ?? []).find((each) => each.port === port)
  return found?.name ? ` (${found.name})` : ''
}

function serviceOf({ metadata }: EndpointSlice): string {
  const { labels } = metadata as { labels?: Readonly<Record<string, string>> }
  return labels?.['kubernetes.io/service-name'] ?? ''
}

function textOf(error: unknown): string {
  const { code, message, name } = error as NodeJS.ErrnoException
  return name === 'TimeoutError' || name === 'AbortError'
    ? `no answer within ${ANSWER_MS / 1000} s`
    : message || code || name
}
