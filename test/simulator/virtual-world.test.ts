// The virtual world itself: order of time, and streams that behave as the real ones do where a proxy could rely on it.
import { describe, expect, test } from 'vitest'
import type { Stream, StreamHandler } from '../../src/runtime/runtime.ts'
import { seededRandom } from './random.ts'
import { VirtualClock } from './virtual-clock.ts'
import { makeLink, VirtualNetwork } from './virtual-network.ts'
import type { Link } from './virtual-pipe.ts'
import { virtualRuntime } from './virtual-runtime.ts'
import type { VirtualStream } from './virtual-stream.ts'

const SERVER = { host: '10.0.0.9', port: 1 }
const KIB = 1024

/** Writes down what happens to a stream. */
class Recorder implements StreamHandler {
  readonly events: string[] = []
  readonly pieces: Buffer[] = []
  readonly buffers = new Set<Buffer>()
  opened(): void {
    this.events.push('opened')
  }
  received(bytes: Buffer, length: number): void {
    this.buffers.add(bytes)
    this.pieces.push(Buffer.from(bytes.subarray(0, length)))
  }
  drained(): void {
    this.events.push('drained')
  }
  ended(): void {
    this.events.push('ended')
  }
  closed(reason: string | undefined): void {
    this.events.push(`closed ${reason ?? 'in order'}`)
  }
  get text(): string {
    return Buffer.concat(this.pieces).toString()
  }
}

function makeWorld(settings: Partial<Link> = {}) {
  const clock = new VirtualClock()
  const violations: string[] = []
  const world = { clock, random: seededRandom(1), violation: (text: string) => violations.push(text), trace: () => {} }
  const network = new VirtualNetwork(world)
  const link = makeLink(settings)
  network.setLink(SERVER, link)
  const near = new Recorder()
  const far = new Recorder()
  let accepted: Stream | undefined
  const listener = network.listen('server', SERVER, (stream) => {
    accepted = stream
    return far
  })
  const runtime = virtualRuntime('client', clock, network, seededRandom(2))
  const connect = (timeoutMs = 1000): VirtualStream =>
    runtime.connect(SERVER, undefined, timeoutMs, near) as VirtualStream
  const settle = (ms = 1000): Promise<boolean> => clock.run(() => false, clock.nowMs + ms)
  return { clock, network, link, near, far, listener, runtime, connect, settle, violations, accepted: () => accepted! }
}

describe('time', () => {
  test('events run by time, then in the order of their making, and the end of the turn comes behind all of an instant', async () => {
    const clock = new VirtualClock()
    const seen: string[] = []
    clock.after(2, () => seen.push('c'))
    clock.after(1, () => {
      seen.push('a')
      clock.atEndOfTurn(() => seen.push('end of turn'))
    })
    clock.after(1, () => seen.push('b'))
    clock.after(1.5, () => seen.push('cancelled')).cancel()
    await clock.run(() => false)
    expect(seen).toEqual(['a', 'b', 'end of turn', 'c'])
    expect(clock.nowMs).toBe(2)
  })

  test('a busy turn gathers what falls due in it', async () => {
    const clock = new VirtualClock(() => 5)
    const seen: string[] = []
    clock.after(1, () => {
      seen.push('a')
      clock.atEndOfTurn(() => seen.push('end of turn'))
    })
    clock.after(5, () => seen.push('b'))
    await clock.run(() => false)
    expect(seen).toEqual(['a', 'b', 'end of turn'])
  })

  test('promises settle between two turns, and a repeated timer stops when it is cancelled', async () => {
    const { runtime, clock } = makeWorld()
    const seen: number[] = []
    const timer = runtime.every(10, () => {
      seen.push(clock.nowMs)
      void Promise.resolve().then(() => seen.length === 3 && timer.cancel())
    })
    await clock.run(() => false, 100)
    expect(seen).toEqual([10, 20, 30])
  })
})

