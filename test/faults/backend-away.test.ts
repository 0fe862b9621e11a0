// A server that is not there yet, goes and comes back, or stays away: commands wait, within bounds, and then run in order.

import { afterEach, describe, expect, test } from 'vitest'
import { connect, encodeCommand, type RawClient } from '../support/raw-client.ts'
import { describeOnEachServer, freePort, type RedisServer, startRedis } from '../support/redis-server.ts'
import { converse, pipeline } from '../support/stage.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
const tooMany =
  '-MASTERDOWN Link with MASTER is down (rusteze: too many commands wait for a primary; see RUSTEZE_HOLD_COMMANDS, RUSTEZE_HOLD_BYTES)\r\n'

function noPrimary(seconds: string): string {
  return `-MASTERDOWN Link with MASTER is down (rusteze: no confirmed primary for ${seconds} s)\r\n`
}

/** Closed after the story, the last one first. */
const toClose: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close()
})

async function proxyTo(port: number, environment: Readonly<Record<string, string>> = {}): Promise<RunningProxy> {
  const proxy = await startProxy({ RUSTEZE_BACKENDS: `127.0.0.1:${port}`, RUSTEZE_HOLD: '30s', ...environment })
  toClose.push(proxy.stop)
  return proxy
}

async function clientOf(proxy: RunningProxy): Promise<RawClient> {
  const client = await connect(proxy.port)
  toClose.push(() => client.close())
  return client
}

function stopLater(server: RedisServer): RedisServer {
  toClose.push(() => server.stop())
  return server
}

describe('no server', () => {
  test('after the hold: the exact error, and the client stays', async () => {
    const client = await clientOf(await proxyTo(await freePort(), { RUSTEZE_HOLD: '300ms' }))
    expect(await pipeline(client, ['SET', 'a', '1'], ['GET', 'a'])).toEqual([noPrimary('0.3'), noPrimary('0.3')])
    expect(await client.ask('GET', 'a')).toBe(noPrimary('0.3'))
  })

  test('with RUSTEZE_HOLD=0: the same error at once', async () => {
    const client = await clientOf(await proxyTo(await freePort(), { RUSTEZE_HOLD: '0' }))
    expect(await client.ask('SET', 'a', '1')).toBe(noPrimary('0.0'))
  })

  test('a client that leaves takes along what it has waiting', async () => {
    const port = await freePort()
    const proxy = await proxyTo(port)
    const [leaver, client] = [await clientOf(proxy), await clientOf(proxy)]
    leaver.send(['RPUSH', 'left', 'a'])
    await waitUntil(async () => (await client.ask('CLIENT', 'LIST')).includes('cmd=rpush'), { what: 'it waits' })
    // A mere end of its half would leave it waiting for its reply.
    leaver.socket.resetAndDestroy()
    await waitUntil(async () => !(await client.ask('CLIENT', 'LIST')).includes('cmd=rpush'), { what: 'it is gone' })
    stopLater(await startRedis({ port }))
    expect(await client.ask('EXISTS', 'left')).toBe(':0\r\n')
  })
})

