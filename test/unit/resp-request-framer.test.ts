// The request framer's limits and error texts are those of a Redis server.
import { describe, expect, it } from 'vitest'
import { RequestFramer, Scan } from '../../src/resp/request-framer.ts'

const LINE_LIMIT = 64 * 1024

/** What a client that sends `text` whole hears: the last result, and the error where there is one. */
function scanWhole(text: string, framer = new RequestFramer()): { what: Scan; error: string } {
  const bytes = Buffer.from(text, 'latin1')
  const what = framer.scan(bytes, 0, bytes.length)
  return { what, error: framer.error }
}

/** The same for a client that sends byte after byte, and an owner that keeps only what lies behind `position`. */
function scanBytewise(text: string, framer = new RequestFramer()): { what: Scan; error: string } {
  const bytes = Buffer.from(text, 'latin1')
  let what: Scan = Scan.Partial
  let gone = 0
  for (let to = 1; to <= bytes.length && what === Scan.Partial; to++) {
    what = framer.scan(bytes.subarray(gone), 0, to - gone)
    if (what !== Scan.Partial) break
    gone += framer.position
    framer.rebase(framer.position)
  }
  return { what, error: framer.error }
}

const refusals: [stream: string, error: string][] = [
  ['*x\r\n', 'invalid multibulk length'],
  ['*\r\n', 'invalid multibulk length'],
  ['*1 \r\n', 'invalid multibulk length'],
  ['*+1\r\n', 'invalid multibulk length'],
  ['*01\r\n', 'invalid multibulk length'],
  ['*-0\r\n', 'invalid multibulk length'],
  ['*-\r\n', 'invalid multibulk length'],
  ['*--1\r\n', 'invalid multibulk length'],
  ['*2147483648\r\n', 'invalid multibulk length'],
  ['*9223372036854775808\r\n', 'invalid multibulk length'],
  ['*-9223372036854775809\r\n', 'invalid multibulk length'],
  ['*184467440737095516161\r\n', 'invalid multibulk length'],
  ['*1\r\n$x\r\n', 'invalid bulk length'],
  ['*1\r\n$\r\n', 'invalid bulk length'],
  ['*1\r\n$-1\r\n', 'invalid bulk length'],
  ['*1\r\n$04\r\n', 'invalid bulk length'],
  ['*1\r\n$9223372036854775807\r\n', 'invalid bulk length'],
  ['*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n', "expected '$', got 'f'"],
  ['*1\r\nPING\r\n', "expected '$', got 'P'"],
  ['*1\r\n\r\n', "expected '$', got '\r'"],
  ['*1\r\n\xe9\r\n', "expected '$', got '\xe9'"],
  ['*1\rx$4\r\nPING\r\n', 'invalid CRLF in request'],
  ['*1\r\n$4\rxPING\r\n', 'invalid CRLF in request'],
  ['*1\r\n$4\r\nPINGx\n', 'invalid CRLF in request'],
  ['*1\r\n$4\r\nPING\rx', 'invalid CRLF in request'],
  ['*2\r\n$4\r\nECHO\r\n$2\r\nabc\r\n', 'invalid CRLF in request'],
  [`*${'1'.repeat(LINE_LIMIT)}`, 'too big mbulk count string'],
  [`*${'1'.repeat(LINE_LIMIT)}\r\n`, 'too big mbulk count string'],
  [`*1\r\n$${'1'.repeat(LINE_LIMIT)}`, 'too big bulk count string'],
  [`*1\r\nx${'1'.repeat(LINE_LIMIT)}`, 'too big bulk count string'],
  ['x'.repeat(LINE_LIMIT + 1), 'too big inline request'],
  [`${'x'.repeat(LINE_LIMIT + 1)}\n`, 'too big inline request'],
]

describe('what Redis refuses is refused with its text, sent whole or byte by byte', () => {
  it.each(refusals.map(([stream, error]) => [shorten(stream), error, stream]))('%j: %s', (_, error, stream) => {
    expect(scanWhole(stream)).toEqual({ what: Scan.Invalid, error })
    expect(scanBytewise(stream)).toEqual({ what: Scan.Invalid, error })
  })
})

const longestLine = 'x'.repeat(LINE_LIMIT)

