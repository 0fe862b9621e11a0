// Labels that say who is the primary, late or wrong, through a real API server: a Service over the labelled pod alone, and one beside it as a hint.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasKubernetes, KubernetesApiServer, SLICES } from '../support/kubernetes-api-server.ts'
import { networkOfPods, podAddress } from '../support/network-of-pods.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { Sentinels } from '../support/sentinels.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'

const ok = '+OK\r\n'

describe.skipIf(!hasKubernetes)('a label for the primary (skipped without KUBEBUILDER_ASSETS)', () => {
  const api = new KubernetesApiServer()
  const closers: (() => Promise<unknown>)[] = []
  let proxy: RunningProxy
  let port = 0

  beforeAll(() => api.start(), 90_000)
  afterAll(() => api.stop())
  beforeEach(() => {
    process.env.KUBECONFIG = api.kubeconfig('admin')
  })
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
    await api.call('DELETE', SLICES)
  })

  /** Pods share their port; so do the servers here. The second and later ones are masters of their own, or replicas of the first. */
  async function startPods(count: number, areReplicas: boolean): Promise<[RedisServer, RedisServer]> {
    const servers: RedisServer[] = []
    for (let index = 0; index < count; index++) {
      const [first] = servers
      const replicaOf = first && areReplicas ? ['--replicaof', first.host, String(first.port)] : []
      const host = `127.0.0.${2 + index}`
      const server = await startRedis({
        host,
        arguments: ['--repl-diskless-sync-delay', '0', '--replica-announce-ip', host, ...replicaOf],
        ...(first && { port: first.port }),
      })
      closers.push(() => server.stop())
      if (!areReplicas) await ask(server, 'SET', 'own', server.host)
      servers.push(server)
    }
    port = servers[0]!.port
    return servers as [RedisServer, RedisServer]
  }

  function slice(service: string, servers: readonly RedisServer[], more: readonly object[] = []) {
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${service}-x`, labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      ports: [{ name: 'tcp-redis', port }, ...more],
      endpoints: servers.map((server) => ({ addresses: [podAddress(server.host)] })),
    }
  }

  async function create(...slices: readonly object[]): Promise<void> {
    for (const each of slices) await api.call('POST', SLICES, each)
  }

  /** The label moves. */
  async function relabel(service: string, servers: readonly RedisServer[]): Promise<void> {
    await api.call('PUT', `${SLICES}/${service}-x`, slice(service, servers))
  }

  async function serve(environment: Readonly<Record<string, string>>): Promise<RawClient> {
    proxy = await startProxy({ RUSTEZE_HOLD: '20s', ...environment }, { runtime: networkOfPods })
    const client = await connect(proxy.port, 30_000)
    closers.push(
      () => proxy.stop(),
      () => client.close(),
    )
    return client
  }

  async function ask(server: RedisServer, ...command: string[]): Promise<string> {
    const connection = await connect({ host: server.host, port: server.port })
    const reply = await connection.ask(...command)
    await connection.close()
    return reply
  }

  test('of two masters that have nothing in common the labelled one is taken, and followed when the label moves', async () => {
    const [one, other] = await startPods(2, false)
    await create(slice('redis', [one, other]), slice('redis-master', [other]))
    const client = await serve({ RUSTEZE_SERVICE: 'redis', RUSTEZE_PRIMARY_SERVICE: 'redis-master' })
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    expect(await ask(other, 'GET', 'a')).toBe('$1\r\n1\r\n')
    await proxy.logs(/"reason":"named by the Service redis-master".*primary verified/)
    await relabel('redis-master', [])
    await relabel('redis-master', [one, other])
    expect(await client.ask('SET', 'a', '2')).toBe(ok)
    expect(await ask(other, 'GET', 'a')).toBe('$1\r\n2\r\n')
    await relabel('redis-master', [one])
    await proxy.logs(/"generation":2/)
    expect(await client.ask('SET', 'a', '3')).toBe(ok)
    expect(await ask(one, 'GET', 'a')).toBe('$1\r\n3\r\n')
  })

  test('a label that lags behind a failover changes nothing: the promoted one is taken before, and kept', async () => {
    const [old, next] = await startPods(2, true)
    await create(slice('redis', [old, next]), slice('redis-master', [old]))
    const client = await serve({ RUSTEZE_SERVICE: 'redis', RUSTEZE_PRIMARY_SERVICE: 'redis-master' })
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    expect(await client.ask('WAIT', '1', '5000')).toBe(':1\r\n')
    await old.kill()
    expect(await ask(next, 'REPLICAOF', 'NO', 'ONE')).toBe(ok)
    expect(await client.ask('INCR', 'a')).toBe(':2\r\n')
    // It comes back as the master that the label still says it is.
    await old.restart()
    expect(await ask(old, 'SET', 'own', 'data')).toBe(ok)
    await proxy.logs(/several servers say that they are masters/)
    for (let count = 3; count < 20; count++) {
      expect(await client.ask('INCR', 'a')).toBe(`:${count}\r\n`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await ask(old, 'GET', 'a')).toBe('$-1\r\n')
  })

  test('a Service over the labelled pod alone: while the label lags, commands wait; then they go where it moves', async () => {
    const [old, next] = await startPods(2, true)
    await create(slice('redis-master', [old]))
    const client = await serve({ RUSTEZE_SERVICE: 'redis-master' })
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    expect(await client.ask('WAIT', '1', '5000')).toBe(':1\r\n')
    expect(await ask(old, 'FAILOVER')).toBe(ok)
    await proxy.logs(/no primary, commands wait/, 10_000)
    client.send(['INCR', 'a'])
    await new Promise((resolve) => setTimeout(resolve, 1000))
    // One line for what the server said, not one for each answer.
    expect(proxy.logLines.filter((line) => line.includes('no primary')).length).toBeLessThan(3)
    // Both carry it for a moment, as operators do it.
    await relabel('redis-master', [old, next])
    expect((await client.readReply()).toString()).toBe(':2\r\n')
    await relabel('redis-master', [next])
    expect(await client.ask('INCR', 'a')).toBe(':3\r\n')
    expect(await ask(next, 'GET', 'a')).toBe('$1\r\n3\r\n')
  })

  test('a label on a replica is no reason to write there', async () => {
    const [primary, replica] = await startPods(2, true)
    await create(slice('redis-master', [replica]))
    const client = await serve({ RUSTEZE_SERVICE: 'redis-master' })
    client.send(['SET', 'a', '1'])
    await proxy.logs(/its role is (replica|slave)/)
    await relabel('redis-master', [primary])
    expect((await client.readReply()).toString()).toBe(ok)
    expect(await ask(primary, 'GET', 'a')).toBe('$1\r\n1\r\n')
  })

  test('Sentinels are found by the port that the slices name beside the servers', async () => {
    const [one, other] = await startPods(2, false)
    const sentinels = new Sentinels()
    closers.push(() => sentinels.stop())
    await sentinels.start(one.kind, ['127.0.0.2', '127.0.0.3'])
    for (const index of [0, 1]) await sentinels.monitor(index, 'mymaster', other)
    await create(slice('redis', [one, other], [{ name: 'tcp-sentinel', port: sentinels.port }]))
    const client = await serve({ RUSTEZE_SERVICE: 'redis' })
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    expect(await ask(other, 'GET', 'a')).toBe('$1\r\n1\r\n')
    await proxy.logs(/named by the majority of the Sentinels/)
  })
})
