// rusteze doctor and a Service of a real API server: rights, slices, ports and names.

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ensureBuild } from '../../scripts/toolchain.mjs'
import { addressText } from '../../src/backend/backend-context.ts'
import { parseConfig } from '../../src/config.ts'
import { findServers } from '../../src/subcommands/check-service.ts'
import { lineOf } from '../../src/subcommands/finding.ts'
import { type DnsServer, startDnsServer } from '../support/dns-server.ts'
import { doctor, expectOnly, setSurgery } from '../support/doctor.ts'
import { hasKubernetes, KubernetesApiServer, SLICES } from '../support/kubernetes-api-server.ts'
import { freePort, type RedisServer } from '../support/redis-server.ts'

const SERVICES = '/api/v1/namespaces/default/services'
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/default'

/** The API server accepts no loopback address in a slice: the servers on 127.0.0.1 are written as 10.9.0.1, and reached all the same. */
const networkOfPods = `--import=data:text/javascript,${encodeURIComponent(`
  import net from 'node:net'
  const { connect } = net.Socket.prototype
  net.Socket.prototype.connect = function (...args) {
    const [options] = Array.isArray(args[0]) ? args[0] : args
    if (options?.host?.startsWith('10.9.')) options.host = options.host.replace('10.9.', '127.0.')
    return connect.apply(this, args)
  }`)}`

