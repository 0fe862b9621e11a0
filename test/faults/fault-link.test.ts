// The link itself: what it does to a conversation has to be exactly what a test asked for.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FaultLink, startFaultLink } from '../support/fault-link.ts'
import { connect, encodeCommand, type RawClient } from '../support/raw-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'

const readOnly = "READONLY You can't write against a read only replica."

describe('the fault link', () => {
  let server: RedisServer
  let link: FaultLink
  let client: RawClient

  beforeEach(async () => {
    server = await startRedis()
    link = await startFaultLink({ target: server.port, seed: 1 })
    client = await connect(link.port)
  })
  afterEach(async () => {
    await client.close()
    await link.close()
    await server.stop()
  })

  it('passes requests and replies on', async () => {
    expect(await client.ask('SET', 'a', '1')).toBe('+OK\r\n')
    expect(await client.ask('GET', 'a')).toBe('$1\r\n1\r\n')
  })

  it('delays replies and keeps their order', async () => {
    link.delay = { leastMs: 30, mostMs: 60 }
    const begunAt = performance.now()
    client.send(['ECHO', 'a'])
    client.send(['ECHO', 'b'])
    expect((await client.readReply()).toString()).toBe('$1\r\na\r\n')
    expect(performance.now() - begunAt).toBeGreaterThanOrEqual(29)
    expect((await client.readReply()).toString()).toBe('$1\r\nb\r\n')
  })

  it('cuts long replies into runs of bytes', async () => {
    link.mostRunBytes = 7
    link.delay = { leastMs: 0, mostMs: 2 }
    expect(await client.ask('ECHO', 'x'.repeat(100))).toBe(`$100\r\n${'x'.repeat(100)}\r\n`)
  })

  it.each(['reset', 'end'] as const)('ends a connection in the middle of a reply (%s)', async (ending) => {
    await client.ask('PING')
    for (const connection of link.connections) connection.cutAfterReplyBytes(6, ending)
    client.send(['ECHO', 'abcdef'])
    expect((await client.readUntilClose()).toString()).toBe('$6\r\nab')
  })

  it('ends a connection in the middle of a request, which then never runs', async () => {
    await client.ask('PING')
    for (const connection of link.connections) connection.cutAfterRequestBytes(30, 'end')
    client.send(['SET', 'half', '0123456789'])
    await client.readUntilClose()
    const direct = await connect(server.port)
    expect(await direct.ask('GET', 'half')).toBe('$-1\r\n')
    await direct.close()
  })

  it('answers in the place of the server from the middle of a pipeline to the middle of it', async () => {
    const seen: string[] = []
    link.judge = (words) => {
      seen.push(words.join(' '))
      return seen.length > 2 && seen.length < 5 ? { reply: `-${readOnly}\r\n` } : undefined
    }
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) client.send(['RPUSH', 'list', name])
    const replies: string[] = []
    for (let left = 6; left > 0; left--) replies.push((await client.readReply()).toString())
    expect(replies).toEqual([':1\r\n', ':2\r\n', `-${readOnly}\r\n`, `-${readOnly}\r\n`, ':3\r\n', ':4\r\n'])
    link.judge = undefined
    expect(await client.ask('LRANGE', 'list', '0', '-1')).toContain('a\r\n$1\r\nb\r\n$1\r\ne\r\n$1\r\nf')
  })

  it('sends something else in place of a request and keeps its reply to itself', async () => {
    link.judge = ([name]) =>
      name === 'EXEC' ? { reply: '-EXECABORT\r\n', instead: encodeCommand(['DISCARD']) } : undefined
    expect(await client.ask('MULTI')).toBe('+OK\r\n')
    expect(await client.ask('SET', 'a', '1')).toBe('+QUEUED\r\n')
    expect(await client.ask('EXEC')).toBe('-EXECABORT\r\n')
    expect(await client.ask('GET', 'a')).toBe('$-1\r\n')
  })

  it('passes frames that answer nobody', async () => {
    client.send(['SUBSCRIBE', 'news'])
    expect((await client.readReply()).toString()).toContain('subscribe')
    const direct = await connect(server.port)
    expect(await direct.ask('PUBLISH', 'news', 'hello')).toBe(':1\r\n')
    expect((await client.readReply()).toString()).toContain('hello')
    await direct.close()
  })

  it('holds everything up without loss', async () => {
    link.stall()
    client.send(['RPUSH', 'list', 'a'])
    const direct = await connect(server.port)
    expect(await direct.ask('LLEN', 'list')).toMatch(/^:[01]\r\n$/)
    link.resume()
    expect((await client.readReply()).toString()).toBe(':1\r\n')
    await direct.close()
  })

  it('swallows bytes, and breaks the connection afterwards', async () => {
    await client.ask('PING')
    link.blackHole()
    client.send(['RPUSH', 'list', 'a'])
    const other = await connect(link.port)
    other.send(['PING'])
    const direct = await connect(server.port)
    expect(await direct.ask('LLEN', 'list')).toBe(':0\r\n')
    link.endBlackHole()
    expect(await client.readUntilClose()).toHaveLength(0)
    expect(await direct.ask('LLEN', 'list')).toBe(':0\r\n')
    await Promise.all([other.close(), direct.close()])
  })

  it('refuses connections and takes them again', async () => {
    link.refuse()
    await expect(connect(link.port)).rejects.toThrow(/ECONNREFUSED/)
    expect(await client.ask('PING')).toBe('+PONG\r\n')
    await link.accept()
    const other = await connect(link.port)
    expect(await other.ask('PING')).toBe('+PONG\r\n')
    await other.close()
  })
})
