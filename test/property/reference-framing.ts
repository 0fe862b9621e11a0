// A second, naive reading of the protocol for the property tests: recursive, over a whole string, without a thought for speed.

/** The frames of a stream; `end` tells how it stops: between two frames or in one, or at bytes that are no protocol. */
export type Frames = { frames: string[]; end: 'whole' | 'cut' | 'broken' }

/** No length may be larger: far beyond every server's limits, and exact as a number of JavaScript. */
const MAX_LENGTH = 2 ** 48

/** Thrown where the stream is over before the frame is. */
class Cut extends Error {}
class Broken extends Error {}

/** Every reply of the stream. */
export function referenceReplies(stream: string): Frames {
  const frames: string[] = []
  let at = 0
  try {
    while (at < stream.length) {
      const end = endOfValue(stream, at)
      frames.push(stream.slice(at, end))
      at = end
    }
    return { frames, end: 'whole' }
  } catch (error) {
    if (error instanceof Cut) return { frames, end: 'cut' }
    if (error instanceof Broken) return { frames, end: 'broken' }
    throw error
  }
}

function endOfValue(stream: string, at: number): number {
  const type = stream[at]
  if (type === undefined) throw new Cut()
  if ('+-:_,#('.includes(type)) {
    const end = stream.indexOf('\r\n', at)
    if (end < 0) throw new Cut()
    return end + 2
  }
  if ('$!='.includes(type)) {
    const header = readHeader(stream, at, /^(\d+|-1|\?)$/)
    if (header.text === '-1') return header.end
    return header.text === '?' ? endOfChunks(stream, header.end) : endOfBytes(stream, header.end, Number(header.text))
  }
  if (type === '|') {
    const header = readHeader(stream, at, /^\d+$/)
    return endOfValue(stream, endOfValues(stream, header.end, 2 * Number(header.text)))
  }
  if ('*~>%'.includes(type)) {
    const header = readHeader(stream, at, /^(\d+|-1|\?)$/)
    if (header.text === '-1') return header.end
    if (header.text === '?') return endOfStreamed(stream, header.end)
    return endOfValues(stream, header.end, Number(header.text) * (type === '%' ? 2 : 1))
  }
  throw new Broken()
}

function endOfValues(stream: string, start: number, count: number): number {
  let at = start
  for (let i = 0; i < count; i++) at = endOfValue(stream, at)
  return at
}

function endOfStreamed(stream: string, start: number): number {
  let at = start
  while (stream[at] !== '.') at = endOfValue(stream, at)
  return readHeader(stream, at, /^$/).end
}

function endOfChunks(stream: string, start: number): number {
  let at = start
  for (;;) {
    if (at >= stream.length) throw new Cut()
    if (stream[at] !== ';') throw new Broken()
    const header = readHeader(stream, at, /^\d+$/)
    if (Number(header.text) === 0) return header.end
    at = endOfBytes(stream, header.end, Number(header.text))
  }
}

function endOfBytes(stream: string, start: number, length: number): number {
  if (start + length + 2 > stream.length) throw new Cut()
  return start + length + 2
}

/** The text between a type's character and its CRLF. What may still become a number is cut, all else is broken. */
function readHeader(stream: string, at: number, allowed: RegExp): { text: string; end: number } {
  const rest = stream.slice(at + 1)
  const end = rest.indexOf('\r')
  if (Number.parseInt(rest, 10) > MAX_LENGTH) throw new Broken()
  if (end < 0) {
    if (/^(-?\d*|\?)$/.test(rest)) throw new Cut()
    throw new Broken()
  }
  const text = rest.slice(0, end)
  if (!allowed.test(text)) throw new Broken()
  if (end + 1 === rest.length) throw new Cut()
  if (rest[end + 1] !== '\n') throw new Broken()
  return { text, end: at + 1 + end + 2 }
}

/** Every request of the stream as its words (none for what is ignored), a line as its text; a text of Redis where it stops. */
export function referenceRequests(stream: string): { frames: (string[] | string)[]; error: string } {
  const frames: (string[] | string)[] = []
  let rest = stream
  while (rest !== '') {
    if (rest[0] !== '*') {
      const end = rest.indexOf('\n')
      if (end < 0) return { frames, error: '' }
      const line = rest.slice(0, end)
      frames.push(/^[ \t\n\v\f\r]*$/.test(line) ? [] : line)
      rest = rest.slice(end + 1)
      continue
    }
    const header = requestHeader(rest)
    if (header === null) return { frames, error: '' }
    if (!header.hasLf) return { frames, error: 'invalid CRLF in request' }
    if (!/^(0|-?[1-9]\d*)$/.test(header.text)) return { frames, error: 'invalid multibulk length' }
    rest = rest.slice(header.end)
    const words: string[] = []
    while (words.length < Number(header.text)) {
      const bulk = requestHeader(rest)
      if (bulk === null) return { frames, error: '' }
      if (rest[0] !== '$') return { frames, error: `expected '$', got '${rest[0]}'` }
      if (!bulk.hasLf) return { frames, error: 'invalid CRLF in request' }
      if (!/^(0|[1-9]\d*)$/.test(bulk.text)) return { frames, error: 'invalid bulk length' }
      const end = bulk.end + Number(bulk.text)
      if (!'\r\n'.startsWith(rest.slice(end, end + 2))) return { frames, error: 'invalid CRLF in request' }
      if (rest.length < end + 2) return { frames, error: '' }
      words.push(rest.slice(bulk.end, end))
      rest = rest.slice(end + 2)
    }
    frames.push(words)
  }
  return { frames, error: '' }
}

function requestHeader(rest: string): { text: string; end: number; hasLf: boolean } | null {
  const end = rest.indexOf('\r')
  if (end < 0 || end + 1 === rest.length) return null
  return { text: rest.slice(1, end), end: end + 2, hasLf: rest[end + 1] === '\n' }
}
