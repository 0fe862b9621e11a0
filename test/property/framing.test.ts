// Alignment: a stream frames the same wherever it is cut, and as a naive reading of the protocol frames it.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReplyFramer } from '../../src/resp/reply-framer.ts'
import { Arguments } from '../../src/resp/request.ts'
import { RequestFramer, Scan } from '../../src/resp/request-framer.ts'
import { type Frames, referenceReplies, referenceRequests } from './reference-framing.ts'
import { chunkEnds, cuts, encode, inlineLine, nearlyProtocol, reply, words } from './resp-arbitraries.ts'

const NEXT = '+NEXT\r\n'
type Cuts = number[] | null

/**
 * Frames replies as a backend connection does: what is left of a chunk is put aside and never scanned again. Behind the end that
 * the framer is told lie the bytes that come next, so that it is found out if it looks at them.
 */
function frameReplies(stream: string, at: Cuts): Frames & { types: string[] } {
  const framer = new ReplyFramer()
  const bytes = Buffer.from(stream, 'latin1')
  const frames: string[] = []
  const types: string[] = []
  let begin = 0
  let from = 0
  for (const to of chunkEnds(bytes.length, at)) {
    for (; framer.scan(bytes, from, to); from = begin = framer.position) {
      expect(framer.isInside).toBe(false)
      expect(framer.position).toBeLessThanOrEqual(to)
      frames.push(bytes.toString('latin1', begin, framer.position))
      types.push(String.fromCharCode(framer.type))
    }
    if (framer.isBroken) return { frames, types, end: 'broken' }
    expect(framer.position).toBe(to)
    expect(framer.isInside).toBe(begin < to)
    from = to
  }
  return { frames, types, end: begin === bytes.length ? 'whole' : 'cut' }
}

type FramedRequests = { frames: (string[] | string)[]; error: string; longest: number[] }

/** Frames requests as a client connection does: the bytes of an unfinished request move to the front of a new buffer. */
function frameRequests(stream: string, at: Cuts): FramedRequests {
  const framer = new RequestFramer()
  const found: FramedRequests = { frames: [], error: '', longest: [] }
  let bytes = Buffer.from(stream, 'latin1')
  let moved = 0
  for (const end of chunkEnds(bytes.length, at)) {
    const to = end - moved
    let what = framer.scan(bytes, framer.position, to)
    for (; what !== Scan.Partial; what = framer.scan(bytes, framer.position, to)) {
      if (what === Scan.Invalid) return { ...found, error: framer.error }
      expect(framer.isInside).toBe(false)
      expect(framer.position).toBeLessThanOrEqual(to)
      found.frames.push(readRequest(framer, what, bytes))
      found.longest.push(framer.longestArgument)
    }
    expect(framer.isInside).toBe(framer.begin < to)
    bytes = Buffer.from(bytes.subarray(framer.begin))
    moved += framer.begin
    framer.rebase(framer.begin)
  }
  return found
}

function readRequest(framer: RequestFramer, what: Scan, bytes: Buffer): string[] | string {
  if (what === Scan.Empty) return []
  if (what === Scan.Inline) return bytes.toString('latin1', framer.begin, framer.position - 1)
  const request = new Arguments(bytes, framer.begin, framer.position)
  expect(framer.argumentCount).toBe(request.count)
  expect(bytes.toString('latin1', framer.nameStart, framer.nameEnd)).toBe(request.text(0))
  return Array.from({ length: request.count }, (_, index) => request.text(index))
}

describe('replies', () => {
  it('end where they end, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 6 }), cuts, (replies, at) => {
        const frames = replies.flatMap((frame) => [frame, NEXT])
        const types = frames.map((frame) => frame[0])
        expect(frameReplies(frames.join(''), at)).toEqual({ frames, types, end: 'whole' })
      }),
      { numRuns: 500 },
    )
  })

  it('are read as the reference reads them, right or wrong', () => {
    fc.assert(
      fc.property(nearlyProtocol, cuts, (stream, at) => {
        const { frames, end } = frameReplies(stream, at)
        expect({ frames, end }).toEqual(referenceReplies(stream))
      }),
      { numRuns: 5000 },
    )
  })

  it('that were damaged never shift what came before the damage', () => {
    const damage = fc.tuple(fc.array(reply, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat({ max: 255 }), cuts)
    fc.assert(
      fc.property(damage, ([replies, place, byte, at]) => {
        const bytes = Buffer.from(replies.join(''), 'latin1')
        bytes[place % bytes.length] = byte
        const stream = bytes.toString('latin1')
        const { frames, end } = frameReplies(stream, at)
        expect({ frames, end }).toEqual(referenceReplies(stream))
      }),
      { numRuns: 1000 },
    )
  })

  it('may have 100 000 elements', () => {
    const frame = `*100000\r\n${'$3\r\nabc\r\n:1\r\n'.repeat(50_000)}`
    expect(frameReplies(frame + NEXT, [0.3, 0.6]).frames).toEqual([frame, NEXT])
    const framer = new ReplyFramer()
    const bytes = Buffer.from(frame + NEXT, 'latin1')
    const ends = bytes.keys().filter((at) => framer.scan(bytes, at, at + 1))
    expect([...ends]).toEqual([frame.length - 1, frame.length + NEXT.length - 1])
  })

  it('may be nested 100 000 deep, which costs no memory', () => {
    const depth = 100_000
    const opening = Buffer.from('*2\r\n'.repeat(depth), 'latin1')
    const closing = Buffer.from(`:0\r\n${':1\r\n'.repeat(depth)}${NEXT}`, 'latin1')
    const framer = new ReplyFramer()
    const before = heapBytes()
    expect(framer.scan(opening, 0, opening.length)).toBe(false)
    // One number kept for each level would be 400 KB.
    expect(heapBytes() - before).toBeLessThan(200_000)
    expect(framer.isInside).toBe(true)
    expect(framer.scan(closing, 0, closing.length)).toBe(true)
    expect(framer.position).toBe(closing.length - NEXT.length)
  })

  it('may hold a string of more than 2 GiB, which costs no memory', () => {
    const framer = new ReplyFramer()
    const chunk = Buffer.alloc(2 ** 20, '\r\n')
    const header = Buffer.from(`*2\r\n$${2 ** 31}\r\n`, 'latin1')
    expect(framer.scan(header, 0, header.length)).toBe(false)
    for (let i = 0; i < 2048; i++) expect(framer.scan(chunk, 0, chunk.length)).toBe(false)
    const rest = Buffer.from(`\r\n:1\r\n${NEXT}`, 'latin1')
    expect(framer.scan(rest, 0, rest.length)).toBe(true)
    expect(framer.position).toBe(rest.length - NEXT.length)
  })
})

