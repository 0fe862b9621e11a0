// What a client may send, and how many may come: Redis's limits in Redis's words, and then the end of that client only.

import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { bundlePath, ensureBuild } from '../../scripts/toolchain.mjs'
import { startProgram } from '../support/child-program.ts'
import { connect } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { pipeline, setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
const tooMany = '-ERR max number of clients reached\r\n'
const megabyte = 1024 * 1024

/** What no server understands, and how it begins. */
const malformed = {
  'a count that is no number': '*x\r\n',
  'a count beyond 31 bits': '*2147483648\r\n',
  'no bulk string': '*1\r\n+PING\r\n',
  'a length that is no number': '*1\r\n$x\r\n',
  'a length below zero': '*1\r\n$-1\r\n',
  'a length beyond proto-max-bulk-len': '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n',
  'quotes that do not end': 'SET "k\r\n',
  'a line without an end': 'x'.repeat(64 * 1024 + 1),
  'a count without an end': `*${'1'.repeat(64 * 1024 + 1)}`,
  'a length without an end': `*1\r\n$${'1'.repeat(64 * 1024 + 1)}`,
  'what comes behind good requests': 'SET m 1\r\nGET m\r\n*x\r\nGET m\r\n',
}

describeOnEachServer('limits of requests', (kind) => {
  const stage = setStage(kind, { environment: { RUSTEZE_QUERY_LIMIT: '2mb' } })

  test.each(Object.entries(malformed))('%s: the same text as the server’s, then the end', async (_, bytes) => {
    const bystander = await stage.client()
    const { direct, proxied } = await stage.bothTell(bytes)
    expect(direct).toContain('-ERR Protocol error: ')
    expect(proxied).toBe(direct)
    expect(await bystander.ask('PING')).toBe('+PONG\r\n')
  })

  test('a browser is closed without an answer', async () => {
    const { direct, proxied } = await stage.bothTell('POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET k v\r\n')
    expect(proxied).toBe(direct)
  })

  test('an inline command of nearly 64 KiB passes', async () => {
    const client = await stage.client()
    client.send(`SET inline ${'x'.repeat(64 * 1024 - 20)}\r\n`)
    expect((await client.readReply()).toString()).toBe(ok)
  })

  test('a request up to RUSTEZE_QUERY_LIMIT passes, a longer one ends its client and has not run', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    expect(await client.ask('SET', 'q', Buffer.alloc(2 * megabyte - 100))).toBe(ok)
    client.send(['SET', 'q', Buffer.alloc(3 * megabyte)])
    expect((await client.readUntilClose()).length).toBe(0)
    await stage.proxy.logs(/RUSTEZE_QUERY_LIMIT/)
    expect(await other.ask('STRLEN', 'q')).toBe(`:${2 * megabyte - 100}\r\n`)
    const many = await stage.client()
    many.send(['MSET', ...Array.from({ length: 60_000 }, (_, index) => `long-key-or-value-${index}`)])
    expect((await many.readReply()).toString()).toBe(ok)
    many.send(['MSET', ...Array.from({ length: 120_000 }, (_, index) => `long-key-or-value-${index}`)])
    expect((await many.readUntilClose()).length).toBe(0)
  })

  test('a client that closes its half gets its replies', async () => {
    for (const count of [1, 1_000, 20_000]) {
      const client = await stage.client()
      client.send('ECHO half-closed\r\n'.repeat(count))
      client.end()
      expect((await client.readUntilClose()).toString()).toBe('$11\r\nhalf-closed\r\n'.repeat(count))
    }
  })

  test('so does one with a transaction and large values', async () => {
    const client = await stage.client()
    const large = 'x'.repeat(megabyte)
    client.send(['SET', 'half', large])
    client.send('MULTI\r\nSTRLEN half\r\nEXEC\r\nGET half\r\n')
    client.end()
    const expected = `${ok}${ok}+QUEUED\r\n*1\r\n:${megabyte}\r\n$${megabyte}\r\n${large}\r\n`
    expect((await client.readUntilClose()).toString()).toBe(expected)
  })
})

describeOnEachServer('RUSTEZE_CLIENTS', (kind) => {
  const stage = setStage(kind, { environment: { RUSTEZE_CLIENTS: '2' } })

  test('one more hears Redis’s error and is closed, and there is room again once one has left', async () => {
    const [first, second] = await Promise.all([stage.client(), stage.client()])
    expect(await first.ask('PING')).toBe('+PONG\r\n')
    expect(await second.ask('PING')).toBe('+PONG\r\n')
    const third = await stage.client()
    expect((await third.readUntilClose()).toString()).toBe(tooMany)
    await second.close()
    const reply = await waitUntil(
      async () => {
        const next = await stage.client()
        next.send('PING\r\n')
        const text = (await next.readReply()).toString()
        return text === tooMany ? undefined : text
      },
      { what: 'there is room again' },
    )
    expect(reply).toBe('+PONG\r\n')
    expect(await first.ask('PING')).toBe('+PONG\r\n')
  })
})

describeOnEachServer('RUSTEZE_MEMORY', (kind) => {
  const stage = setStage(kind, { environment: { RUSTEZE_MEMORY: '4mb' } })

  test('above it the client with the most unread replies is closed, and no other', async () => {
    const [slow, faithful, publisher] = await Promise.all([stage.client(), stage.client(), stage.client()])
    await slow.ask('SUBSCRIBE', 'news')
    await faithful.ask('SUBSCRIBE', 'news')
    slow.socket.pause()
    const message = Buffer.alloc(megabyte)
    // More than the kernel takes for one connection.
    for (let sent = 0; sent < 24; sent++) {
      await publisher.ask('PUBLISH', 'news', message)
      await faithful.readReply()
    }
    await stage.proxy.logs(/RUSTEZE_MEMORY/)
    expect(stage.proxy.app.status().clients.evicted).toEqual({ memory: 1, output: 0, idle: 0 })
    slow.socket.resume()
    await slow.readUntilClose()
    expect(await publisher.ask('PUBLISH', 'news', 'end')).toBe(':1\r\n')
    expect((await faithful.readReply()).toString()).toContain('end')
  })
})

describeOnEachServer('large values', (kind) => {
  const stage = setStage(kind)
  beforeAll(() => ensureBuild())

  test.skipIf(process.platform !== 'linux')('100 MB pass both ways through a small process', async () => {
    const proxy = startProgram(process.execPath, [bundlePath], {
      env: { RUSTEZE_LISTEN: '127.0.0.1:0', RUSTEZE_BACKENDS: stage.server.addr },
    })
    try {
      const [, port] = await proxy.says(/"port":(\d+).*listening/)
      const client = stage.keep(await connect(Number(port)))
      const value = Buffer.alloc(100 * megabyte, 'large')
      expect(await client.ask('SET', 'large', value)).toBe(ok)
      client.send(['GET', 'large'])
      const reply = await client.readReply()
      expect(reply.subarray(reply.indexOf('\n') + 1, -2).equals(value)).toBe(true)
      expect(await pipeline(client, ['STRLEN', 'large'], ['DEL', 'large'])).toEqual([`:${value.length}\r\n`, ':1\r\n'])
      const peakKilobytes = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${proxy.pid}/status`, 'utf8'))?.[1])
      expect(peakKilobytes).toBeLessThan(150 * 1024)
    } finally {
      await proxy.end()
    }
  })
})
