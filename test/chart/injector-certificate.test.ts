// The certificate that the injector makes itself, on a real API server and with exactly the rights that the chart gives: whatever
// happens to it, pods are created all the time.

import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { KubernetesApi } from '../../src/discovery/kubernetes-api.ts'
import { inClusterAccess, thisPod } from '../../src/discovery/pod.ts'
import { Lease } from '../../src/injector/lease.ts'
import { makeCertificate } from '../../src/injector/self-signed.ts'
import { InjectorService } from '../support/injector-service.ts'
import { hasKubernetes } from '../support/kubernetes-api-server.ts'
import { TestInjector } from '../support/test-injector.ts'
import { waitUntil } from '../support/wait-until.ts'
import { ChartCluster } from './cluster.ts'
import { hasHelm, render, type Tree, the } from './helm.ts'

const SECRET = '/api/v1/namespaces/platform/secrets/rusteze-injector-certificate'
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/platform/leases'
const BINDING = '/apis/rbac.authorization.k8s.io/v1/namespaces/platform/rolebindings/rusteze-injector'
const CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/rusteze'

/** A certificate is renewed every second and a half. */
const fast = { lifetimeMs: 30_000, renewBeforeMs: 29_000, settleMs: 500, pollMs: 100, leaseMs: 1500, lingerMs: 300 }
const steady = { ...fast, lifetimeMs: 3_600_000, renewBeforeMs: 60_000 }

