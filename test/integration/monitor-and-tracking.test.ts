// MONITOR and CLIENT TRACKING: bytes that answer nobody reach the client that asked for them, and nobody else.

import { expect, test } from 'vitest'
import { encodeCommand } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, setStage } from '../support/stage.ts'

const ok = '+OK\r\n'

function invalidation(key: string): string {
  return `>2\r\n$10\r\ninvalidate\r\n*1\r\n$${key.length}\r\n${key}\r\n`
}

describeOnEachServer('MONITOR', (kind) => {
  const stage = setStage(kind)

  test('shows what others do, to its client only', async () => {
    const [monitor, other] = await Promise.all([stage.client(), stage.client()])
    expect(await monitor.ask('MONITOR')).toBe(ok)
    expect(await other.ask('SET', 'seen', 'by-monitor')).toBe(ok)
    let line = ''
    while (!line.includes('by-monitor')) line = (await monitor.readReply()).toString()
    expect(line).toMatch(/^\+[\d.]+ \[0 127\.0\.0\.1:\d+\] "SET" "seen" "by-monitor"\r\n$/)
    expect(await other.ask('GET', 'seen')).toBe('$10\r\nby-monitor\r\n')
    expect(await other.ask('CLIENT', 'LIST')).toMatch(/flags=O/)
  })

  test('what is pipelined behind it is answered, however large', async () => {
    const monitor = await stage.client()
    const large = 'x'.repeat(300_000)
    monitor.send(Buffer.concat([encodeCommand(['MONITOR']), encodeCommand(['ECHO', large]), encodeCommand(['PING'])]))
    expect((await monitor.readReply()).toString()).toBe(ok)
    for (const expected of [`$300000\r\n${large}\r\n`, '+PONG\r\n']) {
      let reply = ''
      while (reply !== expected) reply = (await monitor.readReply()).toString()
    }
  })

  test('ends with its client', async () => {
    const monitor = await stage.client()
    await monitor.ask('MONITOR')
    await monitor.close()
    const aside = await stage.direct()
    let list = 'flags=O'
    while (list.includes('flags=O')) list = await aside.ask('CLIENT', 'LIST')
    expect(list).not.toContain('flags=O')
  })

  test('QUIT and RESET end it as they do directly', async () => {
    const monitor = await stage.client()
    await monitor.ask('MONITOR')
    monitor.send(['RESET'])
    let reply = ''
    while (reply !== '+RESET\r\n') reply = (await monitor.readReply()).toString()
    expect(await monitor.ask('SET', 'after-reset', '1')).toBe(ok)
    expect(await monitor.ask('GET', 'after-reset')).toBe('$1\r\n1\r\n')
  })
})

