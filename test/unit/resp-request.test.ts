// Arguments are read from framed bytes as they are, and inline commands are split as the server splits them.
import { describe, expect, it } from 'vitest'
import { Arguments, encodeRequest, splitInline } from '../../src/resp/request.ts'

describe('the arguments of a request', () => {
  const request = encodeRequest(['CLIENT', 'SetName', '', '\r\n$1\r\n*1\r\n', Buffer.from([0, 0xff])])
  const bytes = Buffer.concat([Buffer.from('+before\r\n'), request, Buffer.from('*1\r\n$4\r\nPING\r\n')])
  const words = new Arguments(bytes, 9, 9 + request.length)

  it('are as many as were sent', () => {
    expect(words.count).toBe(5)
  })

  it('are bytes, one character each', () => {
    expect([0, 1, 2, 3, 4].map((index) => words.text(index))).toEqual([
      'CLIENT',
      'SetName',
      '',
      '\r\n$1\r\n*1\r\n',
      '\0\xff',
    ])
    expect([...words.bytes(4)]).toEqual([0, 0xff])
  })

  it('are compared in lower case', () => {
    expect(words.word(1)).toBe('setname')
  })

  it('are empty where there is none', () => {
    expect(words.text(5)).toBe('')
  })
})

it('a request of our own is an array of bulk strings', () => {
  expect(encodeRequest(['SET', 'k', Buffer.from('é')]).toString('latin1')).toBe(
    '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\xc3\xa9\r\n',
  )
})

describe('an inline command', () => {
  it.each<[line: string, words: string[]]>([
    ['', []],
    [' \t\v\f\r ', []],
    ['PING', ['PING']],
    ['  SET  key\tvalue  ', ['SET', 'key', 'value']],
    ['a\rb', ['a', 'b']],
    ['a\vb\fc', ['a\vb\fc']],
    ['"a b" \'c d\'', ['a b', 'c d']],
    ['""', ['']],
    ["''", ['']],
    ['foo"bar baz"', ['foobar baz']],
    ['"a"\vb', ['a', 'b']],
    ['"\\n\\r\\t\\b\\a\\\\\\"\\q"', ['\n\r\t\b\x07\\"q']],
    ['"\\x41\\xfF\\x00"', ['A\xff\0']],
    ['"\\x4g\\x"', ['x4gx']],
    ["'\\n\\x41\\'\\\\ '", ["\\n\\x41'\\\\ "]],
    ['\\n\\x41', ['\\n\\x41']],
    ['\x01\xe9', ['\x01\xe9']],
  ])('%j is split', (line, words) => {
    expect(splitInline(line)).toEqual(words)
  })

  it.each(['"', "'", '"a', "'a", '"a\\', '"a\\"', "'a\\'", '"a"b', "'a'b", '"a""b"', 'a"b'])(
    '%j is unbalanced',
    (line) => {
      expect(splitInline(line)).toBeNull()
    },
  )
})