describe.skipIf(!hasKubernetes)('a Service (skipped without KUBEBUILDER_ASSETS)', () => {
  const api = new KubernetesApiServer()
  const { server, file } = setSurgery()

  beforeAll(async () => {
    await ensureBuild()
    await api.start()
  }, 90_000)
  afterAll(() => api.stop())
  afterEach(async () => {
    await api.call('DELETE', SLICES)
    for (const kind of ['rolebindings', 'roles']) await api.call('DELETE', `${RBAC}/${kind}`)
  })

  const as = (user: 'admin' | 'app', more: Record<string, string> = {}) => ({
    RUSTEZE_SERVICE: 'default/redis',
    KUBECONFIG: api.kubeconfig(user),
    NODE_OPTIONS: networkOfPods,
    ...more,
  })

  async function createSlice(more: object): Promise<void> {
    await api.call('POST', SLICES, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { generateName: 'redis-', labels: { 'kubernetes.io/service-name': 'redis' } },
      addressType: 'IPv4',
      ...more,
    })
  }

  const ready = { addresses: ['10.9.0.1'], conditions: { ready: true } }

  async function sliceOf({ port }: RedisServer, ...more: object[]): Promise<void> {
    const ports = [
      { name: 'metrics', port: 9121 },
      { name: 'tcp-redis', port },
    ]
    await createSlice({ ports, endpoints: [ready, ...more] })
  }

  async function allow(...verbs: string[]): Promise<void> {
    const metadata = { name: 'rusteze-discovery', namespace: 'default' }
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    const rules = [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs }]
    await api.call('POST', `${RBAC}/roles`, { apiVersion, kind: 'Role', metadata, rules })
    const subjects = [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccounts:app' }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'rusteze-discovery' }
    await api.call('POST', `${RBAC}/rolebindings`, { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects })
  }

  test('with just the rights that the README gives: nothing but ok', async () => {
    const redis = await server()
    await sliceOf(redis)
    await allow('list', 'watch')
    // The API server learns of it within a moment.
    await expect.poll(async () => (await doctor(as('app'))).code, { timeout: 10_000 }).toBe(0)
    const { lines, code } = await doctor(as('app'))
    expect(lines.slice(3)).toEqual([
      'ok       rights: may list and watch EndpointSlices in the namespace default',
      `ok       Service: default/redis has 1 endpoint (1 serving), port ${redis.port} (tcp-redis)`,
      expect.stringMatching(`^ok +10.9.0.1:${redis.port}: redis .*, master, no password is set`),
      `ok       primary: 10.9.0.1:${redis.port}: the only master`,
      'ok       clock: agrees with 2 others',
      '8 ok, 0 warnings, 0 failed',
    ])
    expect(code).toBe(0)
  })

  test('without rights: the Role that is missing, as the log shows it', async () => {
    await sliceOf(await server())
    const { output, code } = await doctor(as('app'))
    expect(output).toMatch(
      /^failed +rights: may not list and watch EndpointSlices in the namespace default\. Run: kubectl -n default create role rusteze-discovery --verb=list,watch --resource=endpointslices\.discovery\.k8s\.io && kubectl -n default create rolebinding rusteze-discovery --role=rusteze-discovery --group=system:serviceaccounts:/m,
    )
    expect(output).toMatch(/^failed +DNS: redis\.default\.svc\.\S+ does not resolve either/m)
    expect(code).toBe(1)
  })

  test('with the right to list alone: it works, and is told what is missing', async () => {
    await sliceOf(await server())
    await allow('list')
    await expect
      .poll(async () => (await doctor(as('app'))).output, { timeout: 10_000 })
      .toMatch(/^warning +rights: may not watch EndpointSlices/m)
    await expectOnly(/^warning +rights: may not watch EndpointSlices in the namespace default. Run: kubectl/, as('app'))
  })

  test('a Service that is none: one of a similar name is offered, else those there are', async () => {
    await sliceOf(await server())
    await expectOnly(/^failed +Service: default\/reddis: there is no such Service.*Did you mean redis\?$/, {
      ...as('admin'),
      RUSTEZE_SERVICE: 'default/reddis',
    })
    await expectOnly(/^failed +Service: default\/cache: .*Look at RUSTEZE_SERVICE: it has redis$/, {
      ...as('admin'),
      RUSTEZE_SERVICE: 'default/cache',
    })
    await expectOnly(/^failed +Service: elsewhere\/redis: .*the namespace has no Service with endpoints$/, {
      ...as('admin'),
      RUSTEZE_SERVICE: 'elsewhere/redis',
    })
  })

  test('one without endpoints, with another port, of host names, and one that only leads elsewhere', async () => {
    await createSlice({ ports: [{ name: 'redis', port: 6379 }], endpoints: [] })
    await expectOnly(/^failed +Service: default\/redis: it has no endpoints. Look whether its selector/, as('admin'))
    await api.call('DELETE', SLICES)
    const ports = [
      { name: 'http', port: 80 },
      { name: 'admin', port: 81 },
    ]
    await createSlice({ ports, endpoints: [ready] })
    await expectOnly(
      /: 1 endpoint, and no port is one of Redis by its name or number. Write RUSTEZE_SERVICE=default\/redis:<port>; it has 80 \(http\), 81 \(admin\)/,
      as('admin'),
    )
    await expectOnly(/no port is called data/, as('admin', { RUSTEZE_SERVICE: 'default/redis:data' }))
    await api.call('DELETE', SLICES)
    await createSlice({ addressType: 'FQDN', ports: [], endpoints: [{ addresses: ['redis.example'] }] })
    await expectOnly(/host names \(FQDN\), which are not followed. Name the hosts in RUSTEZE_BACKENDS/, as('admin'))
    await api.call('POST', SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'outside' },
      spec: { type: 'ExternalName', externalName: 'redis.example' },
    })
    await expectOnly(
      /default\/outside: it only leads to the host redis.example. Write RUSTEZE_BACKENDS=redis.example/,
      {
        ...as('admin'),
        RUSTEZE_SERVICE: 'default/outside',
      },
    )
  })

  test('pods that are not ready are counted, and need not answer', async () => {
    const redis = await server()
    const starting = { addresses: ['10.9.0.2'], conditions: { ready: false } }
    await sliceOf(redis, starting)
    const { output, code } = await doctor(as('admin'))
    expect(output).toMatch(/^ok +Service: default\/redis has 2 endpoints \(1 serving, 1 not serving\)/m)
    expect(output).toMatch(
      /^warning +10\.9\.0\.2:\d+: it refuses connections \(ECONNREFUSED\), and its pod is not ready/m,
    )
    expect(code).toBe(0)
  })

  test('of two masters the labelled one', async () => {
    const [one, other] = [await server(), await server()]
    await sliceOf(one)
    await sliceOf(other)
    await createSlice({
      metadata: { name: 'label', labels: { 'kubernetes.io/service-name': 'redis-master' } },
      ports: [{ name: 'redis', port: other.port }],
      endpoints: [ready],
    })
    await expectOnly(
      new RegExp(`^warning +primary: 10.9.0.1:${other.port}, though several .*: named by the label\\. Make the others`),
      as('admin', { RUSTEZE_PRIMARY_SERVICE: 'default/redis-master' }),
    )
  })

  test('an API server that is away, one that does not know us, and none at all', async () => {
    const dead = as('admin', { KUBECONFIG: api.kubeconfig('admin', await freePort()) })
    expect((await doctor(dead)).output).toMatch(/^failed +API server: it cannot be asked: .*ECONNREFUSED/m)
    const none = await doctor(as('admin', { KUBECONFIG: '/nowhere/kubeconfig' }))
    expect(none.output).toMatch(/^failed +API server: none is known: .*Run in a pod, or set KUBECONFIG/m)
    expect(none.code).toBe(1)
  })

  describe('in a pod', () => {
    let dns: DnsServer
    beforeAll(async () => {
      dns = await startDnsServer()
    })
    afterAll(() => dns.stop())

    /** A pod as Kubernetes makes it, with the token of one of our users. */
    async function findAs(user: 'admin' | 'app') {
      const { token } = JSON.parse(readFileSync(api.kubeconfig(user), 'utf8')).users[0].user
      file('ca.crt', api.certificate.toString())
      file('token', token)
      const serviceAccount = dirname(file('namespace', 'app'))
      const pod = {
        environment: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) },
        serviceAccount,
        resolvConf: file('resolv.conf', 'search app.svc.cluster.test svc.cluster.test cluster.test\n'),
        makeNameServer: () => dns.makeNameServer(),
      }
      const parsed = parseConfig({ RUSTEZE_SERVICE: 'default/redis' })
      if ('errors' in parsed) throw new Error('the settings are right')
      const lines: string[] = []
      const { places } = await findServers(parsed.config, (finding) => lines.push(lineOf(finding)), pod)
      return { lines, servers: places.map(({ address }) => addressText(address)) }
    }

    test('without rights, but with DNS: it works by that, so it is a warning', async () => {
      dns.records.set('redis.default.svc.cluster.test', { A: ['10.9.0.7'] })
      expect(await findAs('app')).toEqual({
        lines: [
          expect.stringMatching(
            /^ok +DNS: redis.default.svc.cluster.test resolves to 1 address, which are used instead/,
          ),
          expect.stringMatching(/^warning +rights: may not list and watch .*--group=system:serviceaccounts:app$/),
        ],
        servers: ['10.9.0.7:6379'],
      })
    })

    test('with rights DNS is looked at as well, for when the API server is away', async () => {
      await createSlice({ ports: [{ name: 'redis', port: 6379 }], endpoints: [ready] })
      const rights = expect.stringMatching(/^ok +rights/)
      const service = expect.stringMatching(/^ok +Service/)
      dns.records.set('redis.default.svc.cluster.test', { A: ['10.9.0.1'] })
      const resolved = expect.stringMatching(/^ok +DNS: .* resolves to 1 address$/)
      expect(await findAs('admin')).toEqual({ lines: [rights, resolved, service], servers: ['10.9.0.1:6379'] })
      dns.records.clear()
      const unresolved = expect.stringMatching(/^warning +DNS: .* does not resolve. Look at the DNS of the cluster/)
      expect(await findAs('admin')).toEqual({ lines: [rights, unresolved, service], servers: ['10.9.0.1:6379'] })
    })

    test('a token that the API server does not accept', async () => {
      dns.records.clear()
      const kubeconfig = api.kubeconfig('app')
      const text = readFileSync(kubeconfig, 'utf8')
      writeFileSync(kubeconfig, text.replace('app-token', 'of-another-cluster'))
      const { lines } = await doctor({ RUSTEZE_SERVICE: 'default/redis', KUBECONFIG: kubeconfig })
      writeFileSync(kubeconfig, text)
      expect(lines).toContainEqual(expect.stringMatching(/^failed +API server: it does not accept the token/))
    })
  })
})
