// The reply framer knows every type, and tells bytes that are no reply.
import { describe, expect, it } from 'vitest'
import { ReplyFramer, Type } from '../../src/resp/reply-framer.ts'

const NEXT = '+NEXT\r\n'

/** Length of the first reply of the stream, given in chunks of `size` bytes. */
function firstReply(stream: string, size: number): { length: number; type: number; isBroken: boolean } {
  const framer = new ReplyFramer()
  const bytes = Buffer.from(stream, 'latin1')
  for (let from = 0; from < bytes.length && !framer.isBroken; from += size) {
    if (framer.scan(bytes, from, Math.min(from + size, bytes.length))) {
      return { length: framer.position, type: framer.type, isBroken: framer.isBroken }
    }
  }
  return { length: -1, type: framer.type, isBroken: framer.isBroken }
}

const sizes = [1, 2, 3, 1000]

describe('a reply', () => {
  it.each<[name: string, reply: string, type: number]>([
    ['simple string', '+OK\r\n', Type.SimpleString],
    ['empty simple string', '+\r\n', Type.SimpleString],
    ['line with bare CR', '+a\rb\r\r\n', Type.SimpleString],
    ['line with bare LF', '+a\nb\r\n', Type.SimpleString],
    ['error', '-ERR no\r\n', Type.Error],
    ['integer', ':-12\r\n', Type.Integer],
    ['bulk string', '$5\r\n\r\n+a\r\r\n', Type.BulkString],
    ['empty bulk string', '$0\r\n\r\n', Type.BulkString],
    ['null bulk string', '$-1\r\n', Type.BulkString],
    ['null array', '*-1\r\n', Type.Array],
    ['null', '_\r\n', Type.Null],
    ['double', ',-1.5e7\r\n', Type.Double],
    ['boolean', '#t\r\n', Type.Boolean],
    ['bulk error', '!7\r\nERR a\r\n\r\n', Type.BulkError],
    ['verbatim string', '=5\r\ntxt:a\r\n', Type.VerbatimString],
    ['big number', '(3492890328409238509324850943850943825024385\r\n', Type.BigNumber],
    ['empty array', '*0\r\n', Type.Array],
    ['nested array', '*2\r\n*2\r\n:1\r\n*0\r\n$-1\r\n', Type.Array],
    ['map', '%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n+c\r\n_\r\n', Type.Map],
    ['set', '~2\r\n:1\r\n:2\r\n', Type.Set],
    ['push', '>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n', Type.Push],
    ['attribute and its value', '|1\r\n+ttl\r\n:9\r\n$1\r\nx\r\n', Type.Attribute],
    ['attribute inside', '*1\r\n|1\r\n+ttl\r\n:9\r\n:1\r\n', Type.Array],
    ['empty attribute', '|0\r\n:1\r\n', Type.Attribute],
    ['streamed string', '$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n', Type.BulkString],
    ['empty streamed string', '$?\r\n;0\r\n', Type.BulkString],
    ['streamed array', '*?\r\n:1\r\n*1\r\n:2\r\n.\r\n', Type.Array],
    ['streamed map in an array', '*2\r\n%?\r\n+a\r\n*?\r\n.\r\n.\r\n:1\r\n', Type.Array],
    ['streamed set', '~?\r\n$?\r\n;0\r\n.\r\n', Type.Set],
  ])('%s', (_, reply, type) => {
    for (const size of sizes) {
      expect(firstReply(reply + NEXT, size)).toEqual({ length: reply.length, type, isBroken: false })
      expect(firstReply(reply.slice(0, -1), size)).toEqual({ length: -1, type, isBroken: false })
    }
  })
})

describe('no reply', () => {
  it.each([
    ['HTTP/1.1 400 Bad Request\r\n'],
    ['\r\n'],
    ['.\r\n'],
    [';1\r\na\r\n'],
    ['$\r\n'],
    ['$x\r\n'],
    ['$-2\r\n'],
    ['$-11\r\n'],
    ['$--1\r\n'],
    ['$1-\r\n'],
    ['$?1\r\n'],
    ['*?1\r\n'],
    ['$-?\r\n'],
    ['$1\rx'],
    ['$99999999999999999999\r\n'],
    ['*99999999999999999999\r\n'],
    ['*1x\r\n'],
    ['|-1\r\n'],
    ['|?\r\n'],
    ['$?\r\n+a\r\n'],
    ['$?\r\n$1\r\na\r\n'],
    ['$?\r\n.\r\n'],
    ['$?\r\n;?\r\n'],
    ['$?\r\n;-1\r\n'],
    ['*1\r\n.\r\n'],
    ['*?\r\n*1\r\n.\r\n'],
    ['*?\r\n|1\r\n+a\r\n+b\r\n.\r\n'],
    ['*?\r\n.1\r\n'],
    ['*?\r\n'.repeat(129)],
  ])('%j', (stream) => {
    for (const size of sizes)
      expect(firstReply(stream + NEXT.repeat(3), size)).toMatchObject({ length: -1, isBroken: true })
  })

  it('is never read on', () => {
    const framer = new ReplyFramer()
    const bytes = Buffer.from(`*1\r\nx${NEXT}`, 'latin1')
    expect(framer.scan(bytes, 0, bytes.length)).toBe(false)
    expect(framer.scan(bytes, framer.position, bytes.length)).toBe(false)
    expect(framer.isBroken).toBe(true)
  })
})

it('is inside a reply from its first byte to its last', () => {
  const framer = new ReplyFramer()
  const bytes = Buffer.from('*2\r\n$1\r\na\r\n:1\r\n', 'latin1')
  expect(framer.scan(bytes, 0, 0)).toBe(false)
  expect(framer.isInside).toBe(false)
  const inside = [...bytes.keys()].map((at) => {
    framer.scan(bytes, at, at + 1)
    return framer.isInside
  })
  expect(inside.indexOf(false)).toBe(bytes.length - 1)
})
