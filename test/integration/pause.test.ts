// PROXY PAUSE and POST /pause: what may write waits for planned maintenance, and no client hears an error.
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { Cluster } from '../support/cluster.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { ask } from '../support/raw-http.ts'
import { availableServers, type RedisServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'
import { startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Whether a reply came within some time; it stays to be read. */
async function isAnswered(client: RawClient, ms = 150): Promise<boolean> {
  const before = client.socket.bytesRead
  await sleep(ms)
  return client.socket.bytesRead > before
}

describe.each(availableServers())('a pause (%s)', (kind) => {
  const stage = setStage(kind, { hasLink: true, environment: { RUSTEZE_HOLD: '300ms', RUSTEZE_PAUSE: '10s' } })
  afterEach(() => stage.proxy.app.status().pause === null || end())
  const paused = () => stage.proxy.app.status().pause

  async function end(): Promise<void> {
    expect(await (await stage.client()).ask('PROXY', 'RESUME')).toBe(ok)
    // The server says first that it still is the primary.
    await waitUntil(() => paused() === null, { what: 'the pause is over' })
  }

  test('writes wait, for longer than the hold, and reads go on', async () => {
    const [operator, writer, reader] = await Promise.all([stage.client(), stage.client(), stage.client()])
    expect(await writer.ask('SET', 'held', '1')).toBe(ok)
    expect(await operator.ask('PROXY', 'PAUSE', '10000')).toBe(':0\r\n')
    const waiting = pipeline(writer, ['GET', 'held'], ['INCR', 'held'], ['GET', 'held'], ['PUBLISH', 'a', 'b'])
    expect(await isAnswered(writer)).toBe(true)
    expect(await isAnswered(writer, 700)).toBe(false)
    expect(await reader.ask('GET', 'held')).toBe('$1\r\n1\r\n')
    expect(await reader.ask('XREAD', 'BLOCK', '10', 'STREAMS', 'none', '$')).toMatch(/^(\*-1|_)\r\n$/)
    expect(await reader.ask('CONFIG', 'GET', 'maxmemory')).toMatch(/maxmemory/)
    expect(paused()).toMatchObject({ holds: 'writes', inFlight: 0 })
    expect(paused()!.until - paused()!.since).toBe(10_000)
    expect(stage.proxy.app.status().hold.commands).toBe(3)
    expect(await operator.ask('PROXY', 'RESUME')).toBe(ok)
    expect(await waiting).toEqual(['$1\r\n1\r\n', ':2\r\n', '$1\r\n2\r\n', ':0\r\n'])
    expect(paused()).toBeNull()
    await stage.proxy.logs(/"seconds":10,"holds":"writes","message":"paused"/)
    await stage.proxy.logs(/"reason":"PROXY RESUME","message":"pause is over"/)
  })

  test('what may write waits as well: scripts, functions, blocks, transactions step by step, unknown names', async () => {
    const steps = await stage.client()
    expect(await converse(steps, ['WATCH', 'w'], ['MULTI'], ['SET', 'stepped', '1'])).toEqual([ok, ok, '+QUEUED\r\n'])
    const operator = await stage.client()
    expect(await operator.ask('PROXY', 'PAUSE', '10000')).toBe(':0\r\n')
    const waiting = [
      ['EVAL', 'return redis.call("INCR", KEYS[1])', '1', 'scripted'],
      ['MULTI'],
      ['NONSENSE'],
      ['RPOPLPUSH', 'x', 'y'],
      ['BLPOP', 'nothing', '0.01'],
      ['SORT', 'x', 'STORE', 'y'],
      ['GETEX', 'x', 'PERSIST'],
      ['PFCOUNT', 'x'],
      ['WATCH', 'a'],
      ['SCRIPT', 'FLUSH'],
      ['CONFIG', 'RESETSTAT'],
      ['OBJECT', 'NONSENSE', 'x'],
    ]
    const clients = await Promise.all(waiting.map(() => stage.client()))
    const answers = waiting.map((command, index) => clients[index]!.ask(...command))
    const block = await stage.client()
    const blocked = pipeline(block, ['MULTI'], ['GET', 'x'], ['INCR', 'blocked'], ['EXEC'])
    const last = steps.ask('EXEC')
    await sleep(200)
    for (const client of [...clients, block, steps]) expect(await isAnswered(client, 5)).toBe(false)
    for (const read of [
      ['EVAL_RO', 'return 1', '0'],
      ['SELECT', '1'],
      ['SUBSCRIBE', 'a'],
      ['CLIENT', 'TRACKING', 'OFF'],
    ])
      expect(await (await stage.client()).ask(...read)).not.toMatch(/^-(?!ERR unknown command 'EVAL_RO')/)
    await end()
    expect(await last).toBe('*1\r\n+OK\r\n')
    expect(await blocked).toEqual([ok, '+QUEUED\r\n', '+QUEUED\r\n', '*2\r\n$-1\r\n:1\r\n'])
    const replies = await Promise.all(answers)
    expect(replies.slice(0, 2)).toEqual([':1\r\n', ok])
    expect(replies[2]).toMatch(/^-ERR unknown command/)
    expect(replies[4]).toBe('*-1\r\n')
  })

  test('is told when nothing that may write is in flight, or how much when that takes long', async () => {
    const [operator, slow, other, blocked] = await Promise.all([1, 2, 3, 4].map(() => stage.client()))
    expect(await converse(slow!, ['SET', 'slow', '1'])).toEqual([ok])
    stage.link.stall()
    const first = slow!.ask('INCR', 'slow')
    setTimeout(() => stage.link.resume(), 300)
    await sleep(50)
    const startedAt = performance.now()
    expect(await operator!.ask('PROXY', 'PAUSE', '5000')).toBe(':0\r\n')
    expect(performance.now() - startedAt).toBeGreaterThan(200)
    expect(await first).toBe(':2\r\n')
    await end()
    stage.link.stall()
    const lost = await stage.client()
    lost.send(['INCR', 'slow'])
    const second = slow!.ask('INCR', 'slow')
    const read = other!.ask('GET', 'slow')
    await sleep(50)
    // Who leaves has asked for it all the same.
    await lost.close()
    expect(await operator!.ask('PROXY', 'PAUSE', '600')).toBe(':2\r\n')
    stage.link.resume()
    expect(await second).toMatch(/^:[34]/)
    expect(await read).toMatch(/^\$1\r\n[234]/)
    expect(await other!.ask('GET', 'slow')).toBe('$1\r\n4\r\n')
    await end()
    // A pop that waits at the server is called back, and waits here.
    blocked!.send(['BLPOP', 'jobs', '0'])
    await stage.blockedClients(1)
    expect(await operator!.ask('PROXY', 'PAUSE', '5000')).toBe(':0\r\n')
    await stage.blockedClients(0)
    expect(await (await stage.direct()).ask('RPUSH', 'jobs', 'x')).toBe(':1\r\n')
    expect(await isAnswered(blocked!)).toBe(false)
    await end()
    expect((await blocked!.readReply()).toString()).toBe('*2\r\n$4\r\njobs\r\n$1\r\nx\r\n')
    expect(stage.proxy.app.status().retries['called back by a pause']).toBeGreaterThan(0)
  })

  test('CLIENT UNBLOCK … ERROR of somebody else is still an error', async () => {
    const [blocked, other] = await Promise.all([stage.client(), stage.client()])
    const id = (await blocked.ask('CLIENT', 'ID')).slice(1, -2)
    blocked.send(['BLPOP', 'nothing', '0'])
    await stage.blockedClients(1)
    expect(await other.ask('CLIENT', 'UNBLOCK', id, 'ERROR')).toBe(':1\r\n')
    expect((await blocked.readReply()).toString()).toMatch(/^-UNBLOCKED/)
  })

  test('a pop whose client has left takes nothing when the pause is over', async () => {
    const [operator, leaver, other] = await Promise.all([1, 2, 3].map(() => stage.client()))
    expect(await operator!.ask('PROXY', 'PAUSE', '5000')).toBe(':0\r\n')
    leaver!.send(['BLPOP', 'left', '0'])
    await waitUntil(() => stage.proxy.app.status().hold.commands === 1, { what: 'it waits' })
    leaver!.end()
    await leaver!.readUntilClose()
    const pushed = other!.ask('RPUSH', 'left', 'x')
    await end()
    expect(await pushed).toBe(':1\r\n')
    expect(await operator!.ask('LLEN', 'left')).toBe(':1\r\n')
  })

  test('ends at its deadline, and not with its client', async () => {
    const operator = await stage.client()
    expect(await operator.ask('PROXY', 'PAUSE', '700')).toBe(':0\r\n')
    await operator.close()
    const writer = await stage.client()
    const startedAt = performance.now()
    expect(await writer.ask('SET', 'late', '1')).toBe(ok)
    expect(performance.now() - startedAt).toBeGreaterThan(300)
    await stage.proxy.logs(/"reason":"its time is over","message":"pause is over"/)
  })

  test('ALL holds everything that needs a server; another pause takes its place', async () => {
    const [operator, reader, writer] = await Promise.all([stage.client(), stage.client(), stage.client()])
    expect(await operator.ask('PROXY', 'PAUSE', '5000', 'ALL')).toBe(':0\r\n')
    const read = reader.ask('GET', 'none')
    const written = writer.ask('SET', 'some', '1')
    expect(await operator.ask('PING')).toBe('+PONG\r\n')
    expect(await operator.ask('CLIENT', 'ID')).toMatch(/^:\d+/)
    expect(await isAnswered(reader)).toBe(false)
    expect(paused()).toMatchObject({ holds: 'all' })
    expect(await operator.ask('PROXY', 'PAUSE', '5000')).toBe(':0\r\n')
    expect(await read).toBe('$-1\r\n')
    expect(await isAnswered(writer)).toBe(false)
    await end()
    expect(await written).toBe(ok)
  })

  test('a client that is passed through raw waits too', async () => {
    const [operator, raw] = await Promise.all([stage.client(), stage.client()])
    expect((await pipeline(raw, ['MULTI'], ['SUBSCRIBE', 'somewhere'], ['EXEC']))[2]).toMatch(/subscribe/)
    expect(await operator.ask('PROXY', 'PAUSE', '5000')).toBe(':0\r\n')
    raw.send(['UNSUBSCRIBE'])
    expect(await isAnswered(raw)).toBe(false)
    await end()
    expect((await raw.readReply()).toString()).toMatch(/unsubscribe/)
  })

  test.each([[['0']], [['10001']], [['-1']], [['1e3']], [['']], [['9'.repeat(30)]], [['soon']], [['ALL', '5']]])(
    'PAUSE %j is refused, and holds nothing',
    async (options) => {
      const client = await stage.client()
      expect(await client.ask('PROXY', 'PAUSE', ...options)).toMatch(/^-ERR .*(RUSTEZE_PAUSE|syntax)/)
      expect(await client.ask('SET', 'a', '1')).toBe(ok)
    },
  )
})

const [anyKind] = availableServers()

describe.each(availableServers())('maintenance during a pause (%s)', (kind) => {
  const cluster = new Cluster()
  afterEach(() => cluster.end())

  /** Pauses, does something to the servers and resumes, while clients of all sorts go on: none of them hears an error. */
  async function maintain(work: (old: RedisServer, next: RedisServer) => Promise<unknown>): Promise<void> {
    await cluster.begin(kind, 2, { RUSTEZE_HOLD: '1s', RUSTEZE_REPLY_TIMEOUT: '10s' })
    const [old, next] = cluster.servers as [RedisServer, RedisServer]
    const [operator, blocked, steps, listener] = await Promise.all([1, 2, 3, 4].map(() => cluster.client()))
    expect(await converse(steps!, ['MULTI'], ['INCR', 'steps'])).toEqual([ok, '+QUEUED\r\n'])
    expect(await listener!.ask('SUBSCRIBE', 'news')).toMatch(/subscribe/)
    blocked!.send(['BLPOP', 'jobs', '0'])
    let isOver = false
    const increment = 'return redis.call("INCR", KEYS[1])'
    const crowd = Array.from({ length: 8 }, async (_, index) => {
      const client = await cluster.client()
      let count = 0
      while (!isOver) {
        const before = String(count++)
        const after = String(count)
        const replies = await pipeline(
          client,
          ...[
            ['INCR', `n${index}`],
            ['GET', `n${index}`],
            ['EVAL', increment, '1', `s${index}`],
          ],
          ...[['MULTI'], ['INCR', `m${index}`], ['GET', `n${index}`], ['EXEC']],
        )
        const text = `$${after.length}\r\n${after}\r\n`
        const number = `:${after}\r\n`
        expect(replies, `after ${before}`).toEqual([
          ...[number, text, number, ok, '+QUEUED\r\n', '+QUEUED\r\n', `*2\r\n${number}${text}`],
        ])
      }
      return count
    })
    const everybody = Promise.all(crowd)
    await Promise.race([everybody, sleep(300)])
    expect(await operator!.ask('PROXY', 'PAUSE', '20000')).toBe(':0\r\n')
    await cluster.says(next, /master_link_status:up[\s\S]*slave_repl_offset:(\d+)/, 'INFO', 'replication')
    await Promise.race([everybody, sleep(1500)])
    await work(old, next)
    expect(await operator!.ask('PROXY', 'RESUME')).toBe(ok)
    await Promise.race([everybody, sleep(500)])
    isOver = true
    const counts = await everybody
    expect(Math.min(...counts)).toBeGreaterThan(1)
    const last = await cluster.client()
    for (const [index, count] of counts.entries()) {
      expect(await last.ask('GET', `n${index}`)).toBe(`$${String(count).length}\r\n${count}\r\n`)
    }
    expect(await steps!.ask('EXEC')).toBe('*1\r\n:1\r\n')
    expect(await last.ask('RPUSH', 'jobs', 'x')).toBe(':1\r\n')
    expect((await blocked!.readReply()).toString()).toBe('*2\r\n$4\r\njobs\r\n$1\r\nx\r\n')
    expect(await last.ask('PUBLISH', 'news', 'late')).toBe(':1\r\n')
    expect((await listener!.readReply()).toString()).toMatch(/late/)
    expect(cluster.proxy.app.status()).toMatchObject({ uncertain: {}, pause: null })
    await cluster.says(next, /role:master/, 'INFO', 'replication')
  }

  test('FAILOVER', () =>
    maintain(async (old, next) => {
      expect(await (await cluster.direct(old)).ask('FAILOVER')).toBe(ok)
      await cluster.says(next, /role:master/, 'INFO', 'replication')
    }))

  test('REPLICAOF by hand', () => maintain((old, next) => cluster.promote(next, old)))

  test('REPLICAOF by hand, and the former primary is gone', () =>
    maintain(async (old, next) => {
      await cluster.promote(next)
      await old.kill()
    }))

  test('no primary at all, for longer than the hold', () =>
    maintain(async (old, next) => {
      await old.kill()
      await sleep(1500)
      await cluster.promote(next)
    }))
})

describe('a pause beside other settings', () => {
  const cluster = new Cluster()
  afterEach(() => cluster.end())

  test('what waits counts in the hold, and its bounds are kept', async () => {
    await cluster.begin(anyKind!, 1, { RUSTEZE_HOLD_COMMANDS: '2', RUSTEZE_HOLD_CLIENT_COMMANDS: '2' })
    const clients = await Promise.all([1, 2, 3, 4].map(() => cluster.client()))
    expect(await clients[3]!.ask('PROXY', 'PAUSE', '5000')).toBe(':0\r\n')
    const [first, second] = [clients[0]!.ask('INCR', 'a'), clients[1]!.ask('INCR', 'a')]
    await waitUntil(() => cluster.proxy.app.status().hold.commands === 2, { what: 'two wait' })
    expect(await clients[2]!.ask('INCR', 'a')).toMatch(/^-MASTERDOWN .*RUSTEZE_HOLD_COMMANDS/)
    expect(await clients[2]!.ask('GET', 'a')).toBe('$-1\r\n')
    expect(await clients[3]!.ask('PROXY', 'RESUME')).toBe(ok)
    expect((await Promise.all([first, second])).toSorted()).toEqual([':1\r\n', ':2\r\n'])
  })

  test('without a hold, and with few pins, it is no error to wait for its end', async () => {
    await cluster.begin(anyKind!, 1, { RUSTEZE_HOLD: '0', RUSTEZE_PINS: '1', RUSTEZE_PIN_WAIT: '100ms' })
    const [operator, first, second] = await Promise.all([1, 2, 3].map(() => cluster.client()))
    await cluster.proxy.logs(/primary verified/)
    expect(await converse(first!, ['SET', 'a', '1'], ['WATCH', 'a'])).toEqual([ok, ok])
    second!.send(['BLPOP', 'b', '0.1'])
    await sleep(50)
    expect(await operator!.ask('PROXY', 'PAUSE')).toBe(':0\r\n')
    expect(await isAnswered(second!, 400)).toBe(false)
    const unwatched = first!.ask('UNWATCH')
    expect(await isAnswered(first!)).toBe(false)
    expect(await operator!.ask('PROXY', 'RESUME')).toBe(ok)
    expect(await unwatched).toBe(ok)
    expect((await second!.readReply()).toString()).toBe('*-1\r\n')
  })

  test('a drain ends it: what waits is done', async () => {
    await cluster.begin(anyKind!, 1, { RUSTEZE_DRAIN: '5s' })
    const [operator, writer] = await Promise.all([cluster.client(), cluster.client()])
    expect(await operator!.ask('PROXY', 'PAUSE', '20000')).toBe(':0\r\n')
    const written = writer.ask('SET', 'a', '1')
    await waitUntil(() => cluster.proxy.app.status().hold.commands === 1, { what: 'it waits' })
    const drained = cluster.proxy.app.drain()
    expect(await written).toBe(ok)
    expect(await operator!.ask('PROXY', 'PAUSE', '20000')).toMatch(/^-ERR rusteze: it stops/)
    cluster.proxy.app.hasten()
    await drained
  })

  test('POST /pause and /resume do the same, and a metric shows it', async () => {
    await cluster.begin(anyKind!, 1, { RUSTEZE_ADMIN: '127.0.0.1:0' })
    const port = cluster.proxy.adminPort
    const post = (path: string) => ask(port, [`POST ${path} HTTP/1.1`, 'Host: localhost'])
    const metrics = () => ask(port, ['GET /metrics HTTP/1.1', 'Host: localhost'])
    const writer = await cluster.client()
    expect(await metrics()).toMatch(/^rusteze_paused 0$/m)
    expect(await post('/pause?milliseconds=5000')).toMatch(/^HTTP\/1\.1 200 [\s\S]*"inFlight": 0/)
    const written = writer.ask('SET', 'a', '1')
    expect(await isAnswered(writer)).toBe(false)
    expect(await metrics()).toMatch(/^rusteze_paused 1$/m)
    expect(await ask(port, ['GET /status HTTP/1.1', 'Host: localhost'])).toMatch(/"holds": "writes"/)
    expect(await post('/resume')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await written).toBe(ok)
    expect(await post('/pause?milliseconds=999999999')).toMatch(/^HTTP\/1\.1 400 [\s\S]*RUSTEZE_PAUSE/)
    expect(await post('/pause?milliseconds=5000&holds=all')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await isAnswered(writer)).toBe(false)
    const read = writer.ask('GET', 'a')
    expect(await isAnswered(writer)).toBe(false)
    expect(await post('/resume')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await read).toBe('$1\r\n1\r\n')
  })

  test.skipIf(outside === undefined)(
    'who comes from another machine cannot pause or resume, and may look',
    async () => {
      await cluster.begin(anyKind!, 1)
      const proxy = await startProxy({
        RUSTEZE_BACKENDS: cluster.servers[0]!.addr,
        RUSTEZE_LISTEN: `${outside}:0,unix:/tmp/rusteze-pause-${process.pid}.sock`,
        RUSTEZE_PROTECTED: 'off',
      })
      const stranger = await connect({ host: outside!, port: proxy.port })
      const local = await connect({ path: `/tmp/rusteze-pause-${process.pid}.sock` })
      try {
        for (const command of [['PAUSE'], ['RESUME'], ['SLOWLOG', 'RESET']])
          expect(await stranger.ask('PROXY', ...command)).toMatch(/^-NOPERM .*same machine/)
        expect(await stranger.ask('PROXY', 'INFO')).toMatch(/paused:0/)
        expect(await local.ask('PROXY', 'PAUSE', '5000')).toBe(':0\r\n')
        expect(await stranger.ask('PROXY', 'RESUME')).toMatch(/^-NOPERM/)
        expect(await local.ask('PROXY', 'RESUME')).toBe(ok)
      } finally {
        await Promise.all([stranger.close(), local.close()])
        await proxy.stop()
      }
    },
  )
})
