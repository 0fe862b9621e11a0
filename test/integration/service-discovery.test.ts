// What a real API server says of a Service, and does to those who ask it: which servers are told, and what is logged.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DiscoveryStage, podAt, slice } from '../support/discovery-stage.ts'
import { hasKubernetes, KubernetesApiServer } from '../support/kubernetes-api-server.ts'
import { TcpLink } from '../support/tcp-link.ts'
import { waitUntil } from '../support/wait-until.ts'

const NOT_ASKED = /cannot be asked/
const ANSWERS = /the API server answers/

describe.skipIf(!hasKubernetes)('a Service (skipped without KUBEBUILDER_ASSETS)', () => {
  const api = new KubernetesApiServer()
  let stage: DiscoveryStage
  let tokens = 0

  beforeAll(async () => {
    await api.start()
    await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'app' } })
    await api.call('POST', '/api/v1/namespaces/app/serviceaccounts', { metadata: { name: 'default' } })
  }, 90_000)
  afterAll(() => api.stop())

  beforeEach(async () => {
    stage = await DiscoveryStage.set(api)
    stage.write('token', await newToken())
    await stage.grant()
  })
  afterEach(() => stage.end())

  /** Bound to the Secret `token-N`. */
  const newToken = () => api.token(`token-${++tokens}`)

  describe('as its slices say', () => {
    test('a slice is split in two and joined again: no server is lost meanwhile, an event is told before the next one', async () => {
      await stage.create(slice('redis-a', ['10.9.0.1', '10.9.0.2']))
      stage.follow()
      await stage.tells('10.9.0.1 10.9.0.2')
      await stage.create(slice('redis-b', ['10.9.0.2', '10.9.0.3']))
      await stage.tells('10.9.0.1 10.9.0.2 10.9.0.3')
      await stage.replace(slice('redis-a', ['10.9.0.1']))
      await stage.replace(slice('redis-b', ['10.9.0.2', '10.9.0.3', '10.9.0.4']))
      await stage.tells('10.9.0.1 10.9.0.2 10.9.0.3 10.9.0.4')
      await stage.replace(slice('redis-a', ['10.9.0.1', '10.9.0.2', '10.9.0.3', '10.9.0.4']))
      await stage.remove('redis-b')
      await stage.replace(slice('redis-a', ['10.9.0.1', '10.9.0.2', '10.9.0.3', '10.9.0.4', '10.9.0.5']))
      await stage.tells('10.9.0.1 10.9.0.2 10.9.0.3 10.9.0.4 10.9.0.5')
      expect(stage.told).toEqual([
        '10.9.0.1 10.9.0.2',
        '10.9.0.1 10.9.0.2 10.9.0.3',
        '10.9.0.1 10.9.0.2 10.9.0.3 10.9.0.4',
        '10.9.0.1 10.9.0.2 10.9.0.3 10.9.0.4 10.9.0.5',
      ])
    })

    test('of two families each pod counts once, however its slices come', async () => {
      const v6 = { addressType: 'IPv6' }
      await stage.create(slice('redis-a6', [podAt('fd00::1', 'redis-0'), podAt('fd00::2', 'redis-1')], v6))
      stage.follow()
      await stage.tells('fd00::1 fd00::2')
      await stage.create(slice('redis-b4', [podAt('10.9.0.1', 'redis-0'), podAt('10.9.0.2', 'redis-1')]))
      await stage.tells('10.9.0.1 10.9.0.2')
      await stage.replace(slice('redis-a6', [podAt('fd00::1', 'redis-0'), podAt('fd00::3', 'redis-2')], v6))
      await stage.tells('10.9.0.1 10.9.0.2 fd00::3')
    })

    test('with publishNotReadyAddresses, or while they end: all are told, and counted by state', async () => {
      await stage.create(
        slice('redis-a', [
          podAt('10.9.0.1', 'redis-0', { ready: true, serving: false, terminating: false }),
          podAt('10.9.0.2', 'redis-1', { ready: true, serving: true, terminating: true }),
          podAt('10.9.0.3', 'redis-2', { ready: true, serving: true, terminating: false }),
        ]),
      )
      stage.follow()
      await stage.tells('10.9.0.1 10.9.0.2 10.9.0.3')
      expect(stage.watch.status.endpoints).toEqual({ serving: 1, terminating: 1, notServing: 1 })
    })

    test('without a selector: written by hand, with empty conditions, no pod and no port', async () => {
      await stage.create(slice('by-hand', [{ addresses: ['10.9.0.1'], conditions: {} }, '10.9.0.2'], { ports: [] }))
      stage.follow()
      await stage.tells('10.9.0.1 10.9.0.2')
      expect(stage.endpoints.map(({ state }) => state)).toEqual(['serving', 'serving'])
    })

    test('on another port in each slice', async () => {
      const other = { ports: [{ name: 'tcp-redis', port: 6380 }] }
      await stage.create(slice('redis-a', ['10.9.0.1']), slice('redis-b', ['10.9.0.2'], other))
      stage.follow()
      await stage.tells('10.9.0.1 10.9.0.2:6380')
    })

    test('deleted and made again: it is empty for a while, and then the same pods are the same servers', async () => {
      const pods = [podAt('10.9.0.1', 'redis-0'), podAt('10.9.0.2', 'redis-1')]
      await stage.create(slice('redis-a', pods))
      stage.follow()
      await stage.tells('10.9.0.1 10.9.0.2')
      const before = stage.endpoints
      await stage.remove('redis-a')
      await stage.tells('')
      // The placeholder of an empty Service.
      await stage.create(slice('redis-c', [], { ports: [] }))
      await stage.replace(slice('redis-c', pods))
      await stage.tells('10.9.0.1 10.9.0.2')
      expect(stage.endpoints).toEqual(before)
    })
  })

  describe('whose API server is not always to be had', () => {
    test('a rotated token is simply used; with one that is not valid any more all stays, until there is another', async () => {
      await stage.create(slice('redis-a', ['10.9.0.1']))
      stage.follow()
      await stage.tells('10.9.0.1')
      await api.call('DELETE', `/api/v1/namespaces/app/secrets/token-${tokens}`)
      stage.write('token', await newToken())
      await restartApiServer()
      await stage.replace(slice('redis-a', ['10.9.0.2']))
      await stage.tells('10.9.0.2', 30_000)
      expect(stage.watch.status.watchRestarts.unauthorized + stage.watch.status.lists.unauthorized).toBe(0)

      await api.call('DELETE', `/api/v1/namespaces/app/secrets/token-${tokens}`)
      await restartApiServer()
      await stage.logs(/"status":401.*servers known so far stay/, 40_000)
      expect(stage.watch.status).toMatchObject({ source: 'endpointslices', isUp: false })
      await stage.replace(slice('redis-a', ['10.9.0.3']))
      expect(stage.told.at(-1)).toBe('10.9.0.2')
      stage.write('token', await newToken())
      await stage.tells('10.9.0.3', 40_000)
      await waitUntil(() => stage.watch.status.isUp, { what: 'the watch stands' })
      expect(stage.count(/"status":401/)).toBe(1)
      expect(stage.told).toEqual(['10.9.0.1', '10.9.0.2', '10.9.0.3'])
    }, 150_000)

    test('rights that are taken away leave all as it is, and are noticed when they are given back; one line each', async () => {
      await followMoved()
      await stage.revoke()
      stage.link.cutAll()
      await stage.logs(/"status":403/)
      await stage.replace(slice('redis-a', ['10.9.0.3']))
      // More than one attempt fails.
      await waitUntil(() => stage.watch.status.lists.forbidden > 1, { what: 'it tries again', timeoutMs: 20_000 })
      expect(stage.told).toEqual(['10.9.0.1', '10.9.0.2'])
      expect(stage.watch.status).toMatchObject({ source: 'endpointslices', isUp: false })
      await stage.grant()
      await stage.tells('10.9.0.3', 40_000)
      await stage.logs(ANSWERS)
      expect([stage.count(NOT_ASKED), stage.count(ANSWERS)]).toEqual([1, 1])
      expect(stage.count(/"status":403.*"create":"kubectl -n default create role/)).toBe(1)
      expect(stage.dns.questions).toEqual([])
    }, 90_000)

    test('without rights from the start DNS serves, and gives way once there are any', async () => {
      await stage.revoke()
      stage.dns.records.set('redis.default.svc.cluster.local', { A: ['10.9.0.9'], AAAA: ['fd00::9'] })
      await stage.create(slice('redis-a', ['10.9.0.1']))
      stage.follow()
      await stage.tells('10.9.0.9')
      expect(stage.watch.status).toMatchObject({ source: 'dns', isUp: true, snapshotAgeMs: expect.any(Number) })
      await stage.grant()
      await stage.tells('10.9.0.1', 40_000)
      await stage.logs(ANSWERS)
      expect(stage.watch.status).toMatchObject({ source: 'endpointslices', isUp: true })
      expect([stage.count(NOT_ASKED), stage.count(ANSWERS)]).toEqual([1, 1])
      expect(stage.told).toEqual(['10.9.0.9', '10.9.0.1'])
    }, 90_000)

    test('one that is reached and says nothing is not waited for: DNS serves before the attempt has failed', async () => {
      stage.dns.records.set('redis.default.svc.cluster.local', { A: ['10.9.0.9'] })
      const silent = await TcpLink.start(api.port, 0)
      stage.follow({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(silent.port) })
      await stage.tells('10.9.0.9')
      expect(stage.count(NOT_ASKED)).toBe(0)
      await stage.logs(/no answer from the API server.*DNS is used/)
      silent.close()
    }, 30_000)

    test('an outage during which its history is compacted: a list tells what became of all slices', async () => {
      await stage.create(slice('redis-a', ['10.9.0.1']), slice('redis-b', ['10.9.0.2']))
      stage.follow()
      await stage.tells('10.9.0.1 10.9.0.2')
      stage.link.refuse()
      await restartApiServer()
      stage.link.cutAll()
      await stage.logs(NOT_ASKED)
      await stage.remove('redis-a')
      await stage.replace(slice('redis-b', ['10.9.0.3']))
      await api.compact()
      // Its memory of what came before is gone as well.
      await restartApiServer()
      await stage.link.accept()
      await stage.tells('10.9.0.3', 40_000)
      expect(stage.watch.status.watchRestarts.expired).toBe(1)
      expect(stage.told).toEqual(['10.9.0.1 10.9.0.2', '10.9.0.3'])
      await stage.logs(ANSWERS)
      expect([stage.count(NOT_ASKED), stage.count(ANSWERS)]).toEqual([1, 1])
    }, 150_000)

    test('a watch that is cut is begun anew from where it was, and nobody is told', async () => {
      await followMoved()
      const { lists } = stage.watch.status
      stage.link.cutAll()
      await stage.replace(slice('redis-a', ['10.9.0.3']))
      await stage.tells('10.9.0.3')
      expect(stage.watch.status.lists).toEqual(lists)
      expect(stage.watch.status.watchRestarts.connection).toBe(1)
      expect([stage.count(NOT_ASKED), stage.count(ANSWERS)]).toEqual([0, 0])
    })
  })

  describe('asked with credentials that come late', () => {
    beforeEach(async () => {
      stage.dns.records.set('redis.default.svc.cluster.local', { A: ['10.9.0.9'] })
      await stage.create(slice('redis-a', ['10.9.0.1']))
    })

    async function expectBackFromDns(): Promise<void> {
      await stage.tells('10.9.0.1', 40_000)
      await stage.logs(ANSWERS)
      expect([stage.count(NOT_ASKED), stage.count(ANSWERS)]).toEqual([1, 1])
      expect(stage.told).toEqual(['10.9.0.9', '10.9.0.1'])
    }

    test('the token of the service account', async () => {
      rmSync(join(stage.directory, 'token'))
      stage.follow()
      await stage.tells('10.9.0.9')
      await stage.logs(/ENOENT.*DNS is used/)
      stage.write('token', await newToken())
      await expectBackFromDns()
    }, 60_000)

    test('the kubeconfig, which is missing at first and then names no cluster', async () => {
      const path = join(stage.directory, 'kubeconfig')
      process.env.KUBECONFIG = path
      stage.follow({ KUBECONFIG: path })
      await stage.tells('10.9.0.9')
      await stage.logs(/ENOENT.*DNS is used/)
      stage.write('kubeconfig', 'apiVersion: v1\nkind: Config\n')
      stage.write('kubeconfig', api.kubeconfigText('admin', stage.link.port))
      await expectBackFromDns()
    }, 60_000)
  })

  test('of a healthy watch the snapshot is young, and everything is counted', async () => {
    const startedAt = Date.now()
    await followMoved()
    const { status } = stage.watch
    expect(status).toMatchObject({ source: 'endpointslices', isUp: true, endpoints: { serving: 1 } })
    expect(status.lists.ok).toBe(1)
    expect(status.since).toBeGreaterThanOrEqual(startedAt)
    expect(status.lastEventAt).toBeGreaterThanOrEqual(startedAt)
    expect(status.snapshotAgeMs).toBeLessThanOrEqual(Date.now() - startedAt)
    expect(Object.values(status.watchRestarts).every((count) => count === 0)).toBe(true)
  })

  /** One server, which has moved once: the watch has told something, so it stands. */
  async function followMoved(): Promise<void> {
    await stage.create(slice('redis-a', ['10.9.0.1']))
    stage.follow()
    expect(stage.watch.status).toMatchObject({ source: 'none yet', isUp: false, snapshotAgeMs: undefined })
    await stage.tells('10.9.0.1')
    await stage.replace(slice('redis-a', ['10.9.0.2']))
    await stage.tells('10.9.0.2')
  }

  /** It forgets what it remembered: which tokens it has seen, and what came before. */
  async function restartApiServer(): Promise<void> {
    await api.killApiServer()
    await api.startApiServer()
  }
})
