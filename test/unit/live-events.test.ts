// Ten minutes are kept, for nobody nothing is made, and for many who look it is made once.
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { beforeEach, expect, test } from 'vitest'
import { Latency } from '../../src/client/latency.ts'
import { CountsByName } from '../../src/command/command-counts.ts'
import { type Beginning, LiveEvents, MAX_STREAMS } from '../../src/operations/live-events.ts'
import { createLog } from '../../src/operations/log.ts'
import type { Status } from '../../src/operations/status.ts'
import { Timeline } from '../../src/operations/timeline.ts'
import { nodeRuntime } from '../../src/runtime/node-runtime.ts'
import { VirtualClock } from '../simulator/virtual-clock.ts'

/** What LiveEvents needs of a response. */
class Reader extends EventEmitter {
  destroyed = false
  writableLength = 0
  readonly texts: string[] = []

  write(text: string): void {
    this.texts.push(text)
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }

  end(): void {}

  count(event: string): number {
    return this.texts.filter((text) => text.startsWith(`event: ${event}\n`)).length
  }
}

const clock = new VirtualClock()
const runtime = {
  ...nodeRuntime,
  now: () => clock.nowMs,
  wallClock: () => clock.nowMs,
  every(ms: number, run: () => void) {
    const again = () => {
      timer = clock.after(ms, again)
      run()
    }
    let timer = clock.after(ms, again)
    return { cancel: () => timer.cancel() }
  },
}
const passes = (ms: number) => clock.run(() => false, clock.nowMs + ms)

const latency = new Latency()
const counts = new CountsByName()
const sampled = {
  runtime,
  outcomes: {
    counts,
    get latency() {
      const { totalMs, backendMs } = counts.totals
      return { total: latency.status(totalMs), backend: latency.status(backendMs) }
    },
  },
  router: { shards: [{ interruptions: { totalMs: 0 } }] },
  hold: { commands: 3 },
  clients: { size: 7 },
}
let asked = 0
const status = () => {
  asked++
  return { slowLog: { count: 0, entries: [] } } as unknown as Status
}
const timeline = new Timeline(createLog('silent', 'json', { write: () => {} }), runtime.wallClock)
let events: LiveEvents

const look = () => {
  const reader = new Reader()
  events.add(reader as unknown as ServerResponse)
  return reader
}

beforeEach(() => {
  events = new LiveEvents({ ...sampled, timeline, status })
  return () => events.close()
})

test('nothing is asked while nobody looks, and once a second for however many look', async () => {
  asked = 0
  await passes(20_000)
  expect(asked).toBe(0)
  const readers = Array.from({ length: MAX_STREAMS }, look)
  asked = 0
  await passes(10_000)
  expect(asked).toBe(10)
  const told = readers.map((reader) => reader.texts.slice(-10))
  for (const texts of told) expect(texts).toEqual(told[0])
  for (const reader of readers) reader.destroy()
  asked = 0
  await passes(10_000)
  expect(asked).toBe(0)
})

test('who comes late is told the last ten minutes, each sample once', async () => {
  for (let round = 0; round < 400; round++) {
    counts.of('get').ok += 10
    counts.of('get').totalMs += 0.4
    latency.add(0.4)
    await passes(2000)
  }
  const reader = look()
  await passes(4000)
  const dataOf = (text: string): Beginning => JSON.parse(text.slice(text.indexOf('data: ') + 6))
  const [beginning, ...moments] = reader.texts.filter((text) => text.startsWith('event: ')).map(dataOf)
  expect(beginning!.samples).toHaveLength(300)
  expect(beginning!.samples.every(({ answered, ms, held }) => answered === 10 && ms === 2000 && held === 3)).toBe(true)
  expect(beginning!.samples[0]!.p50).toBeGreaterThan(0.25)
  expect(beginning!.samples[0]!.mean).toBeCloseTo(0.4)
  const times = [...beginning!.samples, ...moments.flatMap(({ samples }) => samples)].map(({ at }) => at)
  expect(times).toEqual(Array.from(times, (_, index) => times[0]! + index * 2000))
  expect(times).toHaveLength(302)
})

test('what happens is told once, to all who look', async () => {
  const first = look()
  timeline.log.info({}, 'something')
  const second = look()
  await passes(3000)
  expect(first.texts.filter((text) => text.includes('something'))).toHaveLength(1)
  expect(second.texts.filter((text) => text.includes('something'))).toHaveLength(1)
  expect(second.count('beginning')).toBe(1)
})

test('who does not read is cut off, and one too many is not let in', async () => {
  const [lazy, ...others] = Array.from({ length: MAX_STREAMS }, look)
  expect(events.isFull).toBe(true)
  expect(look()).toMatchObject({ destroyed: true, texts: [] })
  lazy!.writableLength = 2 * 1024 * 1024
  await passes(1000)
  expect(lazy!.destroyed).toBe(true)
  expect(events.isFull).toBe(false)
  expect(others.every(({ destroyed }) => !destroyed)).toBe(true)
})
