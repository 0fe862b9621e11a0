// The facts for metrics, told over failovers, restarts and losses of connections.

import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { Cluster } from '../support/cluster.ts'
import { availableServers, type RedisServer } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'

describe.each(availableServers())('the status (%s)', (kind) => {
  const cluster = new Cluster()
  afterEach(() => cluster.end())
  const status = () => cluster.proxy.app.status()
  const shard = () => status().shards[0]!

  test('tells who is the primary, on what ground, and what each server is', async () => {
    await cluster.begin(kind, 2, { RUSTEZE_READ_FROM: 'prefer-replica' })
    const [primary, replica] = cluster.servers as [RedisServer, RedisServer]
    expect(shard()).toMatchObject({
      state: 'holding',
      generation: 0,
      primary: null,
      interruptions: { count: 1, lastMs: 0 },
    })
    const client = await cluster.client()
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    await waitUntil(() => shard().servers.some(({ reads }) => reads?.isServing), { what: 'the replica serves reads' })
    expect(await client.ask('WAIT', '1', '5000')).toBe(':1\r\n')
    const { primary: told, servers, switches, interruptions, masters, since } = shard()
    expect(told).toMatchObject({ address: primary.addr, reason: 'the only master', isDataMissing: false })
    expect(told!.servers).toEqual({ [primary.addr]: 'master', [replica.addr]: expect.stringMatching(/replica|slave/) })
    expect(Math.abs(Date.now() - told!.since)).toBeLessThan(20_000)
    expect(Math.abs(since - told!.since)).toBeLessThan(1000)
    expect(masters).toBe(1)
    expect(switches).toEqual({ first: 1, promoted: 0, moved: 0, returned: 0 })
    expect(interruptions.totalMs).toBe(interruptions.lastMs)
    const byAddress = Object.fromEntries(servers.map((server) => [server.address, server]))
    expect(byAddress[primary.addr]).toMatchObject({ role: 'master', isPrimary: true, isLinkUp: undefined })
    expect(byAddress[primary.addr]!.reads).toBeUndefined()
    expect(byAddress[replica.addr]).toMatchObject({ role: 'replica', isPrimary: false, isLinkUp: true, isLate: false })
    expect(byAddress[replica.addr]!.reads).toMatchObject({ isServing: true, evidence: '', outstanding: 0 })
    expect(byAddress[replica.addr]!.reads!.lagMs).toBeLessThan(5000)
    expect(JSON.parse(JSON.stringify(status())).shards).toHaveLength(1)
  })

  test('counts switches by their reason, and the time without a primary', async () => {
    // The second restart comes up empty.
    await cluster.begin(kind, 2, { RUSTEZE_EMPTY_PRIMARY_WAIT: '100ms' })
    const [old, next] = cluster.servers as [RedisServer, RedisServer]
    const client = await cluster.client()
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    expect(await client.ask('WAIT', '1', '5000')).toBe(':1\r\n')
    await old.kill()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(shard().interruptions.totalMs).toBeGreaterThan(100)
    await cluster.promote(next)
    expect(await client.ask('INCR', 'a')).toBe(':2\r\n')
    expect(shard()).toMatchObject({
      generation: 2,
      primary: { address: next.addr },
      switches: { first: 1, promoted: 1, moved: 0, returned: 0 },
    })
    const { lastMs, totalMs } = shard().interruptions
    expect(lastMs).toBeGreaterThan(200)
    expect(totalMs).toBeGreaterThan(lastMs)
    expect(shard().servers.find(({ address }) => address === old.addr)).toMatchObject({ role: 'lost' })
    await next.kill()
    // Back before anybody noticed, it would not have been away.
    await waitUntil(() => shard().state === 'holding', { what: 'it is missed' })
    await next.restart()
    // It was started as a replica.
    await cluster.promote(next)
    expect(await client.ask('SET', 'a', '3')).toBe(ok)
    expect(shard().switches).toEqual({ first: 1, promoted: 1, moved: 0, returned: 1 })
    // The former one is back, and a master as well.
    await old.restart()
    await waitUntil(() => shard().masters === 2, { what: 'two masters are counted', timeoutMs: 15_000 })
  })

  test('counts what is uncertain by command, and what was given to a server again by reason', async () => {
    await cluster.begin(kind, 1)
    const [server] = cluster.servers as [RedisServer]
    const [client, reader] = await Promise.all([cluster.client(), cluster.client()])
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    server.pause()
    client.send(['INCR', 'a'])
    reader.send(['GET', 'a'])
    await new Promise((resolve) => setTimeout(resolve, 100))
    await server.kill()
    await server.restart()
    expect((await client.readReply()).toString()).toMatch(/^-UNCERTAIN/)
    expect((await reader.readReply()).toString()).toBe('$-1\r\n')
    expect(status().uncertain).toEqual({ incr: 1 })
    expect(status().retries).toMatchObject({ 'connection lost': 1, refused: 0 })
    expect(await client.ask('EVAL', "return 'here'", '0')).toBe('$4\r\nhere\r\n')
    const direct = await cluster.direct(server)
    expect(await direct.ask('SCRIPT', 'FLUSH')).toBe(ok)
    const sha = createHash('sha1').update("return 'here'").digest('hex')
    expect(await client.ask('EVALSHA', sha, '0')).toBe('$4\r\nhere\r\n')
    expect(await direct.ask('CONFIG', 'SET', 'min-replicas-to-write', '1')).toBe(ok)
    client.send(Buffer.from('SET a 1\r\nGET a\r\n'))
    await waitUntil(() => status().retries.refused > 0, { what: 'a refused command is asked again' })
    expect(await direct.ask('CONFIG', 'SET', 'min-replicas-to-write', '0')).toBe(ok)
    expect((await client.readReply()).toString()).toBe(ok)
    expect((await client.readReply()).toString()).toBe('$1\r\n1\r\n')
    expect(status().retries['script sent along']).toBe(1)
    expect(status().retries['behind a refusal']).toBeGreaterThan(0)
  })
})
