// What a Sentinel's reply to SENTINEL MASTERS says, and that any other reply says nothing.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wordsOf } from '../../src/backend/sentinel.ts'

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}

function reply(...groups: Readonly<Record<string, string>>[]): Buffer {
  const list = groups.map((fields) => {
    const parts = Object.entries(fields).flat()
    return `*${parts.length}\r\n${parts.map(bulk).join('')}`
  })
  return Buffer.from(`*${list.length}\r\n${list.join('')}`)
}

test('each group is read, a field is no value of another, and an address without a port is none', () => {
  const first = { name: 'ip', ip: '10.0.0.1', port: '6379', runid: 'ab', flags: 'master' }
  const second = { name: 'ns/name', ip: 'fe80::1', port: '7000', runid: '' }
  expect(wordsOf(reply(first, { name: 'x', ip: '10.0.0.2', port: '0' }, second), 5)).toEqual([
    { group: 'ip', address: '10.0.0.1:6379', runId: 'ab', askedAt: 5 },
    { group: 'ns/name', address: '[fe80::1]:7000', runId: '', askedAt: 5 },
  ])
})

test('any other reply says nothing and breaks nothing', () => {
  for (const text of [
    '*0\r\n',
    '*-1\r\n',
    '$-1\r\n',
    '+OK\r\n',
    ':1\r\n',
    '*1\r\n:1\r\n',
    '*1\r\n*1\r\n:1\r\n',
    '*1\r\n*-1\r\n',
  ])
    expect(wordsOf(Buffer.from(text), 0), text).toEqual([])
  fc.assert(
    fc.property(fc.array(fc.dictionary(fc.constantFrom('name', 'ip', 'port'), fc.string())), (groups) => {
      for (const word of wordsOf(reply(...groups), 0)) expect(word.address).toMatch(/:[\d.e+]+$/)
    }),
  )
})
