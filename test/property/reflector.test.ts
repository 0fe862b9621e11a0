// Whatever an API server does to a list and a watch, the proxy ends with the slices the server has.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ApiError } from '../../src/discovery/kubernetes-api.ts'
import { Reflector, type SliceApi } from '../../src/discovery/reflector.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { type EndpointSlice, endpointsOf } from '../../src/topology/endpoint-slices.ts'
import { seededRandom } from '../simulator/random.ts'
import { VirtualClock } from '../simulator/virtual-clock.ts'

type Change = { readonly version: number; readonly type: string; readonly object: EndpointSlice }

const TROUBLE_MS = 10 * 60_000
/** Longer than the time after which a list is asked for again whatever the watch says, and the longest pause. */
const PEACE_MS = 40 * 60_000

/** Valid JSON, and yet no event of this watch. */
const WRONG_EVENTS = [
  'null',
  '{}',
  '{"type":"MODIFIED","object":null}',
  '{"type":"ADDED","object":{"kind":"Status","code":200}}',
  '{"type":"ADDED","object":{"metadata":{"name":"slice-0"},"endpoints":[null]}}',
  '{"type":"ADDED","object":{"metadata":{"name":"slice-0"},"endpoints":[{"addresses":[7]}],"ports":[null]}}',
]
const WRONG_LISTS = [null, {}, { items: null, metadata: {} }, { items: [] }, { metadata: { resourceVersion: '1' } }]

/** An API server that forgets its history, repeats, drops and cuts events, and fails. */
class ModelApiServer implements SliceApi {
  readonly slices = new Map<string, EndpointSlice>()
  isTroubled = true
  calls = 0
  readonly #clock: VirtualClock
  readonly #random: () => number
  readonly #history: Change[] = []
  #version = 1
  #compacted = 0
  readonly #sendsBookmarks: boolean

  constructor(clock: VirtualClock, random: () => number) {
    this.#clock = clock
    this.#random = random
    this.#sendsBookmarks = this.#happens(0.7)
  }

