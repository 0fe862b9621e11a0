// Counts and times of commands are what clients have seen: each command once, whatever happened to it on the way.
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { OUTCOMES } from '../../src/command/command-counts.ts'
import { Cluster } from '../support/cluster.ts'
import { availableServers, type RedisServer } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
/** Takes the server tens of milliseconds: a clock is not to be had in all versions. */
const slowScript = 'for turn = 1, 10000000 do end return ARGV[1]'

describe.each(availableServers())('what is counted (%s)', (kind) => {
  const cluster = new Cluster()
  afterEach(() => cluster.end())
  const status = () => cluster.proxy.app.status()

  /** The counts that are not 0, by command. */
  function counts() {
    const entries = Object.entries(status().commands).map(([name, all]): [string, object] => {
      const used = OUTCOMES.filter((outcome) => all[outcome] > 0)
      return [name, Object.fromEntries(used.map((outcome) => [outcome, all[outcome]]))]
    })
    return Object.fromEntries(entries)
  }

  test('each command is counted once, by what its client was answered', async () => {
    await cluster.begin(kind, 1)
    const client = await cluster.client()
    expect(await client.ask('SET', 'a', 'text')).toBe(ok)
    for (let time = 0; time < 3; time++) expect(await client.ask('GET', 'a')).toBe('$4\r\ntext\r\n')
    expect(await client.ask('INCR', 'a')).toMatch(/^-ERR/)
    expect(await client.ask('PING')).toBe('+PONG\r\n')
    expect(await client.ask('SHUTDOWN')).toMatch(/^-ERR rusteze/)
    expect(await client.ask('CONFIG', 'GET', 'port')).toMatch(/^\*2/)
    expect(await client.ask('OBJECT', 'ENCODING', 'a')).toMatch(/^\$/)
    for (let name = 0; name < 300; name++) expect(await client.ask(`NOSUCH${name}`)).toMatch(/^-ERR unknown command/)
    expect(counts()).toEqual({
      set: { ok: 1 },
      get: { ok: 3 },
      incr: { error: 1 },
      ping: { local: 1 },
      shutdown: { refused: 1 },
      'config|get': { ok: 1 },
      'object|encoding': { ok: 1 },
      unknown: { error: 300 },
    })
  })

  test('transactions, subscriptions and commands that wait are counted as what they are', async () => {
    await cluster.begin(kind, 1)
    const [client, stepwise, listener, waiting] = await Promise.all([1, 2, 3, 4].map(() => cluster.client()))
    client!.send(Buffer.from('MULTI\r\nSET a 1\r\nINCR a\r\nEXEC\r\n'))
    for (let reply = 0; reply < 4; reply++) await client!.readReply()
    expect(await stepwise!.ask('WATCH', 'a')).toBe(ok)
    expect(await stepwise!.ask('MULTI')).toBe(ok)
    expect(await stepwise!.ask('SET', 'a', '3')).toBe('+QUEUED\r\n')
    expect(await stepwise!.ask('SET', 'a')).toMatch(/^-ERR/)
    expect(await stepwise!.ask('EXEC')).toMatch(/^-EXECABORT/)
    listener!.send(['SUBSCRIBE', 'one', 'two'])
    await listener!.readReply()
    await listener!.readReply()
    waiting!.send(['BLPOP', 'list', '0'])
    await waitUntil(() => status().pins.now.blocking === 1, { what: 'it waits' })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await client!.ask('RPUSH', 'list', 'x')).toBe(':1\r\n')
    expect((await waiting!.readReply()).toString()).toBe('*2\r\n$4\r\nlist\r\n$1\r\nx\r\n')
    expect(counts()).toEqual({
      multi: { ok: 2 },
      set: { ok: 2, error: 1 },
      incr: { ok: 1 },
      exec: { ok: 1, error: 1 },
      watch: { ok: 1 },
      subscribe: { ok: 1 },
      blpop: { ok: 1 },
      rpush: { ok: 1 },
    })
    expect(status().commands.blpop).toMatchObject({ totalMs: 0, backendMs: 0 })
    expect(status().latency.total.count).toBe(11)
  })

  test('what is given to a server again is counted once, with the reply its client got', async () => {
    await cluster.begin(kind, 1)
    const [server] = cluster.servers as [RedisServer]
    const [client, reader] = await Promise.all([cluster.client(), cluster.client()])
    const script = "return 'here'"
    const sha = createHash('sha1').update(script).digest('hex')
    expect(await client.ask('EVAL', script, '0')).toBe('$4\r\nhere\r\n')
    const direct = await cluster.direct(server)
    expect(await direct.ask('SCRIPT', 'FLUSH')).toBe(ok)
    expect(await client.ask('EVALSHA', sha, '0')).toBe('$4\r\nhere\r\n')
    expect(await direct.ask('CONFIG', 'SET', 'min-replicas-to-write', '1')).toBe(ok)
    client.send(Buffer.from('SET a 1\r\nGET a\r\n'))
    await waitUntil(() => status().retries.refused > 1, { what: 'a refused command is asked again' })
    expect(await direct.ask('CONFIG', 'SET', 'min-replicas-to-write', '0')).toBe(ok)
    expect((await client.readReply()).toString()).toBe(ok)
    expect((await client.readReply()).toString()).toBe('$1\r\n1\r\n')
    server.pause()
    client.send(Buffer.from('INCR a\r\n'))
    reader.send(['GET', 'a'])
    await new Promise((resolve) => setTimeout(resolve, 100))
    await server.kill()
    await server.restart()
    expect((await client.readReply()).toString()).toMatch(/^-UNCERTAIN/)
    await reader.readReply()
    expect(counts()).toEqual({
      eval: { ok: 1 },
      evalsha: { ok: 1 },
      set: { ok: 1 },
      get: { ok: 2 },
      incr: { uncertain: 1 },
    })
  })

  test('times are shared out between the proxy and the server, and add up', async () => {
    await cluster.begin(kind, 1, { RUSTEZE_SLOW: '10ms' })
    const [server] = cluster.servers as [RedisServer]
    const client = await cluster.client()
    for (let time = 0; time < 20; time++) await client.ask('GET', 'a')
    expect(await client.ask('EVAL', slowScript, '0', 'a secret')).toBe('$8\r\na secret\r\n')
    await server.kill()
    client.send(['CONFIG', 'GET', 'port'])
    await new Promise((resolve) => setTimeout(resolve, 200))
    await server.restart()
    await client.readReply()
    const { commands, latency, slowLog } = status()
    const all = Object.values(commands)
    const sum = (of: (each: (typeof all)[number]) => number) => all.reduce((total, each) => total + of(each), 0)
    expect(latency.total.count).toBe(22)
    expect(latency.backend.count).toBe(22)
    expect(latency.total.sumMs).toBeCloseTo(sum(({ totalMs }) => totalMs))
    expect(latency.backend.sumMs).toBeCloseTo(sum(({ backendMs }) => backendMs))
    expect(latency.backend.sumMs).toBeGreaterThan(10)
    for (const { totalMs, backendMs } of all) expect(totalMs).toBeGreaterThanOrEqual(backendMs)
    const [held, slow] = slowLog.entries.filter(({ command }) => command !== 'get')
    expect(slow).toMatchObject({ command: 'eval', backend: server.addr, replyBytes: '$8\r\na secret\r\n'.length })
    expect(slow!.backendMs).toBeGreaterThanOrEqual(10)
    expect(slow!.backendMs + slow!.proxyMs).toBeCloseTo(slow!.totalMs)
    expect(held).toMatchObject({ command: 'config|get', client: slow!.client })
    expect(held!.proxyMs).toBeGreaterThan(150)
    expect(Math.abs(Date.now() - held!.at)).toBeLessThan(10_000)
    expect(JSON.stringify(slowLog)).not.toContain('secret')
  })

  test('the slow log keeps the last 128, and nothing when it is off', async () => {
    await cluster.begin(kind, 1, { RUSTEZE_SLOW: '1ms', RUSTEZE_SHARED_CONNECTIONS: '1' })
    const client = await cluster.client()
    const other = await cluster.client()
    for (let block = 0; block < 2; block++) {
      // Everything behind the slow one is as slow.
      client.send(['EVAL', slowScript, '0', ''])
      other.send(Buffer.from('GET a\r\n'.repeat(100)))
      for (let reply = 0; reply < 100; reply++) await other.readReply()
      await client.readReply()
    }
    const { count, entries } = status().slowLog
    expect(count).toBeGreaterThan(150)
    expect(entries).toHaveLength(128)
    expect(entries.map(({ id }) => id)).toEqual(Array.from({ length: 128 }, (_, index) => count - index))
    await cluster.end()
    await cluster.begin(kind, 1, { RUSTEZE_SLOW: '0' })
    await (await cluster.client()).ask('EVAL', slowScript, '0', '')
    expect(status().slowLog).toEqual({ count: 0, entries: [] })
  })
})
