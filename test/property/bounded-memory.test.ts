// Bounded memory: who does not read, does not answer or declares huge sizes makes the proxy keep no more than its limits say.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeRequest } from '../simulator/resp-codec.ts'
import { SmallWorld } from './small-world.ts'

const SOFT_BYTES = 64 * 1024
/** Above what two reads can add to the soft limit: whoever is no longer read in time is not closed. */
const HARD_BYTES = 256 * 1024
/** The most one read of a socket brings, and the most that is kept of a reply before it is passed on in parts. */
const READ_BYTES = 64 * 1024
/** The default of RUSTEZE_HOLD_CLIENT_BYTES. */
const HOLD_CLIENT_BYTES = 1024 * 1024
/** What a few connections need anyway, and what is not collected yet; a declared size is many times that. */
const SLACK_BYTES = 32 * 1024 * 1024

describe('a client that does not read', () => {
  test('is kept no more replies than the soft limit and two reads, and gets all of them when it reads', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 150_000 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        async (size, count, isPinned) => {
          const world = await new SmallWorld().start({ outputSoftBytes: SOFT_BYTES, outputHardBytes: HARD_BYTES })
          world.redis.store.put(0, 'key', 'v'.repeat(size))
          const client = world.client()
          if (isPinned) await client.ask(['WATCH', 'other'])
          const before = client.replies.length
          client.stream.pause()
          client.send(...Array.from({ length: count }, () => ['GET', 'key']))
          await world.pass(3000)
          expect(client.stream.peer!.mostPendingBytes).toBeLessThanOrEqual(SOFT_BYTES + 2 * READ_BYTES)
          client.stream.resume()
          await world.until(() => client.isClosed || client.replies.length === before + count)
          expect(client.isClosed).toBe(false)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('is closed when messages bring it above the hard limit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1000, max: 60_000 }), async (size) => {
        const world = await new SmallWorld().start({ outputSoftBytes: SOFT_BYTES, outputHardBytes: HARD_BYTES })
        const [listener, publisher] = [world.client(), world.client()]
        await listener.ask(['SUBSCRIBE', 'news'])
        listener.stream.pause()
        const proxySide = listener.stream.peer!
        for (let sent = 0; sent < 2 * 1024 * 1024; sent += size) {
          publisher.send(['PUBLISH', 'news', 'm'.repeat(size)])
          await world.pass(2)
        }
        expect(proxySide.mostPendingBytes).toBeLessThanOrEqual(HARD_BYTES + 2 * READ_BYTES)
        expect(proxySide.isClosed).toBe(true)
      }),
      { numRuns: 8 },
    )
  })
})

describe('many clients that do not read', () => {
  test('are closed as soon as all of them together are kept more than RUSTEZE_MEMORY; who reads is served', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 100, max: 60_000 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 2, max: 20 }),
        async (size, count, clientCount) => {
          const memoryBytes = 1024 * 1024
          const world = await new SmallWorld().start({
            memoryBytes,
            outputSoftBytes: 1024 * 1024,
            outputHardBytes: 1 << 23,
          })
          world.redis.store.put(0, 'key', 'v'.repeat(size))
          const reader = world.client()
          await reader.ask(['ECHO', 'ready'])
          const slow = Array.from({ length: clientCount }, () => world.client())
          await world.pass(10)
          for (const client of slow) client.stream.pause()
          for (const client of slow) client.send(...Array.from({ length: count }, () => ['GET', 'key']))
          let most = 0
          const keptBytes = () => slow.reduce((sum, { stream }) => sum + (stream.peer?.out.pendingBytes ?? 0), 0)
          const look = () => {
            most = Math.max(most, keptBytes())
            return false
          }
          await world.clock.run(look, world.clock.nowMs + 3000)
          expect(most).toBeLessThanOrEqual(memoryBytes + 2 * READ_BYTES)
          expect(await reader.ask(['GET', 'key'], ['ECHO', 'done'])).toHaveLength(2)
          for (const { stream } of slow) stream.resume()
          await world.until(() => slow.every((client) => client.isClosed || client.replies.length === count))
          // Nothing of those that are gone is counted any more: the next one may have as much under way as the first.
          for (const { stream } of slow) stream.destroy()
          const next = world.client()
          expect(await next.ask(...Array.from({ length: 500 }, () => ['ECHO', 'x'.repeat(500)]))).toHaveLength(500)
        },
      ),
      { numRuns: 30 },
    )
  })
})