describeOnEachServer('a server that comes and goes', (kind) => {
  test('is waited for from the start, transactions and blocking commands included', async () => {
    const port = await freePort()
    const proxy = await proxyTo(port)
    const clients = [await clientOf(proxy), await clientOf(proxy), await clientOf(proxy)] as const
    const answers = Promise.all([
      pipeline(clients[0], ['SET', 'a', '1'], ['INCR', 'a'], ['GET', 'a']),
      pipeline(clients[1], ['MULTI'], ['PING', 'x'], ['EXEC']),
      pipeline(clients[2], ['BLPOP', 'list', '0.01'], ['SELECT', '1'], ['SUBSCRIBE', 'news']),
    ])
    stopLater(await startRedis({ kind, port }))
    expect(await answers).toEqual([
      [ok, ':2\r\n', '$1\r\n2\r\n'],
      [ok, '+QUEUED\r\n', '*1\r\n$1\r\nx\r\n'],
      ['*-1\r\n', ok, '*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n'],
    ])
  })

  test('is waited for over a restart: what was queued runs in order, once', async () => {
    const server = stopLater(await startRedis({ kind, arguments: ['--appendonly', 'yes'] }))
    const proxy = await proxyTo(server.port)
    const clients = await Promise.all(Array.from({ length: 10 }, () => clientOf(proxy)))
    for (const [index, client] of clients.entries()) expect(await client.ask('RPUSH', `${index}`, '0')).toBe(':1\r\n')
    await server.stop()
    const answers = clients.map((client, index) =>
      pipeline(client, ...Array.from({ length: 50 }, (_, at) => ['RPUSH', `${index}`, `${at + 1}`])),
    )
    await server.restart()
    const inOrder = Array.from({ length: 50 }, (_, at) => `:${at + 2}\r\n`)
    for (const answer of answers) expect(await answer).toEqual(inOrder)
  })

  test('and lost its scripts: EVALSHA of a body that was seen is healed, inside MULTI it is the server’s own error', async () => {
    const server = stopLater(await startRedis({ kind }))
    const client = await clientOf(await proxyTo(server.port))
    const loaded = await client.ask('SCRIPT', 'LOAD', 'return ARGV[1]')
    const sha = loaded.split('\r\n')[1]!
    const direct = await connect(server.port)
    toClose.push(() => direct.close())
    expect(await direct.ask('SCRIPT', 'FLUSH')).toBe(ok)
    expect(await client.ask('EVALSHA', sha, '0', 'flushed')).toBe('$7\r\nflushed\r\n')
    await server.restart()
    expect(await client.ask('EVALSHA', sha, '0', 'restarted')).toBe('$9\r\nrestarted\r\n')
    await server.restart()
    const replies = await converse(client, ['MULTI'], ['EVALSHA', sha, '0', 'x'], ['EXEC'])
    expect(replies[2]).toContain('-NOSCRIPT')
    expect(await client.ask('EVALSHA', 'f'.repeat(40), '0')).toContain('-NOSCRIPT')
  })

  test('is waited for within bounds: the process refuses the newest, and what it took runs', async () => {
    const port = await freePort()
    const proxy = await proxyTo(port, { RUSTEZE_HOLD_COMMANDS: '5', RUSTEZE_HOLD_CLIENT_COMMANDS: '3' })
    const [first, second, third] = [await clientOf(proxy), await clientOf(proxy), await clientOf(proxy)]
    const taken = pipeline(first, ['INCR', 'a'], ['INCR', 'a'], ['INCR', 'a'])
    const partly = pipeline(second, ['INCR', 'b'], ['INCR', 'b'])
    const isFull = async () => (await third.ask('CLIENT', 'GETNAME')) === tooMany
    await waitUntil(isFull, { what: 'five commands wait' })
    expect(await third.ask('INCR', 'c')).toBe(tooMany)
    stopLater(await startRedis({ kind, port }))
    expect(await taken).toEqual([':1\r\n', ':2\r\n', ':3\r\n'])
    expect(await partly).toEqual([':1\r\n', ':2\r\n'])
    expect(await third.ask('INCR', 'c')).toBe(':1\r\n')
  })

  test.each([
    ['commands', { RUSTEZE_HOLD_CLIENT_COMMANDS: '10' }],
    ['bytes', { RUSTEZE_HOLD_CLIENT_BYTES: '64kb' }],
  ])(
    'is waited for within bounds: a client with too many %s is not read from, and loses nothing',
    async (_, bounds) => {
      const port = await freePort()
      const client = await clientOf(await proxyTo(port, bounds))
      const [count, bytes] = [3000, 10_000]
      client.send(Buffer.concat(Array.from({ length: count }, () => encodeCommand(['APPEND', 'a', 'x'.repeat(bytes)]))))
      let before = 0
      const isStalled = () => {
        const { writableLength } = client.socket
        const isUnchanged = writableLength === before
        before = writableLength
        return isUnchanged && writableLength > 0
      }
      await waitUntil(isStalled, { what: 'the kernel takes no more', intervalMs: 50 })
      stopLater(await startRedis({ kind, port }))
      for (let at = 1; at <= count; at++) {
        expect((await client.readReply()).toString()).toBe(`:${at * bytes}\r\n`)
      }
    },
  )
})
