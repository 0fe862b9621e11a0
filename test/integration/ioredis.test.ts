// ioredis as its users use it: whatever it makes of one connection, it makes through the proxy.

import { Redis, type RedisOptions } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

const clients: Redis[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

function keep(client: Redis): Redis {
  clients.push(client)
  return client
}

describeOnEachServer('ioredis', (kind) => {
  const stage = setStage(kind, { serverArguments: ['--user', 'app', 'on', '>app-pw', '~*', '&*', '+@all'] })

  function create(options: Omit<RedisOptions, 'replyMapping'> = {}): Redis {
    return keep(new Redis(stage.proxy.port, '127.0.0.1', options))
  }

  test('commands, pipelines and transactions', async () => {
    const redis = create()
    expect(await redis.set('k', 'välue')).toBe('OK')
    expect(await redis.getBuffer('k')).toEqual(Buffer.from('välue'))
    const replies = await redis.pipeline().set('n', 1).incr('n').hset('n', 'f', 'v').get('n').exec()
    expect(replies?.map(([error, reply]) => error?.message.slice(0, 9) ?? reply)).toEqual(['OK', 2, 'WRONGTYPE', '2'])
    expect(await redis.multi().incr('n').incr('n').exec()).toEqual([
      [null, 3],
      [null, 4],
    ])
    await redis.multi({ pipeline: false })
    await redis.incr('n')
    expect(await redis.exec()).toEqual([[null, 5]])
    await expect(redis.multi().call('set', 'k').exec()).rejects.toThrow('EXECABORT')
  })

  test('auto-pipelining of many callers', async () => {
    const redis = create({ enableAutoPipelining: true })
    const numbers = Array.from({ length: 2_000 }, (_, index) => index)
    await Promise.all(numbers.map((index) => redis.set(`auto:${index}`, index)))
    const values = await Promise.all(numbers.map((index) => redis.get(`auto:${index}`)))
    expect(values).toEqual(numbers.map(String))
  })

  test('WATCH loops in contention lose no increment', async () => {
    const workers = Array.from({ length: 5 }, () => create())
    const each = 10
    async function increment(redis: Redis): Promise<void> {
      for (;;) {
        await redis.watch('contended')
        const value = Number(await redis.get('contended'))
        if (
          await redis
            .multi()
            .set('contended', value + 1)
            .exec()
        )
          return
      }
    }
    await Promise.all(
      workers.map(async (redis) => {
        for (let done = 0; done < each; done++) await increment(redis)
      }),
    )
    expect(await create().get('contended')).toBe(String(workers.length * each))
  })

  test('pub/sub, by name and by pattern, before and after a restart of the server', async () => {
    const [subscriber, publisher] = [create(), create()]
    const heard: string[] = []
    subscriber.on('message', (channel: string, message: string) => heard.push(`${channel} ${message}`))
    subscriber.on('pmessage', (pattern: string, channel: string, message: string) =>
      heard.push(`${pattern} ${channel} ${message}`),
    )
    expect(await subscriber.subscribe('news', 'more')).toBe(2)
    expect(await subscriber.psubscribe('n*')).toBe(3)
    expect(await publisher.publish('news', 'one')).toBe(2)
    await waitUntil(() => heard.length === 2, { what: 'both came' })
    expect(heard.sort()).toEqual(['n* news one', 'news one'])
    let ends = 0
    subscriber.on('close', () => ends++)
    await stage.server.restart()
    await waitUntil(async () => (await publisher.publish('more', 'two')) === 1, { what: 'it is subscribed again' })
    await waitUntil(() => heard.includes('more two'), { what: 'the message came' })
    expect(await subscriber.unsubscribe('news', 'more')).toBe(1)
    expect(await subscriber.punsubscribe('n*')).toBe(0)
    expect(await subscriber.get('k')).toBeNull()
    expect(ends).toBe(0)
  })

  test('blocking pops, with a connection made by duplicate()', async () => {
    const redis = create()
    const worker = keep(redis.duplicate())
    const popped = worker.blpop('queue', 5)
    await stage.blockedClients(1)
    await redis.rpush('queue', 'job')
    expect(await popped).toEqual(['queue', 'job'])
    expect(await worker.blpop('queue', 0.01)).toBeNull()
    expect(await worker.xread('BLOCK', 10, 'STREAMS', 'stream', '$')).toBeNull()
  })

  test('scripts by defineCommand, also after the server lost them', async () => {
    const redis = create({
      scripts: { addTo: { numberOfKeys: 1, lua: 'return redis.call("incrby", KEYS[1], ARGV[1])' } },
    })
    const { addTo } = redis as unknown as { addTo: (key: string, by: number) => Promise<number> }
    expect(await addTo.call(redis, 'sum', 5)).toBe(5)
    expect(await addTo.call(redis, 'sum', 5)).toBe(10)
    await (await stage.direct()).ask('SCRIPT', 'FLUSH')
    expect(await addTo.call(redis, 'sum', 5)).toBe(15)
  })

  test('scan streams find every key', async () => {
    const redis = create({ db: 5, keyPrefix: 'mine:' })
    await redis.mset(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`scan:${index}`, index])))
    const keys = new Set<string>()
    for await (const batch of redis.scanStream({ match: 'mine:scan:*', count: 50 }))
      for (const key of batch) keys.add(key)
    expect(keys.size).toBe(500)
  })

  test('a user name, a database and a name for the connection; wrong passwords fail', async () => {
    const redis = create({ username: 'app', password: 'app-pw', db: 7, connectionName: 'worker-1' })
    expect(await redis.call('ACL', 'WHOAMI')).toBe('app')
    expect(await redis.client('GETNAME')).toBe('worker-1')
    expect(await redis.client('INFO')).toContain(' db=7 ')
    const wrong = create({ username: 'app', password: 'wrong', lazyConnect: true, retryStrategy: null })
    const failure = new Promise((resolve) => wrong.on('error', (error) => resolve(String(error))))
    wrong.connect().catch(() => {})
    expect(await failure).toContain('WRONGPASS')
  })

  test('it reconnects when the proxy closes it', async () => {
    const redis = create({ retryStrategy: () => 10 })
    const other = create()
    const id = await redis.client('ID')
    await other.client('KILL', 'ID', id)
    expect(await redis.set('again', '1')).toBe('OK')
    expect(await redis.client('ID')).not.toBe(id)
    expect(await redis.quit()).toBe('OK')
  })

  test('MONITOR', async () => {
    const redis = create()
    const monitor = keep(await redis.monitor())
    const seen = new Promise<string[]>((resolve) => {
      monitor.on('monitor', (_time: string, words: string[]) => {
        if (words[0]?.toLowerCase() === 'set') resolve(words)
      })
    })
    await redis.set('watched', 'x')
    expect((await seen).slice(1)).toEqual(['watched', 'x'])
  })
})