describe('requests whose clients have left', () => {
  test('count until the server has answered them: others may have less under way meanwhile, and afterwards all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 10 }), async (leaving) => {
        const memoryBytes = 1024 * 1024
        const world = await new SmallWorld().start({ memoryBytes })
        const [client, ...gone] = Array.from({ length: 1 + leaving }, () => world.client())
        await client!.ask(['ECHO', 'ready'])
        const ids: string[] = []
        for (const each of gone) ids.push(String((await each.ask(['CLIENT', 'ID']))[0]?.text))
        world.redis.stop()
        // More than half of it in records alone.
        for (const each of gone) each.send(...Array.from({ length: Math.ceil(4000 / leaving) }, () => ['PFCOUNT', 'k']))
        await world.pass(10)
        // By the proxy itself, as if they had not read their replies.
        for (const id of ids) client!.send(['CLIENT', 'KILL', 'ID', id])
        await world.until(() => gone.every(({ isClosed }) => isClosed))
        const answered = 1 + ids.length
        const requests = Array.from({ length: 400 }, () => ['SET', 'key', 'v'.repeat(1000)])
        const before = client!.stream.out.deliveredBytes
        client!.send(...requests)
        await world.pass(500)
        expect(client!.stream.out.deliveredBytes - before).toBeLessThanOrEqual(3 * READ_BYTES)
        world.redis.continue()
        await world.until(() => client!.replies.length === answered + requests.length)
        world.redis.stop()
        const later = client!.stream.out.deliveredBytes
        client!.send(...requests)
        await world.pass(500)
        expect(client!.stream.out.deliveredBytes - later).toBeGreaterThan(4 * READ_BYTES)
        world.redis.continue()
        await world.until(() => client!.replies.length === answered + 2 * requests.length)
        expect(client!.replies).toHaveLength(answered + 2 * requests.length)
      }),
      { numRuns: 10 },
    )
  })
})

describe('a server that does not answer', () => {
  test('makes the proxy read less of everybody when all of them together have much under way, and closes nobody', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 300, max: 30_000 }), async (size) => {
        const memoryBytes = 2 * 1024 * 1024
        const clientCount = 30
        const world = await new SmallWorld().start({ memoryBytes })
        const clients = Array.from({ length: clientCount }, () => world.client())
        for (const client of clients) await client.ask(['ECHO', 'ready'])
        world.redis.stop()
        await world.pass(10)
        const request = ['SET', 'key', 'v'.repeat(size)]
        const count = Math.ceil((256 * 1024) / encodeRequest(request).length)
        const takenBytes = () => clients.reduce((sum, { stream }) => sum + stream.out.deliveredBytes, 0)
        const before = takenBytes()
        for (const client of clients) client.send(...Array.from({ length: count }, () => request))
        await world.pass(1000)
        // Half of it at once, then so much of each as it may have anyway, and what was read in vain.
        expect(takenBytes() - before).toBeLessThanOrEqual(memoryBytes / 2 + clientCount * 3 * READ_BYTES)
        world.redis.continue()
        await world.until(() => clients.every(({ replies }) => replies.length === count + 1))
        expect(clients.map(({ isClosed, replies }) => [isClosed, replies.length])).toEqual(
          clients.map(() => [false, count + 1]),
        )
      }),
      { numRuns: 6 },
    )
  })

  test('makes the proxy read no more of a client than the limits say, whether it is stopped or gone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30_000 }), fc.boolean(), async (size, isGone) => {
        const maxInFlight = 16
        const world = await new SmallWorld().start({ maxInFlight: isGone ? 4096 : maxInFlight })
        const client = world.client()
        await client.ask(['ECHO', 'ready'])
        if (isGone) world.redis.kill()
        else world.redis.stop()
        await world.pass(10)
        const request = ['SET', 'key', 'v'.repeat(size)]
        const bytes = encodeRequest(request).length
        const count = Math.ceil((3 * HOLD_CLIENT_BYTES) / Math.max(bytes, 1000))
        const before = client.stream.out.deliveredBytes
        client.send(...Array.from({ length: count }, () => request))
        // Within RUSTEZE_HOLD: nothing is refused yet.
        await world.pass(1000)
        const taken = client.stream.out.deliveredBytes - before
        const limit = isGone ? HOLD_CLIENT_BYTES : maxInFlight * bytes
        expect(taken).toBeLessThanOrEqual(limit + bytes + READ_BYTES)
        expect(client.replies).toHaveLength(1)
      }),
      { numRuns: 20 },
    )
  })
})

const hugeRequest = fc.constantFrom(
  '*1000000\r\n$3\r\nSET\r\n',
  '*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$500000000\r\nabc',
  '*2\r\n$500000000\r\nabc',
  '*1000000\r\n$500000000\r\n',
)
const hugeReply = fc.constantFrom('$500000000\r\nabc', '*1000000\r\n:1\r\n', '*1000000\r\n$500000000\r\nabc')

describe('a frame that declares a huge size', () => {
  test('takes memory for the bytes that came, not for those it declares', async () => {
    await fc.assert(
      fc.asyncProperty(hugeRequest, hugeReply, fc.integer({ min: 1, max: 20 }), async (request, reply, count) => {
        const world = await new SmallWorld().start()
        const clients = Array.from({ length: count }, () => world.client())
        await world.pass(10)
        const before = process.memoryUsage().arrayBuffers
        for (const client of clients) client.stream.write(Buffer.from(request))
        await world.pass(10)
        const asking = world.client()
        await asking.ask(['ECHO', 'ready'])
        world.redis.stop()
        asking.send(['GET', 'key'])
        await world.pass(10)
        for (const connection of world.redis.connections) connection.stream.write(Buffer.from(reply))
        await world.pass(10)
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(SLACK_BYTES)
        expect(clients.some(({ isClosed }) => isClosed)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })
})
