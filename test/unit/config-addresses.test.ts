// Addresses of the listener and of the backend, and what an error may show of a URL with credentials.
import { describe, expect, test } from 'vitest'
import { isLoopbackHost, isSameEndpoint, listenAddresses } from '../../src/config/addresses.ts'
import { backendLocation } from '../../src/config/backend-location.ts'
import { serviceName } from '../../src/config/service-name.ts'

const NOTHING_SAID = { isTls: false, username: undefined, password: undefined, database: undefined }

describe('listen addresses', () => {
  test('TCP, IPv6 and unix sockets, several of them', () => {
    expect(listenAddresses().parse('127.0.0.1:6380, [::1]:6380,unix:/run/rusteze.sock,localhost:0')).toEqual({
      value: [
        { kind: 'tcp', host: '127.0.0.1', port: 6380 },
        { kind: 'tcp', host: '::1', port: 6380 },
        { kind: 'unix', path: '/run/rusteze.sock' },
        { kind: 'tcp', host: 'localhost', port: 0 },
      ],
    })
  })

  test('any free port may be asked for twice, a certain one may not', () => {
    expect(listenAddresses().parse('localhost:0,localhost:0')).toHaveProperty('value.length', 2)
    expect(listenAddresses().parse('localhost:1,localhost:1')).toHaveProperty('problem', 'it names localhost:1 twice')
  })

  test('unix:///path is the same as unix:/path', () => {
    expect(listenAddresses().parse('unix:///run/a.sock')).toEqual({ value: [{ kind: 'unix', path: '/run/a.sock' }] })
  })

  test.each([
    ['6380', 'the host is missing', 'Write 127.0.0.1:6380.'],
    [':6380', 'the host is missing', 'Write 127.0.0.1:6380, or [::]:6380 for every interface.'],
    ['*:6380', 'the host is missing', 'Write 127.0.0.1:6380, or [::]:6380 for every interface.'],
    ['localhost', 'the port is missing', 'Write host:port, such as 127.0.0.1:6380.'],
    ['::1', 'an IPv6 address needs brackets', 'Write [::1]:6380.'],
    ['localhost:65536', 'its port is not a port number', 'Write a port from 0 to 65535.'],
    ['localhost:-1', 'its port is not a port number', 'Write a port from 0 to 65535.'],
    ['localhost:', 'its port is not a port number', 'Write a port from 0 to 65535.'],
    [
      '127.1:6380',
      'its host is neither a name nor an IP address',
      'Write host:port or [v6]:port, such as 127.0.0.1:6380.',
    ],
    [
      '[::g]:6380',
      'its host is neither a name nor an IP address',
      'Write host:port or [v6]:port, such as 127.0.0.1:6380.',
    ],
    ['[::1:6380', 'it is not an address', 'Write host:port or [v6]:port, such as 127.0.0.1:6380.'],
    ['unix:run/a', 'the path of a unix socket must be absolute', 'Write unix:/path, such as unix:/run/rusteze.sock.'],
    ['unix:/', 'the path of a unix socket must be absolute', 'Write unix:/path, such as unix:/run/rusteze.sock.'],
  ])('%s: %s', (text, problem, mend) => {
    expect(listenAddresses().parse(text)).toEqual({ problem, mend })
  })

  test('a comma at the end is a missing address', () => {
    expect(listenAddresses().parse('localhost:1,')).toHaveProperty('problem')
  })

  test('the path of a unix socket has as many bytes as Linux holds', () => {
    expect(listenAddresses().parse(`unix:/${'a'.repeat(106)}`)).toHaveProperty('value')
    expect(listenAddresses().parse(`unix:/${'a'.repeat(107)}`)).toHaveProperty(
      'problem',
      expect.stringContaining('too long'),
    )
  })
})

test('loopback is what only this machine can reach', () => {
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    'localhost',
    'LOCALHOST',
  ]) {
    expect([host, isLoopbackHost(host)]).toEqual([host, true])
  }
  for (const host of [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    'fe80::1',
    '::ffff:0.127.0.1',
    'redis',
    'localhost.example',
  ]) {
    expect([host, isLoopbackHost(host)]).toEqual([host, false])
  }
})

test('the proxy knows an address of its own', () => {
  const listen = { kind: 'tcp', host: '127.0.0.1', port: 6380 } as const
  expect(isSameEndpoint(listen, { host: '127.0.0.1', port: 6380 })).toBe(true)
  expect(isSameEndpoint(listen, { host: 'LocalHost', port: 6380 })).toBe(true)
  expect(isSameEndpoint(listen, { host: '127.0.0.1', port: 6379 })).toBe(false)
  expect(isSameEndpoint(listen, { host: '127.0.0.2', port: 6380 })).toBe(false)
  expect(isSameEndpoint({ ...listen, host: '0.0.0.0' }, { host: '127.0.0.2', port: 6380 })).toBe(true)
  expect(isSameEndpoint({ ...listen, host: '0.0.0.0' }, { host: '10.0.0.1', port: 6380 })).toBe(false)
  expect(isSameEndpoint({ kind: 'unix', path: '/a' }, { path: '/a' })).toBe(true)
  expect(isSameEndpoint({ kind: 'unix', path: '/a' }, { path: '/b' })).toBe(false)
  expect(isSameEndpoint({ kind: 'unix', path: '/a' }, { host: 'a', port: 1 })).toBe(false)
  expect(isSameEndpoint(listen, { path: '/a' })).toBe(false)
})