describe.skipIf(!hasHelm || !hasKubernetes)('the certificate (skipped without helm and KUBEBUILDER_ASSETS)', () => {
  const cluster = new ChartCluster()
  let service: InjectorService
  let files: Record<string, string | Buffer>
  let definition: string

  const read = async (path: string) => (await cluster.call('GET', path)) as Tree
  const served = async () => (await read(SECRET)).data?.['tls.crt'] as string | undefined
  const replicas = () => service.replicas

  /** Objects of the chart, as an installation or an upgrade applies them. */
  function apply(): void {
    const objects = render({
      values: { injection: { mode: 'webhook' }, guard: { enabled: false } },
      args: ['--no-hooks'],
    })
    definition = the(objects, 'ConfigMap').data['sidecar.json']
    the(objects, 'MutatingWebhookConfiguration').webhooks[0].clientConfig = {
      url: `https://localhost:${service.port}/mutate`,
    }
    cluster.apply(objects.map((each) => JSON.stringify(each)).join('\n---\n'))
  }

  async function start(pace: object = steady): Promise<TestInjector> {
    const replica = await TestInjector.start({
      certificate: {
        ...{ service: 'localhost', secret: 'rusteze-injector-certificate' },
        ...{ lease: 'rusteze-injector', webhook: 'rusteze' },
      },
      definition,
      pace,
      serviceAccount: { port: cluster.port, files },
    })
    service.replicas.push(replica)
    return replica
  }

  async function startTwo(pace: object = steady): Promise<void> {
    await Promise.all([start(pace), start(pace)])
    await Promise.all(replicas().map((each) => each.untilReady()))
    // The API server hears of a change through its own watch.
    await waitUntil(() => create().then(() => true), { what: 'pods are injected', timeoutMs: 5000 })
  }

  async function create(): Promise<void> {
    const pod = await cluster.admit({ annotations: { 'rusteze.io/service': 'data/redis' } })
    expect(pod.metadata.labels['rusteze.io/injected']).toBeDefined()
    service.cutAll()
  }

  /** Creates pods, each over a new connection, until this is done. @returns how many. @throws if one is denied. */
  async function createWhile(task: () => Promise<unknown>): Promise<number> {
    let isDone = false
    let created = 0
    const creating = (async () => {
      for (; !isDone; created++) await create()
    })()
    try {
      await Promise.race([task(), creating.then(() => new Promise(() => {}))])
    } finally {
      isDone = true
      await creating
    }
    return created
  }

  beforeAll(async () => {
    await cluster.start()
    await cluster.call('POST', '/api/v1/namespaces', { metadata: { name: 'platform' } })
  }, 90_000)
  afterAll(() => cluster.stop())

  beforeEach(async () => {
    service = new InjectorService()
    await service.listen()
    apply()
    const token = '/api/v1/namespaces/platform/serviceaccounts/rusteze-injector/token'
    const { status } = (await cluster.call('POST', token, { spec: { expirationSeconds: 3600 } })) as Tree
    files = { 'ca.crt': cluster.certificate, namespace: 'platform', token: status.token }
  })
  afterEach(async () => {
    await Promise.all(replicas().map((each) => each.end()))
    service.close()
    for (const path of [SECRET, `${LEASES}/rusteze-injector`, CONFIGURATION]) await cluster.call('DELETE', path)
  })

  test('is made once, though two replicas start at the same time', async () => {
    await startTwo()
    const ends = replicas().map(({ injector }) => injector.status.certificateEndsAt)
    expect(ends[0]).toBe(ends[1])
    const logs = replicas().map(({ logLines }) => logLines.join(''))
    expect(logs.filter((log) => log.includes('a first one is made'))).toHaveLength(1)
    expect(logs.filter((log) => log.includes('which certificates to trust'))).toHaveLength(1)
  })

  test('is renewed while pods are created all the time, and none is denied, whichever replica goes', async () => {
    await startTwo(fast)
    const seen = new Set<string | undefined>()
    const untilSeen = (count: number) =>
      waitUntil(async () => seen.add(await served()).size >= count, { what: `${count} were served`, timeoutMs: 20_000 })
    const created = await createWhile(async () => {
      await untilSeen(3)
      const [holder] = replicas().filter(({ logLines }) => logLines.join('').includes('is renewed'))
      replicas().splice(replicas().indexOf(holder!), 1)
      await holder!.end()
      await start(fast).then((replica) => replica.untilReady())
      await untilSeen(6)
    })
    expect(created).toBeGreaterThan(30)
    expect(replicas().map(({ injector }) => injector.status.failedHandshakes)).toEqual([0, 0])
    // Those that have ended are not trusted for ever.
    const { caBundle } = (await read(CONFIGURATION)).webhooks[0].clientConfig
    expect(Buffer.from(caBundle, 'base64').toString().match(/BEGIN/g)!.length).toBeLessThanOrEqual(3)
  }, 60_000)

  test('whose Secret is deleted stays in use, and when an upgrade makes it anew it goes for another one; no pod is denied', async () => {
    await startTwo()
    const first = await served()
    await createWhile(async () => {
      await cluster.call('DELETE', SECRET)
      const complain = () =>
        replicas().every(({ logLines }) => logLines.join('').includes('helm upgrade makes it anew'))
      await waitUntil(complain, { what: 'they complain' })
      await delay(300)
      apply()
      const isAnother = async () => ![first, undefined].includes(await served())
      await waitUntil(isAnother, { what: 'another one is served', timeoutMs: 10_000 })
      const ends = () => new Set(replicas().map(({ injector }) => injector.status.certificateEndsAt)).size
      await waitUntil(() => ends() === 1, { what: 'both serve it' })
      await delay(200)
    })
  }, 30_000)

  test('whose Secret is filled with nonsense goes for another one, and no pod is denied', async () => {
    await startTwo()
    const first = await served()
    await createWhile(async () => {
      const data = { 'tls.crt': Buffer.from('nonsense').toString('base64'), 'next.crt': '', 'former.crt': 'AAAA' }
      await cluster.call('PUT', SECRET, { ...(await read(SECRET)), data })
      const isMended = async () => ![first, data['tls.crt']].includes((await served()) ?? data['tls.crt'])
      await waitUntil(isMended, { what: 'another one is served', timeoutMs: 10_000 })
      await delay(200)
    })
  }, 30_000)

  test('that the API server does not trust any more is made known again', async () => {
    await startTwo()
    const bundle = async () => (await read(CONFIGURATION)).webhooks[0].clientConfig.caBundle
    const right = await bundle()
    const { chain } = await makeCertificate('localhost', Date.now(), 60_000)
    for (const wrong of [Buffer.from(chain).toString('base64'), undefined]) {
      const configuration = await read(CONFIGURATION)
      configuration.webhooks[0].clientConfig.caBundle = wrong
      await cluster.call('PUT', CONFIGURATION, configuration)
      await waitUntil(async () => (await bundle()) === right, { what: 'the right one is back' })
      await waitUntil(() => create().then(() => true), { what: 'pods are injected again' })
    }
  })

  test('survives an upgrade of the chart', async () => {
    await startTwo()
    const before = [await served(), (await read(CONFIGURATION)).webhooks[0].clientConfig.caBundle]
    await createWhile(async () => {
      apply()
      await delay(500)
    })
    expect([await served(), (await read(CONFIGURATION)).webhooks[0].clientConfig.caBundle]).toEqual(before)
  })

  test('stays in use while the injector has no rights, or there is no API server to ask', async () => {
    await startTwo()
    const binding = await read(BINDING)
    delete binding.metadata.resourceVersion
    await cluster.call('DELETE', BINDING)
    const isSaid = (pattern: RegExp) => () => replicas().every(({ logLines }) => pattern.test(logLines.join('')))
    await waitUntil(isSaid(/cannot be looked after.*|cannot get resource/), {
      what: 'they complain',
      timeoutMs: 10_000,
    })
    await create()
    await delay(500)
    for (const { logLines, injector } of replicas()) {
      expect(logLines.filter((line) => line.includes('cannot be looked after')).length).toBeLessThanOrEqual(2)
      expect(injector.readiness.isWell).toBe(true)
    }
    await cluster.call('POST', BINDING.slice(0, BINDING.lastIndexOf('/')), binding)
    await waitUntil(isSaid(/is looked after again/), { what: 'they work again', timeoutMs: 10_000 })
    await cluster.killApiServer()
    await delay(500)
    expect(replicas().every(({ injector }) => injector.readiness.isWell)).toBe(true)
    await cluster.startApiServer()
    await waitUntil(() => create().then(() => true), { what: 'pods are injected again', timeoutMs: 10_000 })
  }, 60_000)

  describe('has one replica that renews it', () => {
    const signal = new AbortController().signal
    const contender = (identity: string, durationMs = 1000) => {
      const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(cluster.port) }
      const serviceAccount = replicas()[0]!.write('namespace', 'platform').replace('/namespace', '')
      const api = new KubernetesApi(inClusterAccess({ ...thisPod, environment, serviceAccount })!)
      return new Lease(api, `${LEASES}/contested`, identity, durationMs, () => performance.now())
    }

    test('however many want it, also when it falls silent, leaves, or the Lease is deleted', async () => {
      await start()
      // Its Role names the Lease of the chart only: for this one everything is allowed.
      const role = BINDING.replace('rolebindings', 'roles')
      const { metadata, rules } = await read(role)
      rules.push({ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'update'] })
      await cluster.call('PUT', role, { metadata, rules })
      const make = () => cluster.call('POST', LEASES, { metadata: { name: 'contested' } })
      await make()
      const all = ['a', 'b', 'c', 'd', 'e'].map((name) => contender(name))
      const holders = async (among = all) => {
        await Promise.all(among.map((each) => each.hold(signal)))
        return among.filter(({ isHeld }) => isHeld)
      }
      const untilAllowed = () => all[0]!.hold(signal).then(() => all[0]!.release(signal))
      await waitUntil(() => untilAllowed().then(() => true), { what: 'it is allowed', timeoutMs: 10_000 })
      const [first, ...more] = await holders()
      expect(more).toEqual([])
      expect(await holders()).toEqual([first])
      const others = all.filter((each) => each !== first)
      // Silent: it does not know itself any more that it holds it, well before the others take it.
      const silentAt = performance.now()
      const second = await waitUntil(async () => (await holders(others))[0], { what: 'another one has it' })
      expect(performance.now() - silentAt).toBeGreaterThan(900)
      expect(first!.isHeld).toBe(false)
      expect(await holders()).toEqual([second])
      await second.release(signal)
      expect(await holders(others.filter((each) => each !== second))).toHaveLength(1)
      await cluster.call('DELETE', `${LEASES}/contested`)
      await expect(all[0]!.hold(signal)).rejects.toThrow('helm upgrade makes it anew')
      await make()
      expect(await holders()).toHaveLength(1)
      await cluster.call('DELETE', `${LEASES}/contested`)
    }, 30_000)
  })
})
