// node-redis as its users use it, in RESP2 and RESP3.

import { createClient, type RedisClientOptions } from 'redis'
import { afterEach, describe, expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

const opened: { destroy(): void; readonly isOpen: boolean }[] = []

afterEach(() => {
  for (const client of opened.splice(0)) if (client.isOpen) client.destroy()
})

describe.each([2, 3] as const)('RESP%i', (RESP) => {
  describeOnEachServer('node-redis', (kind) => {
    const stage = setStage(kind, { serverArguments: ['--user', 'app', 'on', '>app-pw', '~*', '&*', '+@all'] })

    async function create(options: RedisClientOptions = {}) {
      const client = createClient({ RESP, socket: { host: '127.0.0.1', port: stage.proxy.port }, ...options })
      client.on('error', () => {})
      opened.push(client)
      await client.connect()
      return client
    }

    test('commands, and pipelines that it makes of what is asked in one turn', async () => {
      const client = await create()
      expect(await client.set('k', 'v', { EX: 100 })).toBe('OK')
      const replies = await Promise.all([client.get('k'), client.incr('n'), client.incr('n'), client.hGetAll('none')])
      expect(replies.slice(0, 3)).toEqual(['v', 1, 2])
      await client.hSet('hash', { a: '1', b: '2' })
      expect({ ...(await client.hGetAll('hash')) }).toEqual({ a: '1', b: '2' })
      await client.zAdd('scores', [{ score: 1.5, value: 'x' }])
      expect(await client.zRangeWithScores('scores', 0, -1)).toEqual([{ score: 1.5, value: 'x' }])
      await expect(client.incr('k')).rejects.toThrow('not an integer')
    })

    test('transactions, and WATCH loops in contention', async () => {
      const clients = await Promise.all(Array.from({ length: 4 }, () => create()))
      expect(await clients[0]!.multi().set('t', 1).incr('t').exec()).toEqual(['OK', 2])
      await Promise.all(
        clients.map(async (client) => {
          for (let done = 0; done < 10; ) {
            await client.watch('contended')
            const value = Number(await client.get('contended'))
            const replies = await client
              .multi()
              .set('contended', value + 1)
              .exec()
              .catch(() => null)
            if (replies !== null) done++
          }
        }),
      )
      expect(await clients[0]!.get('contended')).toBe('40')
    })

    test('pub/sub, by name, by pattern and by shard', async () => {
      const publisher = await create()
      const subscriber = publisher.duplicate()
      subscriber.on('error', () => {})
      opened.push(subscriber)
      await subscriber.connect()
      const heard: string[] = []
      const listener = (message: string, channel: string) => heard.push(`${channel} ${message}`)
      await subscriber.subscribe('news', listener)
      await subscriber.pSubscribe('n*', listener)
      await subscriber.sSubscribe('shard', listener)
      await publisher.publish('news', 'one')
      await publisher.sPublish('shard', 'two')
      await waitUntil(() => heard.length === 3, { what: 'three messages came' })
      expect(heard.sort()).toEqual(['news one', 'news one', 'shard two'])
      await subscriber.unsubscribe()
      await subscriber.pUnsubscribe()
      await subscriber.sUnsubscribe()
      expect(await publisher.publish('news', 'nobody')).toBe(0)
      // In RESP2 a client that has listened gives it as bytes.
      expect(String(await subscriber.ping())).toBe('PONG')
    })

    test('blocking pops', async () => {
      const [worker, other] = await Promise.all([create(), create()])
      const popped = worker.blPop('queue', 5)
      await stage.blockedClients(1)
      await other.rPush('queue', 'job')
      expect(await popped).toEqual({ key: 'queue', element: 'job' })
      expect(await worker.blPop('queue', 0.01)).toBeNull()
    })

    test('scripts, functions and scan iterators', async () => {
      const client = await create()
      expect(await client.eval('return {KEYS[1], ARGV[1]}', { keys: ['k'], arguments: ['a'] })).toEqual(['k', 'a'])
      const sha = await client.scriptLoad('return ARGV[1]')
      expect(await client.evalSha(sha, { arguments: ['x'] })).toBe('x')
      await client.mSet(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`scan:${index}`, `${index}`])))
      const keys = new Set<string>()
      for await (const batch of client.scanIterator({ MATCH: 'scan:*', COUNT: 40 }))
        for (const key of batch) keys.add(key)
      expect(keys.size).toBe(300)
    })

    test('user name, password, database and name', async () => {
      const client = await create({ username: 'app', password: 'app-pw', database: 4, name: 'worker' })
      expect(await client.aclWhoAmI()).toBe('app')
      expect(await client.clientGetName()).toBe('worker')
      expect((await client.clientInfo()).db).toBe(4)
      await expect(
        create({
          username: 'app',
          password: 'wrong',
          socket: { host: '127.0.0.1', port: stage.proxy.port, reconnectStrategy: false },
        }),
      ).rejects.toThrow('WRONGPASS')
    })

    test('a restart of the server is no reconnect, a CLIENT KILL is one', async () => {
      const [client, other] = await Promise.all([create(), create()])
      let reconnects = 0
      client.on('reconnecting', () => reconnects++)
      const id = await client.clientId()
      await stage.server.restart()
      expect(await client.set('after', 'restart')).toBe('OK')
      expect(await client.clientId()).toBe(id)
      expect(reconnects).toBe(0)
      await other.clientKill({ filter: 'ID', id })
      await waitUntil(() => reconnects > 0 && client.isReady, { what: 'it is connected again' })
      expect(await client.get('after')).toBe('restart')
      await client.close()
    })

    if (RESP === 2) return
    test('client-side caching: hits stay here, changes by others are seen', async () => {
      const cached = await create({ clientSideCache: { ttl: 0, maxEntries: 100 } })
      const other = await create()
      await other.set('cached', 'old')
      expect(await cached.get('cached')).toBe('old')
      expect(await cached.get('cached')).toBe('old')
      await other.set('cached', 'new')
      await waitUntil(async () => (await cached.get('cached')) === 'new', { what: 'the change is seen' })
    })
  })
})