describe('streams', () => {
  test('every cut of a run of bytes arrives whole and in order', async () => {
    const world = makeWorld({ cutProbability: 0.7, singleByteProbability: 0.5, kernelBytes: 100 })
    const stream = world.connect()
    const text = Array.from({ length: 500 }, (_, at) => at).join(' ')
    for (let at = 0; at < text.length; at += 37) stream.write(Buffer.from(text.slice(at, at + 37)))
    await world.settle()
    expect(world.far.text).toBe(text)
    expect(world.far.pieces.length).toBeGreaterThan(50)
    expect(world.near.events).toEqual(['opened'])
  })

  test('bytes on opened streams are lent and overwritten afterwards, those on accepted ones are kept', async () => {
    const world = makeWorld()
    const stream = world.connect()
    await world.settle()
    stream.write(Buffer.from('one'))
    await world.settle()
    stream.write(Buffer.from('two'))
    world.accepted().write(Buffer.from('three'))
    await world.settle()
    world.accepted().write(Buffer.from('four'))
    await world.settle()
    expect([...world.far.buffers].map(String)).toEqual(['one', 'two'])
    expect(world.near.text).toBe('threefour')
    expect(world.near.buffers.size).toBe(1)
    expect([...world.near.buffers][0]!.includes('four')).toBe(false)
  })

  test('changing bytes after they were written is found out', async () => {
    const world = makeWorld()
    const stream = world.connect()
    const bytes = Buffer.from('hello')
    stream.write(bytes)
    bytes.fill(0)
    await world.settle()
    expect(world.violations).toEqual([expect.stringContaining('changed before they arrived')])
  })

  test('a reader that pauses fills the kernel; drained comes only if as much was pending as Node waits for', async () => {
    const world = makeWorld({ kernelBytes: 10 * KIB })
    const stream = world.connect()
    await world.settle()
    world.accepted().pause()
    stream.write(Buffer.alloc(50 * KIB))
    await world.settle()
    expect(stream.pendingBytes).toBe(40 * KIB)
    world.accepted().resume()
    await world.settle()
    expect(stream.pendingBytes).toBe(0)
    expect(world.near.events).toEqual(['opened'])
    stream.write(Buffer.alloc(80 * KIB))
    await world.settle()
    expect(world.near.events).toEqual(['opened', 'drained'])
    expect(world.far.text.length).toBe(130 * KIB)
  })

  test('each half closes for itself, and both together close the stream', async () => {
    const world = makeWorld()
    const stream = world.connect()
    stream.write(Buffer.from('last words'))
    stream.end()
    await world.settle()
    expect(world.far.events).toEqual(['ended'])
    world.accepted().write(Buffer.from('answer'))
    world.accepted().end()
    await world.settle()
    expect(world.near.text).toBe('answer')
    expect(world.near.events).toEqual(['opened', 'ended', 'closed in order'])
    expect(world.far.events).toEqual(['ended', 'closed in order'])
  })

  test('a reset closes the other side as well, and what is written to a closed socket comes back as a reset', async () => {
    const world = makeWorld()
    const stream = world.connect()
    await world.settle()
    ;(world.accepted() as VirtualStream).reset()
    await world.settle()
    expect(world.near.events).toEqual(['opened', 'closed ECONNRESET'])
    const second = world.connect()
    await world.settle()
    world.accepted().destroy()
    await world.settle()
    expect(world.near.events.slice(2)).toEqual(['opened', 'ended'])
    second.write(Buffer.from('anybody?'))
    await world.settle()
    expect(world.near.events.slice(2)).toEqual(['opened', 'ended', 'closed ECONNRESET'])
    expect(stream.isClosed).toBe(true)
  })

  test('a paused reader hears of the end only if it accepted the stream and nothing is unread', async () => {
    const world = makeWorld()
    const first = world.connect()
    await world.settle()
    world.accepted().pause()
    first.end()
    await world.settle()
    expect(world.far.events).toEqual(['ended'])
    const second = world.connect()
    await world.settle()
    world.accepted().pause()
    second.write(Buffer.from('unread'))
    second.end()
    await world.settle()
    expect(world.far.events).toEqual(['ended'])
    second.pause()
    world.accepted().end()
    await world.settle()
    expect(world.near.events).toEqual(['opened', 'opened'])
  })

  test('a partition holds everything up and loses nothing', async () => {
    const world = makeWorld()
    const stream = world.connect()
    await world.settle()
    world.link.isPartitioned = true
    stream.write(Buffer.from('late'))
    await world.settle(5000)
    expect(world.far.text).toBe('')
    world.network.heal(world.link)
    await world.settle()
    expect(world.far.text).toBe('late')
  })

  test('a connect is refused where nobody listens, and times out in a black hole', async () => {
    const world = makeWorld()
    world.link.connect = 'black-hole'
    world.connect(300)
    await world.settle(299)
    expect(world.near.events).toEqual([])
    await world.settle()
    expect(world.near.events).toEqual(['closed ETIMEDOUT'])
    world.link.connect = 'accept'
    world.listener.close()
    world.connect()
    await world.settle()
    expect(world.near.events).toEqual(['closed ETIMEDOUT', 'closed ECONNREFUSED'])
  })
})
