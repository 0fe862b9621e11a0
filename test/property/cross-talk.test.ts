// No cross-talk: bytes that answer nothing destroy their connection and reach nobody; pushes are let through to nobody's harm.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SmallWorld } from './small-world.ts'

const unasked = fc.constantFrom(
  '+OK\r\n',
  '$7\r\n<t9.99>\r\n',
  ':1\r\n',
  '*2\r\n+a\r\n+b\r\n',
  '-ERR late\r\n',
  'garbage\r\n',
)

describe('bytes of the server on a connection where nothing is asked', () => {
  test('destroy it, and every client goes on with its own replies', async () => {
    await fc.assert(
      fc.asyncProperty(unasked, fc.integer({ min: 1, max: 4 }), async (bytes, count) => {
        const world = await new SmallWorld().start()
        const clients = Array.from({ length: count }, () => world.client())
        for (const client of clients) await client.ask(['SET', 'key', 'value'])
        const before = [...world.redis.connections]
        for (const connection of before) connection.stream.write(Buffer.from(bytes))
        await world.pass(20)
        expect(before.filter((connection) => world.redis.connections.has(connection))).toEqual([])
        for (const [index, client] of clients.entries()) {
          const replies = await client.ask(['ECHO', `<t${index}.1>`], ['GET', 'key'])
          expect(replies.map(({ text }) => text)).toEqual([`<t${index}.1>`, 'value'])
          expect(client.replies).toHaveLength(3)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('leave the connection alone when they are a push', async () => {
    const world = await new SmallWorld().start()
    const client = world.client()
    await client.ask(['HELLO', '3'], ['SET', 'key', 'value'])
    const before = [...world.redis.connections].filter(({ protocol }) => protocol === 3)
    for (const connection of before) connection.stream.write(Buffer.from('>2\r\n$10\r\ninvalidate\r\n_\r\n'))
    await world.pass(20)
    expect(before.length).toBeGreaterThan(0)
    expect(before.every((connection) => world.redis.connections.has(connection))).toBe(true)
    expect((await client.ask(['GET', 'key'])).map(({ text }) => text)).toEqual(['value'])
  })
})

describe('a client that leaves in a blocking command', () => {
  test('takes its connection with it, even when a PING of the proxy lies before the command', async () => {
    const world = await new SmallWorld().start({ backendPingMs: 500 })
    const client = world.client()
    await client.ask(['WATCH', 'key'])
    world.redis.stop()
    // The idle connection is pinged, and the server does not answer yet.
    await world.pass(1200)
    client.send(['BLPOP', 'never', '0'])
    await world.pass(10)
    client.stream.destroy()
    await world.pass(10)
    world.redis.continue()
    await world.pass(500)
    expect([...world.redis.connections].filter(({ unblock }) => unblock !== undefined)).toEqual([])
  })
})