  change(): void {
    const name = `slice-${Math.floor(this.#random() * 4)}`
    const version = ++this.#version
    const object: EndpointSlice = {
      metadata: { name, resourceVersion: String(version) },
      endpoints: [{ addresses: [`10.0.0.${version % 250}`] }],
    }
    const isKnown = this.slices.has(name)
    const type = isKnown && this.#happens(0.3) ? 'DELETED' : isKnown ? 'MODIFIED' : 'ADDED'
    if (type === 'DELETED') this.slices.delete(name)
    else this.slices.set(name, object)
    this.#history.push({ version, type, object })
    if (this.#happens(0.1)) this.#compacted = version - Math.floor(this.#random() * 3)
  }

  async get(_path: string, signal: AbortSignal): Promise<unknown> {
    this.calls++
    await this.#wait(this.#random() * 200, signal)
    this.#fail()
    if (this.isTroubled && this.#happens(0.1)) return WRONG_LISTS[Math.floor(this.#random() * WRONG_LISTS.length)]
    return { metadata: { resourceVersion: String(this.#version) }, items: [...this.slices.values()] }
  }

  async *lines(path: string, signal: AbortSignal, heard: () => void): AsyncGenerator<string> {
    this.calls++
    let version = Number(/resourceVersion=(\d+)/.exec(path)![1])
    const endsAt = this.#clock.nowMs + Number(/timeoutSeconds=(\d+)/.exec(path)![1]) * 1000
    await this.#wait(this.#random() * 200, signal)
    this.#fail()
    heard()
    if (version < this.#compacted) {
      if (this.#happens(0.5)) throw new ApiError(410, 'too old resource version')
      yield JSON.stringify({ type: 'ERROR', object: { metadata: { name: '' }, code: 410 } })
      return
    }
    let bookmarkAt = this.#sendsBookmarks ? this.#clock.nowMs + 60_000 : Number.POSITIVE_INFINITY
    while (this.#clock.nowMs < endsAt) {
      if (this.isTroubled) {
        if (this.#happens(0.02)) return
        if (this.#happens(0.02)) throw new Error('connection reset')
        if (this.#happens(0.01)) yield '{"type":"MODI'
        if (this.#happens(0.01)) yield WRONG_EVENTS[Math.floor(this.#random() * WRONG_EVENTS.length)]!
        // The connection is dead, and nobody says so.
        if (this.#happens(0.005)) await this.#wait(Number.POSITIVE_INFINITY, signal)
      }
      for (const change of this.#history.filter((each) => each.version > version)) {
        version = change.version
        if (this.isTroubled && this.#happens(0.05)) continue
        heard()
        yield JSON.stringify(change)
        if (this.isTroubled && this.#happens(0.1)) yield JSON.stringify(change)
      }
      if (this.#clock.nowMs > bookmarkAt) {
        bookmarkAt += 60_000
        heard()
        yield JSON.stringify({ type: 'BOOKMARK', object: { metadata: { name: '', resourceVersion: String(version) } } })
      }
      await this.#wait(500, signal)
    }
  }

  #fail(): void {
    if (!this.isTroubled) return
    const statuses = [401, 403, 404, 410, 429, 500, 504]
    if (this.#happens(0.1))
      throw new ApiError(
        statuses[Math.floor(this.#random() * statuses.length)]!,
        'trouble',
        this.#happens(0.5) ? 1000 : 1e13,
      )
    if (this.#happens(0.1)) throw new Error('connection refused')
  }

  #happens(chance: number): boolean {
    return this.#random() < chance
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      if (Number.isFinite(ms)) this.#clock.after(ms, resolve)
    })
  }
}

function runtimeOf(clock: VirtualClock, random: () => number): Runtime {
  const every = (ms: number, run: () => void) => {
    let timer = clock.after(ms, function again() {
      timer = clock.after(ms, again)
      run()
    })
    return { cancel: () => timer.cancel() }
  }
  const unused = () => {
    throw new Error('a reflector has no business with this')
  }
  return {
    now: () => clock.nowMs,
    wallClock: () => clock.nowMs,
    random,
    after: (ms, run) => clock.after(ms, run),
    every,
    atEndOfTurn: unused,
    connect: unused,
    listen: unused,
  }
}

test('ends with what the server has, in bounded calls, and says nothing more once it is stopped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), async (seed) => {
      const { next: random } = seededRandom(seed)
      const clock = new VirtualClock()
      const server = new ModelApiServer(clock, random)
      for (let count = 0; count < 5; count++) server.change()
      let known: readonly EndpointSlice[] | undefined
      let failures = 0
      const reflector = new Reflector(server, runtimeOf(clock, random), 'default', 'redis', {
        changed: (slices) => {
          known = slices
          // Whatever was sent, it can be read.
          endpointsOf(slices, undefined, false)
        },
        works: () => {},
        failed: () => {
          failures++
        },
      })
      const ended = reflector.run()
      while (clock.nowMs < TROUBLE_MS) {
        if (random() < 0.5) server.change()
        await clock.run(() => false, clock.nowMs + random() * 30_000)
      }
      server.isTroubled = false
      await clock.run(() => false, clock.nowMs + PEACE_MS)
      const byName = (slices: readonly EndpointSlice[]) =>
        slices.toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
      expect(byName(known ?? [])).toEqual(byName([...server.slices.values()]))
      // Fifty minutes at one call a second would be 3000.
      expect(server.calls).toBeLessThan(600)

      // Each call is counted once, by how it ended; one may not have ended yet.
      const counts = [...Object.values(reflector.lists), ...Object.values(reflector.watchRestarts)]
      expect([0, 1]).toContain(server.calls - counts.reduce((sum, count) => sum + count))
      expect(reflector.lists.ok).toBeGreaterThan(0)
      // While the watch stands it is proven by bookmarks, or else by the next list.
      expect(clock.nowMs - reflector.provenAt!).toBeLessThan(16 * 60_000)

      reflector.stop()
      const [saidChanges, saidFailures] = [known, failures]
      server.change()
      await clock.run(() => false, clock.nowMs + 60_000)
      await ended
      expect([known, failures]).toEqual([saidChanges, saidFailures])
    }),
    { numRuns: 60 },
  )
})
