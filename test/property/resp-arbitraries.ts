// Generates streams of replies and requests, and cuts them into chunks, for the property tests.
import fc from 'fast-check'

/** A whole frame, one character per byte. */
type Frame = string

/** Any bytes, with those that mean something to the protocol more often than chance would have it. */
const content = fc
  .array(fc.oneof(fc.constantFrom('\r\n', '\r', '\n', '$', '*1\r\n', '+NEXT\r\n', '.\r\n', '\0', '\xff'), latin1(8)), {
    maxLength: 4,
  })
  .map((parts) => parts.join(''))

/** What a line may hold: anything but LF. No server sends a CR in it, yet only CRLF ends it. */
const lineContent = content.map((text) => text.replaceAll('\n', ''))

function latin1(maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'))
}

const line = fc.oneof(
  lineContent.map((text) => `+${text}\r\n`),
  lineContent.map((text) => `-ERR ${text}\r\n`),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((number) => `:${number}\r\n`),
  fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }).map((number) => `(${number}\r\n`),
  fc.constantFrom('_\r\n', '#t\r\n', '#f\r\n', ',inf\r\n', ',-inf\r\n', ',nan\r\n', ',1.5e-7\r\n'),
)

const string = fc.oneof(
  content.map((text) => `$${text.length}\r\n${text}\r\n`),
  content.map((text) => `!${text.length + 4}\r\nERR ${text}\r\n`),
  content.map((text) => `=${text.length + 4}\r\ntxt:${text}\r\n`),
  fc.constantFrom('$-1\r\n', '*-1\r\n', '*0\r\n', '%0\r\n', '~0\r\n'),
)

const streamedString = fc
  .array(content.filter((text) => text.length > 0))
  .map((parts) => `$?\r\n${parts.map((part) => `;${part.length}\r\n${part}\r\n`).join('')};0\r\n`)

const { value } = fc.letrec<{ value: Frame; attribute: string }>((tie) => {
  const values = fc.array(tie('value'), { maxLength: 4 })
  const pairs = fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 })
  return {
    attribute: pairs.map((list) => `|${list.length}\r\n${list.flat().join('')}`),
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      line,
      string,
      streamedString,
      fc.tuple(fc.constantFrom('*', '~'), values).map(([type, list]) => `${type}${list.length}\r\n${list.join('')}`),
      fc.tuple(fc.constantFrom('*', '~'), values).map(([type, list]) => `${type}?\r\n${list.join('')}.\r\n`),
      pairs.map((list) => `%${list.length}\r\n${list.flat().join('')}`),
      pairs.map((list) => `%?\r\n${list.flat().join('')}.\r\n`),
      fc.tuple(tie('attribute'), tie('value')).map(([attribute, described]) => attribute + described),
    ),
  }
})

const push = fc
  .tuple(fc.constantFrom('message', 'invalidate'), fc.array(value, { maxLength: 3 }))
  .map(([kind, list]) => `>${list.length + 1}\r\n$${kind.length}\r\n${kind}\r\n${list.join('')}`)

/** One reply of RESP2 or RESP3: every type, nested, with attributes and streams, and pushes. */
export const reply: fc.Arbitrary<Frame> = fc.oneof({ weight: 5, arbitrary: value }, { weight: 1, arbitrary: push })

/** The words of a request: binary, some empty. */
export const words = fc.array(content, { minLength: 1, maxLength: 6 })

export function encode(request: readonly string[]): Frame {
  return `*${request.length}\r\n${request.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

/** A line as people type it: words, quotes and blanks that need not match. */
export const inlineLine = fc
  .array(
    fc.constantFrom('PING', 'a', ' ', '\t', '\v', '\f', '"', "'", '\\', '\\x41', '\\n', '\\x4', '\x01', '\xe9', '\r'),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

/** Bytes that are nearly a reply, or nearly a request. */
export const nearlyProtocol = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom('\r\n', '*1\r\n', '*2\r\n', '$1\r\n', 'x\r\n', '+a\r\n', '.\r\n', ';1\r\n'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('|1\r\n', '%1\r\n', '*?\r\n', '$?\r\n', ';0\r\n', '$0\r\n', '*0\r\n', '*'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '\r',
          '\n',
          '-',
          '-1',
          '?',
          '0',
          '1',
          '12',
          ' ',
          '$',
          '_',
          '>',
          '+',
          '\0',
          '*01\r\n',
          '$01\r\n',
        ),
      },
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(''))

/** Where to cut a stream, as parts of its length; a null asks for chunks of one byte. */
export const cuts: fc.Arbitrary<number[] | null> = fc.oneof(
  { weight: 3, arbitrary: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constant(null) },
)

/** The ends of the chunks of a stream of `length` bytes; the same end may come twice, as an empty chunk. */
export function chunkEnds(length: number, at: number[] | null): number[] {
  if (at === null) return Array.from({ length }, (_, index) => index + 1)
  return [...at.map((part) => Math.floor(part * length)).sort((a, b) => a - b), length]
}