describe('requests', () => {
  it('end where they end, wherever the stream is cut', () => {
    const request = fc.oneof(
      { weight: 3, arbitrary: words.map((frame) => ({ frame, text: encode(frame) })) },
      { weight: 1, arbitrary: inlineLine.map((line) => ({ frame: isBlank(line) ? [] : line, text: `${line}\n` })) },
      { weight: 1, arbitrary: fc.constantFrom('*0\r\n', '*-1\r\n').map((text) => ({ frame: [], text })) },
    )
    fc.assert(
      fc.property(fc.array(request, { maxLength: 8 }), cuts, (requests, at) => {
        const all = requests.flatMap((each) => [each, { frame: ['PING'], text: encode(['PING']) }])
        const stream = all.map((each) => each.text).join('')
        const found = frameRequests(stream, at)
        expect(found.error).toBe('')
        expect(found.frames).toEqual(all.map((each) => each.frame))
        expect(found.longest).toEqual(all.map((each) => longestOf(each.frame)))
      }),
      { numRuns: 500 },
    )
  })

  it('are read as the reference reads them, right or wrong', () => {
    fc.assert(
      fc.property(nearlyProtocol, cuts, (stream, at) => {
        const { frames, error } = frameRequests(stream, at)
        expect({ frames, error }).toEqual(referenceRequests(stream))
      }),
      { numRuns: 5000 },
    )
  })

  it('that were damaged get the reference’s error and no other frames', () => {
    const damage = fc.tuple(fc.array(words, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat({ max: 255 }), cuts)
    fc.assert(
      fc.property(damage, ([requests, place, byte, at]) => {
        const bytes = Buffer.from(requests.map(encode).join(''), 'latin1')
        bytes[place % bytes.length] = byte
        const stream = bytes.toString('latin1')
        const { frames, error } = frameRequests(stream, at)
        expect({ frames, error }).toEqual(referenceRequests(stream))
      }),
      { numRuns: 1000 },
    )
  })

  it('may have 100 000 arguments', () => {
    const request = Array.from({ length: 100_000 }, (_, index) => `${index}`)
    const found = frameRequests(encode(request) + encode(['PING']), [0.3, 0.6])
    expect(found.frames.map((frame) => frame.length)).toEqual([100_000, 1])
  })

  it('may hold an argument of more than 2 GiB, streamed by an owner that keeps nothing', () => {
    const framer = new RequestFramer()
    const scan = (bytes: Buffer) => {
      const what = framer.scan(bytes, framer.position, bytes.length)
      if (what === Scan.Partial) framer.rebase(framer.position)
      return what
    }
    expect(scan(Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${2 ** 31}\r\n`, 'latin1'))).toBe(Scan.Partial)
    const chunk = Buffer.alloc(2 ** 20, '\r\n')
    for (let i = 0; i < 2048; i++) expect(scan(chunk)).toBe(Scan.Partial)
    const rest = Buffer.from(`\r\n${encode(['PING'])}`, 'latin1')
    expect(scan(rest)).toBe(Scan.Complete)
    expect(framer.position).toBe(2)
    expect(framer.longestArgument).toBe(2 ** 31)
    expect(scan(rest)).toBe(Scan.Complete)
    expect(framer.begin).toBe(2)
  })
})

function isBlank(line: string): boolean {
  return /^[ \t\v\f\r]*$/.test(line)
}

function longestOf(frame: string[] | string): number {
  return typeof frame === 'string' ? 0 : Math.max(0, ...frame.map((word) => word.length))
}

/** What lives on the heap once everything that can be freed was. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  return process.memoryUsage().heapUsed
}
