// A drain loses no reply: at any moment of any traffic it begins, what was received is answered, in order and whole, and everything ends.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeRequest, type Reply } from '../simulator/resp-codec.ts'
import { type SmallClient, SmallWorld } from './small-world.ts'

/** The simulated proxies' RUSTEZE_DRAIN, and how often a drain looks at its clients, in ms. */
const DRAIN_MS = 10_000
const CHECK_MS = 20
/** When the traffic has ended, in ms: well before a drain that has begun cuts it off. */
const LAST_SEND_MS = 2000

interface Exchange {
  readonly request: readonly string[]
  /** Its reply's text, or kind where there is none. */
  readonly reply: string
}

function exchanges(kind: string, name: string): Exchange[] {
  const write = { request: ['SET', name, 'value'], reply: 'OK' }
  switch (kind) {
    case 'write':
      return [write]
    case 'transaction':
      return [
        { request: ['MULTI'], reply: 'OK' },
        { ...write, reply: 'QUEUED' },
        { request: ['EXEC'], reply: 'array' },
      ]
    case 'pop':
      return [{ request: ['BLPOP', 'never', '1'], reply: 'null' }]
    case 'publish':
      return [{ request: ['PUBLISH', 'nobody', name], reply: '0' }]
    default:
      return [{ request: ['ECHO', name], reply: name }]
  }
}

const talk = fc.record({
  kinds: fc.array(fc.constantFrom('write', 'echo', 'transaction', 'pop', 'publish'), { minLength: 1, maxLength: 8 }),
  /** The bytes go out in pieces, at random times; the last piece is what is left. */
  pieces: fc.array(fc.record({ bytes: fc.nat({ max: 90 }), pauseMs: fc.nat({ max: 150 }) }), { maxLength: 8 }),
  isSubscriber: fc.boolean(),
})

/** Plans the bytes of a client. */
function sendInPieces(world: SmallWorld, client: SmallClient, bytes: Buffer, pieces: readonly Piece[]): void {
  let [at, atMs] = [0, 0]
  for (const { bytes: length, pauseMs } of [...pieces, { bytes: bytes.length, pauseMs: 1 }]) {
    const piece = bytes.subarray(at, at + length)
    at += piece.length
    atMs += pauseMs
    world.clock.after(Math.min(atMs, LAST_SEND_MS), () => client.stream.write(piece))
  }
}

interface Piece {
  readonly bytes: number
  readonly pauseMs: number
}

function textOf({ kind, text }: Reply): string {
  return text === '' ? kind : text
}

/** How many requests lie wholly in the first bytes. */
function wholeRequests(requests: readonly Buffer[], bytes: number): number {
  let end = 0
  return requests.filter((request) => {
    end += request.length
    return end <= bytes
  }).length
}

describe('a drain that begins at any moment', () => {
  test('answers whatever was received, in order and whole, and ends every connection in time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(talk, { minLength: 1, maxLength: 3 }),
        fc.nat({ max: 1000 }),
        fc.constantFrom(0, 5, 200, 900),
        async (talks, drainAtMs, replyDelayMs) => {
          const world = await new SmallWorld().start()
          world.redis.replyDelayMs = replyDelayMs
          const clients = talks.map(({ kinds, pieces, isSubscriber }, number) => {
            const client = world.client()
            const said = kinds.flatMap((kind, index) => exchanges(kind, `c${number}.${index}`))
            const subscription = { request: ['SUBSCRIBE', 'news'], reply: 'push' }
            const exchanged = isSubscriber ? [subscription] : said
            const requests = exchanged.map(({ request }) => encodeRequest(request))
            sendInPieces(world, client, Buffer.concat(requests), pieces)
            return { client, requests, expected: exchanged.map(({ reply }) => reply), isSubscriber }
          })
          await world.pass(drainAtMs)
          const beganMs = world.clock.nowMs
          let isDone = false
          void world.drain().then(() => {
            isDone = true
          })
          await world.until(() => isDone)
          expect(isDone).toBe(true)
          expect(world.clock.nowMs - beganMs).toBeLessThanOrEqual(DRAIN_MS + CHECK_MS)
          await world.pass(LAST_SEND_MS)
          for (const { client, requests, expected, isSubscriber } of clients) {
            const received = wholeRequests(requests, client.stream.bytesReadByPeer)
            expect(client.unfinishedBytes).toBe(0)
            expect(client.replies).toHaveLength(received)
            const texts = client.replies.map(textOf)
            if (isSubscriber) expect(client.replies.every(({ items }) => items[0]?.text === 'subscribe')).toBe(true)
            else expect(texts).toEqual(expected.slice(0, received))
          }
          expect([...world.network.open].map(({ name }) => name)).toEqual([])
          expect(world.violations).toEqual([])
        },
      ),
      { numRuns: 100 },
    )
  })

  test('ends a client that waits for ever at the deadline, and lets one in the middle of a transaction end it', async () => {
    const world = await new SmallWorld().start()
    const [waiting, queueing] = [world.client(), world.client()]
    waiting.send(['ECHO', 'before'], ['BLPOP', 'never', '0'])
    await queueing.ask(['MULTI'], ['SET', 'key', 'value'])
    let isDone = false
    void world.drain().then(() => {
      isDone = true
    })
    await world.pass(DRAIN_MS - 1000)
    // Both are still served, as long as there is time.
    expect((await queueing.ask(['EXEC'])).map(textOf)).toEqual(['array'])
    expect(isDone).toBe(false)
    await world.pass(1000 + CHECK_MS)
    expect(isDone).toBe(true)
    await world.pass(LAST_SEND_MS)
    expect(waiting.replies.map(textOf)).toEqual([
      'before',
      'UNCERTAIN rusteze stops; the command may have been executed',
    ])
    expect(world.network.open.size).toBe(0)
  })
})