describeOnEachServer('CLIENT TRACKING', (kind) => {
  const stage = setStage(kind)

  test('a key that was read and then changed by another is invalidated', async () => {
    const [cache, other] = await Promise.all([stage.client(), stage.client()])
    await cache.ask('HELLO', '3')
    expect(await converse(cache, ['CLIENT', 'TRACKING', 'ON'], ['GET', 'cached'])).toEqual([ok, '_\r\n'])
    expect(await other.ask('SET', 'cached', '1')).toBe(ok)
    expect((await cache.readReply()).toString()).toBe(invalidation('cached'))
    expect(await cache.ask('GET', 'cached')).toBe('$1\r\n1\r\n')
    expect(await other.ask('FLUSHALL')).toBe(ok)
    expect((await cache.readReply()).toString()).toBe('>2\r\n$10\r\ninvalidate\r\n_\r\n')
  })

  test('BCAST with a prefix', async () => {
    const [cache, other] = await Promise.all([stage.client(), stage.client()])
    await cache.ask('HELLO', '3')
    expect(await cache.ask('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'user:')).toBe(ok)
    await other.ask('SET', 'other:1', 'x')
    await other.ask('SET', 'user:1', 'x')
    expect((await cache.readReply()).toString()).toBe(invalidation('user:1'))
  })

  test('OPTIN tracks only what CACHING YES announces', async () => {
    const [cache, other] = await Promise.all([stage.client(), stage.client()])
    await cache.ask('HELLO', '3')
    await converse(cache, ['CLIENT', 'TRACKING', 'ON', 'OPTIN'], ['GET', 'unannounced'])
    expect(await converse(cache, ['CLIENT', 'CACHING', 'YES'], ['GET', 'announced'])).toEqual([ok, '_\r\n'])
    await converse(other, ['SET', 'unannounced', '1'], ['SET', 'announced', '1'])
    expect((await cache.readReply()).toString()).toBe(invalidation('announced'))
  })

  test('NOLOOP keeps a client’s own changes from it', async () => {
    const [cache, other] = await Promise.all([stage.client(), stage.client()])
    await cache.ask('HELLO', '3')
    await converse(
      cache,
      ['CLIENT', 'TRACKING', 'ON', 'NOLOOP'],
      ['GET', 'own'],
      ['SET', 'own', '1'],
      ['GET', 'theirs'],
    )
    await other.ask('SET', 'theirs', '1')
    expect((await cache.readReply()).toString()).toBe(invalidation('theirs'))
  })

  test('REDIRECT sends RESP2 invalidations to the client that it names', async () => {
    const [cache, listener, other] = await Promise.all([stage.client(), stage.client(), stage.client()])
    const id = (await listener.ask('CLIENT', 'ID')).slice(1, -2)
    await listener.ask('SUBSCRIBE', '__redis__:invalidate')
    expect(await cache.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id)).toBe(ok)
    await cache.ask('GET', 'redirected')
    await other.ask('SET', 'redirected', '1')
    expect((await listener.readReply()).toString()).toBe(
      '*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$10\r\nredirected\r\n',
    )
    expect(await cache.ask('CLIENT', 'GETREDIR')).toBe(`:${id}\r\n`)
    expect(await cache.ask('CLIENT', 'TRACKINGINFO')).toContain(`redirect\r\n:${id}\r\n`)
  })

  test('REDIRECT sends pushes to a RESP3 client that has not subscribed, and stays known when that client is gone', async () => {
    const [cache, listener, other] = await Promise.all([stage.client(), stage.client(), stage.client()])
    await listener.ask('HELLO', '3')
    const id = (await listener.ask('CLIENT', 'ID')).slice(1, -2)
    expect(await cache.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id)).toBe(ok)
    await cache.ask('GET', 'redirected3')
    await other.ask('SET', 'redirected3', '1')
    expect((await listener.readReply()).toString()).toBe(invalidation('redirected3'))
    expect(await cache.ask('CLIENT', 'INFO')).toContain(` redir=${id} `)
    await listener.close()
    expect(await cache.ask('CLIENT', 'GETREDIR')).toBe(`:${id}\r\n`)
  })

  test('REDIRECT before the target has subscribed works as well', async () => {
    const [cache, listener, other] = await Promise.all([stage.client(), stage.client(), stage.client()])
    const id = (await listener.ask('CLIENT', 'ID')).slice(1, -2)
    expect(await cache.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id)).toBe(ok)
    await listener.ask('SUBSCRIBE', '__redis__:invalidate')
    await cache.ask('GET', 'redirected2')
    await other.ask('SET', 'redirected2', '1')
    expect((await listener.readReply()).toString()).toContain('redirected2')
  })

  test('errors are the server’s', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const commands = [
      ['CLIENT', 'TRACKING', 'ON'],
      ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', '99999999'],
      ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', 'abc'],
      ['CLIENT', 'TRACKING', 'ON', 'OPTIN', 'OPTOUT'],
      ['CLIENT', 'TRACKING', 'maybe'],
      ['CLIENT', 'TRACKING'],
    ]
    for (const command of commands) expect(await client.ask(...command)).toBe(await direct.ask(...command))
  })

  test('OFF ends it and gives the connection back', async () => {
    const [cache, other] = await Promise.all([stage.client(), stage.client()])
    await cache.ask('HELLO', '3')
    await converse(cache, ['CLIENT', 'TRACKING', 'ON'], ['GET', 'off'])
    expect(await cache.ask('CLIENT', 'TRACKING', 'OFF')).toBe(ok)
    await other.ask('SET', 'off', '1')
    expect(await cache.ask('GET', 'off')).toBe('$1\r\n1\r\n')
    expect(await cache.ask('CLIENT', 'INFO')).toMatch(/ flags=N /)
    await stage.serverSays(/tracking_clients:0\r/, 'INFO', 'clients')
  })
})
