// A Service of a real Kubernetes API server, whose EndpointSlices are kept true to the servers whenever the API can be asked.
import { KubernetesApiServer, SLICES } from '../support/kubernetes-api-server.ts'
import { waitUntil } from '../support/wait-until.ts'

/** The endpoints of a Service may be spread over any number of slices. */
const SLICE_COUNT = 2
/** Above the backoff of a watch whose API server went away several times in a row. */
const PATIENCE_MS = 90_000

export interface Endpoint {
  readonly host: string
  readonly port: number
  /** Of the pod: another one at the same address is another server. */
  readonly uid: string
}

/** Started once; each chapter has a Service of its own. */
export class ServiceApi {
  readonly #api = new KubernetesApiServer()
  isAway = false

  static async start(): Promise<ServiceApi> {
    const api = new ServiceApi()
    await api.#api.start()
    return api
  }

  /** The settings by which a proxy finds the Service. */
  settings(name: string): Record<string, string> {
    return { RUSTEZE_SERVICE: `default/${name}:redis`, KUBECONFIG: this.#api.kubeconfig('admin') }
  }

  async call(method: string, path: string, body: unknown): Promise<void> {
    await this.#api.call(method, path, body)
  }

  /** Kills the API server, and starts it again once `during` has come to its end. @param isCompacted etcd forgets what came before. */
  async outage<Result>(isCompacted: boolean, during: () => Promise<Result>): Promise<Result> {
    this.isAway = true
    await this.#api.killApiServer()
    try {
      return await during()
    } finally {
      if (isCompacted) await this.#api.compact()
      await this.#api.startApiServer()
      this.isAway = false
    }
  }

  async stop(): Promise<void> {
    await this.#api.stop()
  }
}

export class Service {
  readonly api: ServiceApi
  readonly name: string
  #endpoints: readonly Endpoint[] = []
  #isWritten = false
  #isCreated = false
  #writing: Promise<void> = Promise.resolve()

  constructor(api: ServiceApi, name: string) {
    this.api = api
    this.name = name
  }

  /** These are the servers from now on; as long as the API is away nobody hears of it, until {@link catchUp}. */
  async show(endpoints: readonly Endpoint[]): Promise<void> {
    this.#endpoints = endpoints
    this.#isWritten = false
    await this.catchUp()
  }

  /** Writes what is not written yet. */
  async catchUp(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write())
    await this.#writing
  }

  /** Waits until a proxy knows the servers. @param log all it has logged. */
  async isKnown(log: () => string): Promise<void> {
    const wanted = () => this.#endpoints.map(({ host, port }) => `${host}:${port}`).sort()
    await waitUntil(() => String(serversIn(log())) === String(wanted()), {
      what: `the proxy knows ${wanted()}`,
      timeoutMs: PATIENCE_MS,
    })
  }

  async #write(): Promise<void> {
    if (this.#isWritten || this.api.isAway) return
    const endpoints = this.#endpoints
    for (let index = 0; index < SLICE_COUNT; index++) {
      const own = endpoints.filter((_, at) => at % SLICE_COUNT === index)
      const path = this.#isCreated ? `${SLICES}/${this.#sliceName(index)}` : SLICES
      await this.api.call(this.#isCreated ? 'PUT' : 'POST', path, this.#slice(index, own))
    }
    this.#isCreated = true
    this.#isWritten = endpoints === this.#endpoints
  }

  #sliceName(index: number): string {
    return `${this.name}-${index}`
  }

  #slice(index: number, endpoints: readonly Endpoint[]): object {
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: this.#sliceName(index), labels: { 'kubernetes.io/service-name': this.name } },
      addressType: 'IPv4',
      // One port for all: in their own network, servers have the same.
      ports: [{ name: 'redis', port: endpoints[0]?.port ?? null }],
      endpoints: endpoints.map(({ host, uid }) => ({
        addresses: [host],
        targetRef: { kind: 'Pod', name: uid, uid },
      })),
    }
  }
}

/** What the lines about changes of the Service add up to. */
function serversIn(log: string): string[] {
  const servers = new Set<string>()
  for (const line of log.split('\n')) {
    if (!line.includes('"source":"endpoint slices"')) continue
    const { added, removed } = JSON.parse(line) as { added: string[]; removed: string[] }
    for (const server of added) servers.add(server)
    for (const server of removed) servers.delete(server)
  }
  return [...servers].sort()
}