describe('what Redis takes is taken, sent whole or byte by byte', () => {
  it.each<[string, string, Scan]>([
    ['a request', '*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n', Scan.Complete],
    ['empty arguments', '*2\r\n$0\r\n\r\n$0\r\n\r\n', Scan.Complete],
    ['no arguments', '*0\r\n', Scan.Empty],
    ['fewer than no arguments', '*-10\r\n', Scan.Empty],
    ['the lowest count of 64 bits', '*-9223372036854775808\r\n', Scan.Empty],
    ['the highest count', '*2147483647\r\n', Scan.Partial],
    ['a long argument', '*1\r\n$536870912\r\n', Scan.Partial],
    ['an empty line', '\r\n', Scan.Empty],
    ['a line without CR', '\n', Scan.Empty],
    ['a line of blanks', ' \t\v\f\r \r\n', Scan.Empty],
    ['a line of a byte below the blank', '\x01\r\n', Scan.Inline],
    ['an inline command', 'PING\r\n', Scan.Inline],
    ['the longest line', `${longestLine}\n`, Scan.Inline],
    ['the longest line, unfinished', longestLine, Scan.Partial],
    ['the longest header, unfinished', `*${longestLine.slice(1)}`, Scan.Partial],
    ['the longest header, its LF to come', `*1\r\n$${longestLine.slice(1)}\r`, Scan.Partial],
    ['what may still become `$`', '*1\r\nx', Scan.Partial],
  ])('%s', (_, stream, what) => {
    expect(scanWhole(stream)).toEqual({ what, error: '' })
    expect(scanBytewise(stream)).toEqual({ what, error: '' })
  })
})

describe('a client that has not authenticated', () => {
  const scanAs = (stream: string, unauthenticated: boolean) => {
    const framer = new RequestFramer()
    framer.unauthenticated = unauthenticated
    return scanWhole(stream, framer)
  }

  it.each([
    ['*11\r\n', 'unauthenticated multibulk length'],
    ['*2147483648\r\n', 'invalid multibulk length'],
    ['*1\r\n$16385\r\n', 'unauthenticated bulk length'],
    ['*1\r\n$9223372036854775807\r\n', 'invalid bulk length'],
  ])('may not send %j', (stream, error) => {
    expect(scanAs(stream, true)).toEqual({ what: Scan.Invalid, error })
  })

  it.each(['*11\r\n', '*1\r\n$16385\r\n'])('could send %j had it authenticated', (stream) => {
    expect(scanAs(stream, false).what).toBe(Scan.Partial)
  })

  it.each(['*10\r\n', '*1\r\n$16384\r\n'])('may send %j', (stream) => {
    expect(scanAs(stream, true).what).toBe(Scan.Partial)
  })
})

describe('what is known of an unfinished request', () => {
  const known = (stream: string) => {
    const framer = new RequestFramer()
    const bytes = Buffer.from(stream, 'latin1')
    expect(framer.scan(bytes, 0, bytes.length)).toBe(Scan.Partial)
    const { argumentCount, longestArgument, nameStart, nameEnd, isInside } = framer
    return { argumentCount, longestArgument, name: stream.slice(nameStart, nameEnd), isInside }
  }

  it('is nothing before its header is whole', () => {
    expect(known('*2\r')).toEqual({ argumentCount: 0, longestArgument: 0, name: '', isInside: true })
  })

  it('is no name before that has been received with its CRLF', () => {
    expect(known('*2\r\n$4\r\nECHO\r')).toEqual({ argumentCount: 2, longestArgument: 4, name: '', isInside: true })
  })

  it('is its name, and the longest length that was declared', () => {
    const all = { argumentCount: 3, longestArgument: 70_000, name: 'SET', isInside: true }
    expect(known('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$70000\r\nabc')).toEqual(all)
  })

  it('is nothing of the request before it', () => {
    const framer = new RequestFramer()
    const bytes = Buffer.from('*1\r\n$4\r\nPING\r\n*', 'latin1')
    expect(framer.scan(bytes, 0, bytes.length)).toBe(Scan.Complete)
    expect(framer.scan(bytes, framer.position, bytes.length)).toBe(Scan.Partial)
    expect([framer.argumentCount, framer.longestArgument, framer.nameStart]).toEqual([0, 0, -1])
  })
})

it('searches a new line from its first byte, however much of the one before came alone', () => {
  const framer = new RequestFramer()
  const bytes = Buffer.from('*-100\r\n*\r\n', 'latin1')
  expect(framer.scan(bytes, 0, 5)).toBe(Scan.Partial)
  expect(framer.scan(bytes, 0, bytes.length)).toBe(Scan.Empty)
  expect(framer.scan(bytes, framer.position, bytes.length)).toBe(Scan.Invalid)
  expect(framer.error).toBe('invalid multibulk length')
})

it('needs no byte it has understood, even when it is called without a new one', () => {
  const framer = new RequestFramer()
  const chunks = ['*1\r\n$4\r\nPIN', '', 'G\r', '', '\n'].map((text) => Buffer.from(text, 'latin1'))
  const found = chunks.map((chunk) => {
    const what = framer.scan(chunk, 0, chunk.length)
    framer.rebase(chunk.length)
    return what
  })
  expect(found).toEqual([Scan.Partial, Scan.Partial, Scan.Partial, Scan.Partial, Scan.Complete])
})

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 8)}… (${text.length} bytes)` : text
}