describe('location of the backend', () => {
  test.each([
    ['redis', { addresses: [{ host: 'redis', port: 6379 }] }],
    ['redis.data.svc.cluster.local.:7000', { addresses: [{ host: 'redis.data.svc.cluster.local.', port: 7000 }] }],
    ['[::1]', { addresses: [{ host: '::1', port: 6379 }] }],
    ['[::1]:7000', { addresses: [{ host: '::1', port: 7000 }] }],
    ['unix:/run/redis.sock', { addresses: [{ path: '/run/redis.sock' }] }],
    ['redis://redis', { addresses: [{ host: 'redis', port: 6379 }] }],
    ['REDISS://[::1]:1/', { addresses: [{ host: '::1', port: 1 }], isTls: true }],
    ['redis://app@h', { addresses: [{ host: 'h', port: 6379 }], username: 'app' }],
    ['redis://:pw@h/3', { addresses: [{ host: 'h', port: 6379 }], password: 'pw', database: 3 }],
    [
      'redis://app:p%40%2C%2F%25w@h:1/0',
      { addresses: [{ host: 'h', port: 1 }], username: 'app', password: 'p@,/%w', database: 0 },
    ],
    [
      'redis-0.redis, redis-1.redis:7000,[::1]:1',
      {
        addresses: [
          { host: 'redis-0.redis', port: 6379 },
          { host: 'redis-1.redis', port: 7000 },
          { host: '::1', port: 1 },
        ],
      },
    ],
    [
      'rediss://:pw@a:1,b/2',
      {
        addresses: [
          { host: 'a', port: 1 },
          { host: 'b', port: 6379 },
        ],
        isTls: true,
        password: 'pw',
        database: 2,
      },
    ],
    ['redis://app:p@s/s:w?#@h', { addresses: [{ host: 'h', port: 6379 }], username: 'app', password: 'p@s/s:w?#' }],
  ])('%s', (text, said) => {
    expect(backendLocation().parse(text)).toEqual({ value: { ...NOTHING_SAID, ...said } })
  })

  test.each([
    ['http://h', 'its scheme is unknown'],
    ['a,', 'its host is neither a name nor an IP address'],
    ['a,b:1,a:6379', 'it names an address twice'],
    ['redis://:p@a:1,redis://:p@b:2', 'there is a comma before its hosts'],
    ['localhost:0', 'its port is not a port number'],
    ['::1', 'an IPv6 address needs brackets'],
    ['redis://', 'its host is neither a name nor an IP address'],
    ['redis://h/one', 'its path is not the number of a database'],
    ['redis://h/1/2', 'its path is not the number of a database'],
    ['redis://h/0?password=x', 'its path is not the number of a database'],
    ['redis://:50%@h', 'its credentials are not percent-encoded'],
    ['unix:redis.sock', 'the path of a unix socket must be absolute'],
  ])('%s: %s', (text, problem) => {
    expect(backendLocation().parse(text)).toHaveProperty('problem', problem)
  })

  test('an error shows the address but no credentials', () => {
    const shown = (text: string) => backendLocation().print(text)
    expect(shown('localhost:63x')).toBe('localhost:63x')
    expect(shown('redis://redis:70000/0')).toBe('redis://redis:70000/0')
    expect(shown('redis://app:SECRET@a:1,b:70000/0')).toBe('redis://***@a:1,b:70000/0')
    expect(shown('redis://app:SECRET@redis:70000')).toBe('redis://***@redis:70000')
    expect(shown('app:SECRET@[::1]:70000')).toBe('***@[::1]:70000')
  })

  test.each([
    'redis://:SECRET',
    'redis://app:SECRET',
    'redis://:SECRET,x@h',
    'redis://:x,SECRET@h',
    'redis://:SECRET@',
    'redis://:SE@CRET@SECRET?',
    'redis://h?password=SECRET',
    'redis://h/0?password=SECRET',
    'redis://:50%SECRET@h',
    'http://:SECRET@h',
    'a,redis://app:SECRET',
    'redis://:SECRET\n@h:x',
  ])('%j: neither its text nor the mistake holds the secret', (text) => {
    const parsed = backendLocation().parse(text)
    expect(parsed).toHaveProperty('mend')
    expect(JSON.stringify(parsed) + backendLocation().print(text)).not.toMatch(/SECRET|CRET/)
  })
})

describe('name of a Service', () => {
  test.each([
    ['redis', { namespace: undefined, service: 'redis', port: undefined }],
    ['data/redis', { namespace: 'data', service: 'redis', port: undefined }],
    ['data/redis:tcp-redis', { namespace: 'data', service: 'redis', port: 'tcp-redis' }],
    ['redis:6379', { namespace: undefined, service: 'redis', port: 6379 }],
  ])('%s', (text, value) => {
    expect(serviceName().parse(text)).toEqual({ value })
  })

  test.each([
    ['', 'it is not the name of a Service'],
    ['a/b/c', 'it is not the name of a Service'],
    ['redis:', 'it is not the name of a Service'],
    ['Redis', 'names in Kubernetes are lower-case letters, digits and hyphens'],
    ['redis.data.svc', 'names in Kubernetes are lower-case letters, digits and hyphens'],
    ['redis:0', 'its port is not a port number'],
    ['redis:TCP', 'its port is neither a number nor a name'],
  ])('%j: %s', (text, problem) => {
    expect(serviceName().parse(text)).toHaveProperty('problem', problem)
  })
})
