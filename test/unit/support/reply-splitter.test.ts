// The test's own framer: every type of reply, cut anywhere.

import { describe, expect, test } from 'vitest'
import { MalformedReply, ReplySplitter } from '../../support/reply-splitter.ts'

const replies = [
  '+OK\r\n',
  '-ERR no\r\n',
  ':-12\r\n',
  '$0\r\n\r\n',
  '$-1\r\n',
  '$7\r\n\r\n+NO\r\n\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*2\r\n$1\r\na\r\n*1\r\n:1\r\n',
  '_\r\n',
  '#t\r\n',
  ',-inf\r\n',
  '(3492890328409238509324850943850943825024385\r\n',
  '!8\r\nERR a\r\nb\r\n',
  '=7\r\ntxt:a\r\n\r\n',
  '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n$1\r\nx\r\n',
  '~2\r\n:1\r\n:2\r\n',
  '>3\r\n+message\r\n$1\r\nc\r\n$1\r\nm\r\n',
  '|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n',
  '*1\r\n|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n',
]

describe('every type of reply is found whole', () => {
  test.each(replies)('%j', (reply) => {
    const bytes = Buffer.from(`${reply}+NEXT\r\n`)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const splitter = new ReplySplitter()
      const found: string[] = []
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        splitter.push(piece)
        for (let next = splitter.next(); next; next = splitter.next()) found.push(next.toString())
      }
      expect(found, `cut at ${cut}`).toEqual([reply, '+NEXT\r\n'])
    }
  })

  test('one byte at a time', () => {
    const splitter = new ReplySplitter()
    const found: string[] = []
    for (const byte of Buffer.from(replies.join(''))) {
      splitter.push(Buffer.of(byte))
      for (let next = splitter.next(); next; next = splitter.next()) found.push(next.toString())
    }
    expect(found).toEqual(replies)
    expect(splitter.bufferedBytes).toBe(0)
  })
})

test('depth costs no stack', () => {
  const deep = `${'*1\r\n'.repeat(100_000)}:1\r\n`
  const splitter = new ReplySplitter()
  splitter.push(Buffer.from(deep))
  expect(splitter.next()?.length).toBe(deep.length)
})

test.each(['?what\r\n', 'HTTP/1.1 200 OK\r\n', '$x\r\n', '*-2\r\n', '$1\r\nabc\r\n'])('%j is no reply', (bytes) => {
  const splitter = new ReplySplitter()
  splitter.push(Buffer.from(bytes))
  expect(() => splitter.next()).toThrow(MalformedReply)
})

test('bytes can be taken between replies', () => {
  const splitter = new ReplySplitter()
  splitter.push(Buffer.from('raw+OK\r\n'))
  expect(splitter.takeBytes(9)).toBeUndefined()
  expect(splitter.takeBytes(3)?.toString()).toBe('raw')
  expect(splitter.next()?.toString()).toBe('+OK\r\n')
})
