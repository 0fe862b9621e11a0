// At most once: connections die at any byte of requests and replies, and no write runs twice or is told of falsely.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StreamHandler } from '../../src/runtime/runtime.ts'
import type { ModelConnection } from '../simulator/model-connection.ts'
import type { Reply } from '../simulator/resp-codec.ts'
import { type SmallClient, SmallWorld } from './small-world.ts'

interface Cut {
  readonly direction: 'requests' | 'replies'
  readonly bytes: number
}

/** The n-th goes to the n-th connection, those of the start included; later connections live. */
const cuts = fc.array(
  fc.record({ direction: fc.constantFrom<Cut['direction']>('requests', 'replies'), bytes: fc.nat({ max: 300 }) }),
  { minLength: 2, maxLength: 8 },
)
const kinds = fc.constantFrom('write', 'read', 'transaction', 'steps', 'watched')
const pipeline = fc.array(kinds, { minLength: 1, maxLength: 5 })
const conversations = fc.array(fc.array(pipeline, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 })

interface Request {
  readonly words: readonly string[]
  readonly token: string
  reply?: Reply
  /** Decides about this one, if it was queued. */
  exec?: Request
}

/** Lets the connection die when so many more bytes have come or gone. */
function cutOff(connection: ModelConnection, { direction, bytes }: Cut): StreamHandler {
  if (direction === 'replies') {
    connection.bytesUntilCut = bytes
    return connection
  }
  let left = bytes
  return {
    opened: () => connection.opened(),
    drained: () => connection.drained(),
    ended: () => connection.ended(),
    closed: () => connection.closed(),
    received: (received, length) => {
      const count = Math.min(left, length)
      left -= count
      if (count > 0) connection.received(received, count)
      if (left === 0 && !connection.isClosed) connection.server.cut(connection)
    },
  }
}

class Talk {
  readonly requests: Request[] = []
  readonly #client: SmallClient
  readonly #number: number

  constructor(client: SmallClient, number: number) {
    this.#client = client
    this.#number = number
  }

  async say(pipelines: readonly (readonly string[])[]): Promise<void> {
    for (const units of pipelines) {
      let together: Request[] = []
      for (const unit of units) {
        const requests = this.#unit(unit)
        if (unit === 'write' || unit === 'read' || unit === 'transaction') together.push(...requests)
        else {
          await this.#send(together)
          together = []
          for (const request of requests) await this.#send([request])
        }
      }
      await this.#send(together)
    }
  }

  #unit(kind: string): Request[] {
    if (kind === 'read') return [this.#request((token) => ['GET', token])]
    const write = (): Request => this.#request((token) => ['SET', 'key', token])
    if (kind === 'write') return [write()]
    const exec = this.#request(() => ['EXEC'])
    const writes = [write(), write()]
    for (const one of writes) one.exec = exec
    const watch = kind === 'watched' ? [this.#request(() => ['WATCH', 'other'])] : []
    return [...watch, this.#request(() => ['MULTI']), ...writes, exec]
  }

  #request(words: (token: string) => string[]): Request {
    const token = `<t${this.#number}.${this.requests.length}>`
    const request = { words: words(token), token }
    this.requests.push(request)
    return request
  }

  async #send(requests: readonly Request[]): Promise<void> {
    if (requests.length === 0) return
    const replies = await this.#client.ask(...requests.map(({ words }) => words))
    expect(replies).toHaveLength(requests.length)
    for (const [index, request] of requests.entries()) request.reply = replies[index]!
  }
}

function isUncertain({ reply }: Request): boolean {
  return reply!.text.startsWith('UNCERTAIN ')
}

function judge(request: Request, { redis, given }: SmallWorld): void {
  const { token, words, reply } = request
  const isGiven = given.map((text) => text.split(token).length - 1)
  const times = isGiven.reduce((sum, count) => sum + count, 0)
  if (words[0] === 'GET') {
    expect(times).toBeLessThanOrEqual(2)
    expect(reply!.kind === 'null' || reply!.kind === 'error').toBe(true)
    if (isUncertain(request)) expect(times).toBeGreaterThan(0)
    return
  }
  if (words[0] !== 'SET') return
  const runs = redis.journal.executionsOf(token).length
  const isQueued = reply!.text === 'QUEUED'
  const decisive = isQueued ? request.exec! : request
  expect(runs).toBeLessThanOrEqual(1)
  if (!isQueued) expect(times).toBeLessThanOrEqual(1)
  if (isUncertain(decisive)) {
    const sent = isQueued ? given.filter((text) => text.lastIndexOf('EXEC') > text.indexOf(token)) : given
    expect(sent.some((text) => text.includes(token))).toBe(true)
  } else {
    const isDone = isQueued ? decisive.reply!.kind === 'array' : reply!.kind === 'status'
    expect(runs).toBe(isDone ? 1 : 0)
  }
}

describe('connections that die at any byte of requests and replies', () => {
  test('let every write run at most once, and each reply says what happened', async () => {
    let uncertain = 0
    let acknowledged = 0
    let repeated = 0
    await fc.assert(
      fc.asyncProperty(conversations, cuts, async (texts, cutsToCome) => {
        const left = [...cutsToCome]
        const world = new SmallWorld()
        world.accepted = (connection) => {
          const cut = left.shift()
          return cut === undefined ? connection : cutOff(connection, cut)
        }
        await world.start()
        const talks = texts.map((_, number) => new Talk(world.client(), number))
        await Promise.all(talks.map((talk, number) => talk.say(texts[number]!)))
        for (const { requests } of talks) {
          for (const request of requests) judge(request, world)
          uncertain += requests.filter(isUncertain).length
          acknowledged += requests.filter(({ reply }) => reply!.kind === 'status').length
          const isRepeated = ({ words, token }: Request): boolean =>
            words[0] === 'GET' && world.given.join('').split(token).length > 2
          repeated += requests.filter(isRepeated).length
        }
        expect(world.violations).toEqual([])
      }),
      { numRuns: 200 },
    )
    // Otherwise the cuts met nothing and the property proved nothing.
    expect(Math.min(uncertain, acknowledged, repeated)).toBeGreaterThan(0)
  })
})
