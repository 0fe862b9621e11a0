// Clients that do not read: each is bounded by itself, and nobody else waits for it.

import { expect, test } from 'vitest'
import { encodeCommand } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

const megabyte = 1024 * 1024

describeOnEachServer('clients that do not read', (kind) => {
  const stage = setStage(kind, {
    // One shared connection: everybody is behind everybody else.
    environment: { RUSTEZE_SHARED_CONNECTIONS: '1', RUSTEZE_OUTPUT_SOFT: '256kb' },
  })

  test('a long reply that is not read does not hold up others on the same connection', async () => {
    const [slow, other, writer] = await Promise.all([stage.client(), stage.client(), stage.client()])
    await writer.ask('SET', 'long', Buffer.alloc(50 * megabyte))
    slow.socket.pause()
    const begun = performance.now()
    // In one turn of the proxy, so that the second stands behind the first.
    slow.send(['GET', 'long'])
    other.send(['STRLEN', 'long'])
    expect((await other.readReply()).toString()).toBe(`:${50 * megabyte}\r\n`)
    // About a second is what the slow one gets; the rest is room for a busy machine.
    expect(performance.now() - begun).toBeLessThan(4_000)
    expect(await other.ask('GET', 'x')).toBe('$-1\r\n')
  })
})

describeOnEachServer('RUSTEZE_OUTPUT_HARD', (kind) => {
  const stage = setStage(kind, {
    environment: { RUSTEZE_SHARED_CONNECTIONS: '1', RUSTEZE_OUTPUT_SOFT: '256kb', RUSTEZE_OUTPUT_HARD: '8mb' },
  })

  /** The server has replies that nobody takes, and they stay with it. */
  async function serverIsLeftWaiting(): Promise<void> {
    const aside = await stage.direct()
    let times = 0
    const isWaiting = async () => {
      times = /omem=[1-9]/.test(await aside.ask('CLIENT', 'LIST')) ? times + 1 : 0
      return times === 20
    }
    await waitUntil(isWaiting, { what: 'the server keeps replies for long' })
  }

  test('one who reads late, with nobody behind, gets everything', async () => {
    const [slow, other] = await Promise.all([stage.client(), stage.client()])
    await other.ask('SET', 'late', Buffer.alloc(50 * megabyte, 'x'))
    slow.socket.pause()
    slow.send(['GET', 'late'])
    // The server has more to give than the proxy takes.
    await serverIsLeftWaiting()
    for (let i = 0; i < 100; i++) expect(await other.ask('STRLEN', 'late')).toBe(`:${50 * megabyte}\r\n`)
    slow.socket.resume()
    expect((await slow.readReply()).length).toBe(50 * megabyte + `$${50 * megabyte}\r\n\r\n`.length)
    expect(await slow.ask('PING')).toBe('+PONG\r\n')
  })

  test('above the soft limit a client is not read from, and goes on when it reads', async () => {
    const [slow, other] = await Promise.all([stage.client(), stage.client()])
    await other.ask('SET', 'page', Buffer.alloc(16 * 1024))
    await other.ask('SET', 'asked', '0')
    slow.socket.pause()
    const count = 2000
    slow.send(
      Buffer.concat(
        Array.from({ length: count }, () => [encodeCommand(['GET', 'page']), encodeCommand(['INCR', 'asked'])]).flat(),
      ),
    )
    // The server has more to give than the proxy takes.
    await serverIsLeftWaiting()
    expect(await other.ask('STRLEN', 'page')).toBe(':16384\r\n')
    slow.socket.resume()
    for (let i = 1; i <= count; i++) {
      expect((await slow.readReply()).length).toBe(16 * 1024 + '$16384\r\n\r\n'.length)
      expect((await slow.readReply()).toString()).toBe(`:${i}\r\n`)
    }
  })

  test('a subscriber above it is closed, with a reason in the log', async () => {
    const [subscriber, faithful, publisher] = await Promise.all([stage.client(), stage.client(), stage.client()])
    await subscriber.ask('SUBSCRIBE', 'news')
    await faithful.ask('SUBSCRIBE', 'news')
    subscriber.socket.pause()
    const message = Buffer.alloc(megabyte, 'm')
    let receivers = 2
    for (let sent = 0; sent < 64 && receivers === 2; sent++) {
      receivers = Number((await publisher.ask('PUBLISH', 'news', message)).slice(1))
      expect((await faithful.readReply()).length).toBeGreaterThan(megabyte)
    }
    expect(receivers).toBe(1)
    await stage.proxy.logs(/RUSTEZE_OUTPUT_HARD/)
    expect(stage.proxy.app.status().clients.evicted.output).toBeGreaterThan(0)
    subscriber.socket.resume()
    await subscriber.readUntilClose()
    expect(await publisher.ask('PING')).toBe('+PONG\r\n')
  })
})

describeOnEachServer('replies that wait for their client', (kind) => {
  const stage = setStage(kind, {
    environment: { RUSTEZE_SHARED_CONNECTIONS: '1', RUSTEZE_OUTPUT_SOFT: '48mb' },
  })

  test('are not written over by what others are sent meanwhile', async () => {
    const [slow, other] = await Promise.all([stage.client(), stage.client()])
    const keys = Array.from({ length: 1000 }, (_, index) => `value:${index}`)
    const valueOf = (key: string) => key.repeat(2048)
    for (const key of keys) await other.ask('SET', key, valueOf(key))
    slow.socket.pause()
    // One by one: each is read alone, and written without a copy while the kernel takes it.
    for (const key of keys) {
      slow.send(['GET', key])
      await other.ask('GET', 'value:0')
    }
    slow.socket.resume()
    for (const key of keys) expect((await slow.readReply()).toString()).toContain(valueOf(key))
  })
})
