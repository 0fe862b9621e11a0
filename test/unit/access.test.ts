// Who may ask the admin server for more than probes and metrics.
import { expect, test } from 'vitest'
import { type Asker, changeRefusal, localRefusal } from '../../src/operations/access.ts'

function asker(changes: Partial<Asker> = {}): Asker {
  return { remoteAddress: '127.0.0.1', localAddress: '127.0.0.1', hosts: ['localhost:9380'], headers: {}, ...changes }
}

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['127.8.9.10', '127.0.0.1'],
  ['::1', '::1'],
  ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
])('from %s to %s is this machine', (remoteAddress, localAddress) => {
  expect(localRefusal(asker({ remoteAddress, localAddress }))).toBeUndefined()
})

test.each([
  ['10.0.0.7', '10.0.0.8', 'another pod'],
  ['10.0.0.8', '10.0.0.8', 'the pod by its own address'],
  ['127.0.0.6', '10.0.0.8', 'what a mesh took in for the pod'],
  ['10.0.0.7', '127.0.0.1', 'a redirected packet'],
  ['::ffff:10.0.0.7', '::ffff:10.0.0.8', 'IPv4 as IPv6'],
  ['fe80::1', '::1', 'a neighbour'],
  ['::ffff:128.0.0.1', '::ffff:127.0.0.1', 'just beyond 127.0.0.0/8'],
  ['::127.0.0.1', '::1', 'what only looks like it'],
  [undefined, undefined, 'a socket that is gone'],
])('from %s to %s is not: %s', (remoteAddress, localAddress, _who) => {
  expect(localRefusal(asker({ remoteAddress, localAddress }))).toMatch(/loopback only/)
})

test.each(['localhost', 'LOCALHOST:80', '127.0.0.1:9380', '[::1]:9380', '[::1]'])('the host %s is this one', (host) => {
  expect(localRefusal(asker({ hosts: [host] }))).toBeUndefined()
})

test.each([
  [['evil.example']],
  [['localhost.evil.example:9380']],
  [['evil.example@localhost']],
  [['10.0.0.8:9380']],
  [['0.0.0.0:9380']],
  [['']],
  [['localhost', 'evil.example']],
  [[]],
])('the host %j is not: a name may have been made to lead here', (hosts) => {
  expect(localRefusal(asker({ hosts }))).toMatch(/localhost only/)
})

test('a page of this server may change something, and so may a program', () => {
  expect(changeRefusal(asker())).toBeUndefined()
  const headers = { origin: 'http://localhost:9380', 'sec-fetch-site': 'same-origin' }
  expect(changeRefusal(asker({ headers }))).toBeUndefined()
})

test.each([
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: '' },
  { origin: 'http://localhost:3000' },
  { origin: 'http://localhost' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { origin: 'http://localhost:9380', 'sec-fetch-site': 'cross-site' },
])('a page of another site may not: %j', (headers) => {
  expect(changeRefusal(asker({ headers }))).toMatch(/other sites/)
})
