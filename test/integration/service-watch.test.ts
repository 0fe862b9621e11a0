// The servers of a Service, followed through a real API server.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasKubernetes, KubernetesApiServer, SLICES } from '../support/kubernetes-api-server.ts'
import { networkOfPods, podAddress } from '../support/network-of-pods.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'

describe.skipIf(!hasKubernetes)('a Service (skipped without KUBEBUILDER_ASSETS)', () => {
  const api = new KubernetesApiServer()
  let servers: RedisServer[] = []
  let proxy: RunningProxy | undefined
  let client: RawClient | undefined

  beforeAll(() => api.start(), 90_000)
  afterAll(() => api.stop())

  beforeEach(() => {
    process.env.KUBECONFIG = api.kubeconfig('admin')
  })
  afterEach(async () => {
    await client?.close()
    await proxy?.stop()
    await Promise.all(servers.map((server) => server.stop()))
    servers = []
    client = undefined
    proxy = undefined
    await api.call('DELETE', SLICES)
  })

  function slice(name: string, server: RedisServer | undefined, more: object = {}) {
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, labels: { 'kubernetes.io/service-name': 'redis' } },
      addressType: 'IPv4',
      ports: server
        ? [
            { name: 'metrics', port: 9121 },
            { name: 'tcp-redis', port: server.port },
          ]
        : [],
      endpoints: server ? [{ addresses: [podAddress(server.host)], conditions: { ready: false } }] : [],
      ...more,
    }
  }

  async function create(...slices: object[]): Promise<void> {
    for (const each of slices) await api.call('POST', SLICES, each)
  }

  async function serve(environment: Readonly<Record<string, string>> = {}): Promise<RawClient> {
    proxy = await startProxy(
      { RUSTEZE_SERVICE: 'redis', RUSTEZE_HOLD: '20s', ...environment },
      { runtime: networkOfPods },
    )
    client = await connect(proxy.port, 30_000)
    return client
  }

  /** Starts servers that have nothing to do with each other, or replicas of the first. */
  async function start(hosts: readonly string[], isReplicated = false): Promise<RedisServer[]> {
    for (const host of hosts) {
      const [first] = servers
      const replicaOf = first && isReplicated ? ['--replicaof', first.host, String(first.port)] : []
      servers.push(await startRedis({ host, arguments: ['--repl-diskless-sync-delay', '0', ...replicaOf] }))
    }
    return servers
  }

  async function direct(server: RedisServer, ...command: string[]): Promise<string> {
    const connection = await connect({ host: server.host, port: server.port })
    const reply = await connection.ask(...command)
    await connection.close()
    return reply
  }

  test('leads to the primary, over several slices and whatever their conditions say', async () => {
    const [primary, replica] = (await start(['127.0.0.2', '127.0.0.3'], true)) as [RedisServer, RedisServer]
    await create(slice('redis-b', primary), slice('redis-a', replica), slice('redis-c', primary))
    const connected = await serve()
    expect(await connected.ask('SET', 'a', '1')).toBe(ok)
    expect(await direct(primary, 'GET', 'a')).toBe('$1\r\n1\r\n')
    await proxy!.logs(/servers of the Service changed.*"count":2|"count":2.*servers of the Service changed/)
  })

  test('commands wait for the first endpoint, and go where it moves', async () => {
    const [old, next] = (await start(['127.0.0.2', '127.0.0.3'])) as [RedisServer, RedisServer]
    await create(slice('redis-a', undefined))
    const connected = await serve()
    connected.send(['SET', 'where', 'old'])
    await proxy!.logs(/no endpoints/)
    await api.call('PUT', `${SLICES}/redis-a`, slice('redis-a', old))
    expect((await connected.readReply()).toString()).toBe(ok)
    await api.call('PUT', `${SLICES}/redis-a`, slice('redis-a', next))
    await proxy!.logs(/"generation":2/)
    expect(await connected.ask('SET', 'where', 'next')).toBe(ok)
    expect([await direct(old, 'GET', 'where'), await direct(next, 'GET', 'where')]).toEqual([
      '$3\r\nold\r\n',
      '$4\r\nnext\r\n',
    ])
  })

  test('an emptied Service takes nothing away', async () => {
    const [only] = (await start(['127.0.0.2'])) as [RedisServer]
    await create(slice('redis-a', only))
    const connected = await serve()
    expect(await connected.ask('SET', 'a', '1')).toBe(ok)
    await api.call('DELETE', `${SLICES}/redis-a`)
    await proxy!.logs(/no endpoints/)
    expect(await connected.ask('GET', 'a')).toBe('$1\r\n1\r\n')
  })

  test('an endpoint that moves from one slice to another, and is in none for a moment, interrupts nothing', async () => {
    const [primary, replica] = (await start(['127.0.0.2', '127.0.0.3'], true)) as [RedisServer, RedisServer]
    const endpoints = [{ addresses: [podAddress(primary.host)], targetRef: { kind: 'Pod', uid: 'redis-0' } }]
    await create(slice('redis-a', primary, { endpoints }), slice('redis-b', replica))
    const connected = await serve()
    expect(await connected.ask('SET', 'a', '1')).toBe(ok)
    const waiting = await connect(proxy!.port, 30_000)
    waiting.send(['BLPOP', 'queue', '20'])
    await waitUntil(async () => (await direct(primary, 'INFO', 'clients')).includes('blocked_clients:1'), {
      what: 'it waits',
    })
    await api.call('DELETE', `${SLICES}/redis-a`)
    await proxy!.logs(/is no longer among the servers/)
    await create(slice('redis-c', primary, { endpoints }))
    expect(await connected.ask('RPUSH', 'queue', 'value')).toBe(':1\r\n')
    expect(await waiting.readReply()).toEqual(Buffer.from('*2\r\n$5\r\nqueue\r\n$5\r\nvalue\r\n'))
    await waiting.close()
  })

  test('an API server that dies changes nothing, and what changed meanwhile is seen when it is back, history or not', async () => {
    const [old, next] = (await start(['127.0.0.2', '127.0.0.3'])) as [RedisServer, RedisServer]
    await create(slice('redis-a', old))
    const connected = await serve()
    expect(await connected.ask('SET', 'a', '1')).toBe(ok)
    await api.killApiServer()
    await proxy!.logs(/the API server cannot be asked; servers known so far stay/, 10_000)
    expect(await connected.ask('INCR', 'a')).toBe(':2\r\n')
    await api.startApiServer()
    await api.call('PUT', `${SLICES}/redis-a`, slice('redis-a', next))
    await api.compact()
    await proxy!.logs(/the API server answers, its watch is in use/, 40_000)
    await proxy!.logs(/"generation":2/, 40_000)
    expect(await connected.ask('SET', 'a', 'next')).toBe(ok)
    expect(await direct(next, 'GET', 'a')).toBe('$4\r\nnext\r\n')
  }, 90_000)

  test('without the right to ask, the log shows the command that gives it', async () => {
    process.env.KUBECONFIG = api.kubeconfig('app')
    await serve()
    await proxy!.logs(/kubectl -n default create role .* --resource=endpointslices\.discovery\.k8s\.io/)
    expect(proxy!.logLines.filter((line) => line.includes('cannot be asked'))).toHaveLength(1)
  })

  test('a wanted port, and a thousand endpoints of which one answers as a master', async () => {
    const [only] = (await start(['127.0.0.2'])) as [RedisServer]
    const endpoints = Array.from({ length: 999 }, (_, index) => ({
      addresses: [`10.9.${1 + (index >> 8)}.${index & 255}`],
    }))
    await create(
      slice('redis-a', only, {
        ports: [
          { name: 'mine', port: only.port },
          { name: 'other', port: 1 },
        ],
      }),
      slice('redis-b', only, { ports: [{ name: 'mine', port: only.port }], endpoints }),
    )
    const connected = await serve({ RUSTEZE_SERVICE: 'default/redis:mine' })
    expect(await connected.ask('SET', 'a', '1')).toBe(ok)
    await waitUntil(() => proxy!.logLines.some((line) => line.includes('"count":1000')), { what: 'all are known' })
  })
})
