// Several servers, one of them the primary: the proxy finds it, follows it, and clients see a pause at most.

import { afterEach, describe, expect, test } from 'vitest'
import { Cluster } from '../support/cluster.ts'
import { availableServers, type RedisServer } from '../support/redis-server.ts'
import { converse, pipeline } from '../support/stage.ts'

const ok = '+OK\r\n'
describe.each(availableServers())('failover (%s)', (kind) => {
  const cluster = new Cluster()
  afterEach(() => cluster.end())

  test('the primary is found among replicas, and the log says what each server said', async () => {
    await cluster.begin(kind, 3)
    const client = await cluster.client()
    expect(await converse(client, ['SET', 'a', '1'], ['INCR', 'a'])).toEqual([ok, ':2\r\n'])
    const line = cluster.proxy.logLines.map((text) => JSON.parse(text)).find(({ message }) => /verified/.test(message))
    const [primary, ...replicas] = cluster.servers.map((server) => server.addr)
    expect(line).toMatchObject({ backend: primary, generation: 1, reason: 'the only master' })
    expect(line.servers).toEqual({
      [primary!]: 'master',
      ...Object.fromEntries(replicas.map((replica) => [replica, expect.stringMatching(/replica|slave/)])),
    })
  })

  test('a planned failover costs reads, writes, blocks, blocking pops and subscribers no error', async () => {
    await cluster.begin(kind, 2)
    const [old, next] = cluster.servers as [RedisServer, RedisServer]
    const [blocked, listener, steps] = await Promise.all([cluster.client(), cluster.client(), cluster.client()])
    blocked.send(['BLPOP', 'jobs', '0'])
    expect(await listener.ask('SUBSCRIBE', 'news')).toMatch(/subscribe/)
    expect(await converse(steps, ['MULTI'], ['INCR', 'steps'])).toEqual([ok, '+QUEUED\r\n'])
    let isOver = false
    const writers = Array.from({ length: 8 }, async (_, index) => {
      const client = await cluster.client()
      let rounds = 0
      for (; !isOver; rounds++) {
        const replies = await pipeline(
          client,
          ['INCR', `n${index}`],
          ['GET', `n${index}`],
          ['MULTI'],
          ['INCR', `m${index}`],
          ['EXEC'],
        )
        const count = rounds + 1
        const text = String(count)
        expect(replies).toEqual([
          `:${count}\r\n`,
          `$${text.length}\r\n${text}\r\n`,
          ok,
          '+QUEUED\r\n',
          `*1\r\n:${count}\r\n`,
        ])
      }
      return rounds
    })
    await Promise.race([Promise.all(writers), new Promise((resolve) => setTimeout(resolve, 300))])
    expect(await (await cluster.direct(old)).ask('FAILOVER')).toBe(ok)
    await cluster.proxy.logs(/"generation":2/, 15_000)
    await Promise.race([Promise.all(writers), new Promise((resolve) => setTimeout(resolve, 300))])
    isOver = true
    expect(Math.min(...(await Promise.all(writers)))).toBeGreaterThan(0)
    expect(await steps.ask('EXEC')).toBe('*1\r\n:1\r\n')
    const last = await cluster.client()
    expect(await last.ask('RPUSH', 'jobs', 'x')).toBe(':1\r\n')
    expect((await blocked.readReply()).toString()).toBe('*2\r\n$4\r\njobs\r\n$1\r\nx\r\n')
    expect(await last.ask('PUBLISH', 'news', 'late')).toBe(':1\r\n')
    expect((await listener.readReply()).toString()).toMatch(/late/)
    await cluster.says(next, /role:master/, 'INFO', 'replication')
  })

  test('a planned failover costs no error to a pop that has waited for longer than the hold', async () => {
    await cluster.begin(kind, 2, { RUSTEZE_HOLD: '3s' })
    const [old] = cluster.servers
    const blocked = await cluster.client()
    blocked.send(['BLPOP', 'jobs', '0'])
    await cluster.says(old!, /blocked_clients:1\r/, 'INFO', 'clients')
    await new Promise((resolve) => setTimeout(resolve, 3200))
    expect(await (await cluster.direct(old!)).ask('FAILOVER')).toBe(ok)
    await cluster.proxy.logs(/"generation":2/, 15_000)
    const last = await cluster.client()
    expect(await last.ask('RPUSH', 'jobs', 'x')).toBe(':1\r\n')
    expect((await blocked.readReply()).toString()).toBe('*2\r\n$4\r\njobs\r\n$1\r\nx\r\n')
  })

  test('a primary that is killed: clients stay, and go on with the promoted one', async () => {
    await cluster.begin(kind, 3)
    const [old, next, other] = cluster.servers as [RedisServer, RedisServer, RedisServer]
    const client = await cluster.client()
    expect(await converse(client, ['SET', 'kept', '1'], ['WAIT', '2', '2000'])).toEqual([ok, ':2\r\n'])
    await old.kill()
    client.send(['INCR', 'kept'])
    await cluster.promote(next, other)
    expect((await client.readReply()).toString()).toBe(':2\r\n')
    expect(await (await cluster.direct(next)).ask('GET', 'kept')).toBe('$1\r\n2\r\n')
    // What was acknowledged before was acknowledged by another primary.
    expect(await client.ask('WAIT', '0', '10')).toMatch(/^:/)
  })

  test('a stale primary that wakes up gets no write', async () => {
    await cluster.begin(kind, 2, { RUSTEZE_REPLY_TIMEOUT: '200ms', RUSTEZE_CONNECT_TIMEOUT: '200ms' })
    const [old, next] = cluster.servers as [RedisServer, RedisServer]
    const client = await cluster.client()
    expect(await converse(client, ['SET', 'a', '1'], ['WAIT', '1', '2000'])).toEqual([ok, ':1\r\n'])
    old.pause()
    await cluster.promote(next)
    await cluster.proxy.logs(/"generation":2/, 15_000)
    expect(await client.ask('INCR', 'a')).toBe(':2\r\n')
    old.resume()
    await cluster.says(old, /role:master/, 'INFO', 'replication')
    for (let count = 3; count < 30; count++) {
      expect(await client.ask('INCR', 'a')).toBe(`:${count}\r\n`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await (await cluster.direct(old)).ask('GET', 'a')).toBe('$1\r\n1\r\n')
  })

  test('a primary that comes back empty is not taken while a replica holds the data', async () => {
    await cluster.begin(kind, 2)
    const [old, next] = cluster.servers as [RedisServer, RedisServer]
    const client = await cluster.client()
    expect(await converse(client, ['SET', 'a', '1'], ['WAIT', '1', '2000'])).toEqual([ok, ':1\r\n'])
    // Else it would throw its data away as soon as the empty one is back.
    expect(await (await cluster.direct(next)).ask('REPLICAOF', '127.0.0.1', '1')).toBe(ok)
    await old.kill()
    await old.restart({ empty: true })
    client.send(['GET', 'a'])
    await cluster.proxy.logs(/the master is empty, and others hold data that it lacks/, 15_000)
    await cluster.promote(next)
    expect((await client.readReply()).toString()).toBe('$1\r\n1\r\n')
  })

  test('an empty primary is taken in the end, and the log complains', async () => {
    await cluster.begin(kind, 2, { RUSTEZE_EMPTY_PRIMARY_WAIT: '1500ms' })
    const [old, next] = cluster.servers as [RedisServer, RedisServer]
    const client = await cluster.client()
    expect(await converse(client, ['SET', 'a', '1'], ['WAIT', '1', '2000'])).toEqual([ok, ':1\r\n'])
    expect(await (await cluster.direct(next)).ask('REPLICAOF', '127.0.0.1', '1')).toBe(ok)
    await old.kill()
    await old.restart({ empty: true })
    expect(await client.ask('GET', 'a')).toBe('$-1\r\n')
    await cluster.proxy.logs(/"level":"error".*the primary is empty/)
    // From then on it is confirmed like any other: what it refused for a while is asked again.
    const direct = await cluster.direct(old)
    expect(await direct.ask('CONFIG', 'SET', 'min-replicas-to-write', '1')).toBe(ok)
    client.send(['SET', 'a', '2'])
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await direct.ask('CONFIG', 'SET', 'min-replicas-to-write', '0')).toBe(ok)
    expect((await client.readReply()).toString()).toBe(ok)
  })

  test('while nobody is master the log says so once, whatever is asked meanwhile', async () => {
    await cluster.begin(kind, 3)
    const client = await cluster.client()
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    const [old, , other] = cluster.servers as [RedisServer, RedisServer, RedisServer]
    expect(await (await cluster.direct(old)).ask('REPLICAOF', other.host, String(other.port))).toBe(ok)
    await cluster.proxy.logs(/no server says that it is a loaded master/)
    const before = cluster.proxy.logLines.length
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(cluster.proxy.logLines.slice(before)).toEqual([])
  })
})
