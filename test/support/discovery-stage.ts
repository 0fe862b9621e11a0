// Follows the Service `default/redis` of a real API server as a pod of the namespace `app` does, through a link that can be cut.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../../src/config.ts'
import { thisPod } from '../../src/discovery/pod.ts'
import { ServiceWatch } from '../../src/discovery/service-watch.ts'
import { createLog } from '../../src/operations/log.ts'
import { nodeRuntime } from '../../src/runtime/node-runtime.ts'
import type { ServiceEndpoint } from '../../src/topology/endpoint.ts'
import { type DnsServer, startDnsServer } from './dns-server.ts'
import { type KubernetesApiServer, SLICES } from './kubernetes-api-server.ts'
import { TcpLink } from './tcp-link.ts'
import { waitUntil } from './wait-until.ts'

const RIGHTS = '/apis/rbac.authorization.k8s.io/v1/namespaces/default'

export class DiscoveryStage {
  readonly api: KubernetesApiServer
  readonly link: TcpLink
  readonly dns: DnsServer
  /** The addresses told, after each time. */
  readonly told: string[] = []
  readonly logLines: string[] = []
  endpoints: readonly ServiceEndpoint[] = []
  readonly directory = mkdtempSync(join(tmpdir(), 'service-account-'))
  #watch: ServiceWatch | undefined
  #ended: Promise<void> | undefined

  private constructor(api: KubernetesApiServer, link: TcpLink, dns: DnsServer) {
    this.api = api
    this.link = link
    this.dns = dns
    this.write('ca.crt', api.certificate)
    this.write('namespace', 'app')
  }

  static async set(api: KubernetesApiServer): Promise<DiscoveryStage> {
    return new DiscoveryStage(api, await TcpLink.start(api.port), await startDnsServer())
  }

  get watch(): ServiceWatch {
    if (this.#watch === undefined) throw new Error('nothing is followed yet')
    return this.#watch
  }

  /** Into the directory of the service account. */
  write(name: string, content: string | Buffer): void {
    writeFileSync(join(this.directory, name), content)
  }

  /** @param environment of the pod; that of a cluster by default. */
  follow(
    environment: Readonly<Record<string, string>> = {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(this.link.port),
    },
  ): void {
    const parsed = parseConfig({ RUSTEZE_SERVICE: 'default/redis' })
    if ('errors' in parsed) throw new Error('the settings of the stage are wrong')
    const { config } = parsed
    const log = createLog('info', 'json', { write: (line) => this.logLines.push(line) })
    const follow = (endpoints: readonly ServiceEndpoint[]) => {
      this.endpoints = endpoints
      const text = endpoints.map(({ host, port }) => (port === 6379 ? host : `${host}:${port}`)).join(' ')
      if (text !== this.told.at(-1)) this.told.push(text)
    }
    const pod = {
      ...thisPod,
      environment,
      serviceAccount: this.directory,
      makeNameServer: () => this.dns.makeNameServer(),
    }
    this.#watch = new ServiceWatch(config, config.service!, nodeRuntime, log, follow, pod)
    this.#ended = this.#watch.run()
  }

  async tells(addresses: string, timeoutMs = 10_000): Promise<void> {
    const what = `it tells '${addresses}', not ${JSON.stringify(this.told)}; it logs ${this.logLines.join('')}`
    await waitUntil(() => this.told.at(-1) === addresses, { what, timeoutMs })
  }

  async logs(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    const what = `the log says ${pattern}; it says ${this.logLines.join('')}`
    await waitUntil(() => this.count(pattern) > 0, { what, timeoutMs })
  }

  /** How many log lines match. */
  count(pattern: RegExp): number {
    return this.logLines.filter((line) => pattern.test(line)).length
  }

  async create(...slices: readonly object[]): Promise<void> {
    for (const slice of slices) await this.api.call('POST', SLICES, slice)
  }

  async replace(slice: { readonly metadata: { readonly name: string } }): Promise<void> {
    await this.api.call('PUT', `${SLICES}/${slice.metadata.name}`, slice)
  }

  async remove(name: string): Promise<void> {
    await this.api.call('DELETE', `${SLICES}/${name}`)
  }

  /** The Role of the README, for the namespace `app`. */
  async grant(): Promise<void> {
    await this.api.call('POST', `${RIGHTS}/roles`, {
      metadata: { name: 'rusteze-discovery' },
      rules: [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }],
    })
    await this.api.call('POST', `${RIGHTS}/rolebindings`, {
      metadata: { name: 'rusteze-discovery' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'rusteze-discovery' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:serviceaccounts:app' }],
    })
    await this.#isAllowed(true)
  }

  async revoke(): Promise<void> {
    await this.api.call('DELETE', `${RIGHTS}/rolebindings`)
    await this.api.call('DELETE', `${RIGHTS}/roles`)
    await this.#isAllowed(false)
  }

  /** The API server takes a moment to know. */
  async #isAllowed(isAllowed: boolean): Promise<void> {
    const resourceAttributes = {
      namespace: 'default',
      group: 'discovery.k8s.io',
      resource: 'endpointslices',
      verb: 'list',
    }
    const spec = {
      user: 'system:serviceaccount:app:default',
      groups: ['system:serviceaccounts:app'],
      resourceAttributes,
    }
    await waitUntil(
      async () => {
        const answer = await this.api.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec })
        return (answer as { status: { allowed: boolean } }).status.allowed === isAllowed
      },
      { what: `the rights are ${isAllowed ? 'given' : 'taken'}` },
    )
  }

  async end(): Promise<void> {
    this.#watch?.stop()
    await this.#ended
    this.link.close()
    await this.dns.stop()
    await this.api.call('DELETE', SLICES)
    await this.revoke()
    rmSync(this.directory, { recursive: true })
  }
}

/** A slice of the Service; its endpoints are addresses, or whole. */
export function slice(name: string, endpoints: readonly (string | object)[], more: object = {}) {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': 'redis' } },
    addressType: 'IPv4',
    ports: [{ name: 'tcp-redis', port: 6379 }],
    endpoints: endpoints.map((each) => (typeof each === 'string' ? { addresses: [each] } : each)),
    ...more,
  }
}

/** A pod of a slice, as the controller describes it. */
export function podAt(address: string, name: string, conditions: object = { ready: true, serving: true }) {
  const targetRef = { kind: 'Pod', namespace: 'default', name, uid: `uid-of-${name}` }
  return { addresses: [address], conditions, targetRef }
}
