// The replies the proxy writes itself are whole frames, whatever text they carry.
import { describe, expect, it } from 'vitest'
import * as reply from '../../src/resp/reply.ts'
import { ReplyFramer } from '../../src/resp/reply-framer.ts'

const replies: [bytes: Buffer, text: string][] = [
  [reply.OK, '+OK\r\n'],
  [reply.PONG, '+PONG\r\n'],
  [reply.QUEUED, '+QUEUED\r\n'],
  [reply.RESET, '+RESET\r\n'],
  [reply.errorReply('ERR a\r\nb\n+OK'), '-ERR a  b +OK\r\n'],
  [
    reply.errorReply("ERR Protocol error: expected '$', got '\xe9'"),
    "-ERR Protocol error: expected '$', got '\xe9'\r\n",
  ],
  [reply.integerReply(-7), ':-7\r\n'],
  [reply.bulkReply(''), '$0\r\n\r\n'],
  [reply.bulkReply('a\r\n\xe9'), '$4\r\na\r\n\xe9\r\n'],
  [reply.verbatimReply('a\r\n', 2), '$3\r\na\r\n\r\n'],
  [reply.verbatimReply('a\r\n', 3), '=7\r\ntxt:a\r\n\r\n'],
  [reply.nullReply(2), '$-1\r\n'],
  [reply.nullReply(3), '_\r\n'],
  [reply.nullArrayReply(2), '*-1\r\n'],
  [reply.nullArrayReply(3), '_\r\n'],
]

describe('a reply of our own', () => {
  it.each(replies.map(([bytes, text]) => [text, bytes] as const))('%j is one frame', (text, bytes) => {
    expect(bytes.toString('latin1')).toBe(text)
    const framer = new ReplyFramer()
    expect(framer.scan(bytes, 0, bytes.length)).toBe(true)
    expect(framer.position).toBe(bytes.length)
  })
})
