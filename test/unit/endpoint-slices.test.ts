// Which servers the EndpointSlices of a Service name, and on which port.
import { describe, expect, test } from 'vitest'
import { type EndpointSlice, endpointsOf, isEndpointSlice } from '../../src/topology/endpoint-slices.ts'

function slice(ports: NonNullable<EndpointSlice['ports']>, ...hosts: string[]): EndpointSlice {
  return {
    metadata: { name: 's' },
    addressType: 'IPv4',
    ports,
    endpoints: hosts.map((host) => ({ addresses: [host] })),
  }
}

function places(slices: EndpointSlice[], wanted?: string | number, isTls = false): string[] {
  return endpointsOf(slices, wanted, isTls).map(({ host, port }) => `${host}:${port}`)
}

describe('the port', () => {
  const metrics = { name: 'http-metrics', port: 9121 }
  test.each([
    ['the only one', [{ name: 'anything', port: 7000 }], 7000],
    ['without a name', [{ name: '', port: 7000 }], 7000],
    ['beside metrics', [metrics, { name: 'anything', port: 7000 }], 7000],
    [
      'named as charts do',
      [
        { name: 'http', port: 80 },
        { name: 'tcp-redis', port: 7000 },
      ],
      7000,
    ],
    [
      'beside Sentinel',
      [
        { name: 'tcp-sentinel', port: 26379 },
        { name: 'tcp-redis', port: 7000 },
      ],
      7000,
    ],
    [
      'beside the bus of a cluster',
      [
        { name: 'tcp', port: 6379 },
        { name: 'redis-bus', port: 16379 },
      ],
      6379,
    ],
    [
      'known by its number',
      [
        { name: 'a', port: 1 },
        { name: 'b', port: 6379 },
      ],
      6379,
    ],
    ['all ports', [{ name: '', port: null }], 6379],
    ['none named', [], 6379],
  ])('%s', (_, ports, expected) => {
    expect(places([slice(ports, '10.0.0.1')])).toEqual([`10.0.0.1:${expected}`])
  })

  test('metrics alone is none of Redis', () => {
    expect(places([slice([metrics], '10.0.0.1')])).toEqual([])
  })

  test('of TLS only where TLS is spoken', () => {
    const both = [
      { name: 'tcp-server', port: 6379 },
      { name: 'server-tls', port: 6380 },
    ]
    expect(places([slice(both, 'a')], undefined, true)).toEqual(['a:6380'])
    expect(places([slice(both, 'a')])).toEqual(['a:6379'])
  })

  test('as wished, by name or number', () => {
    const ports = [metrics, { name: 'mine', port: 7000 }]
    expect(places([slice(ports, 'a')], 'mine')).toEqual(['a:7000'])
    expect(places([slice(ports, 'a')], 'other')).toEqual([])
    expect(places([slice(ports, 'a')], 7001)).toEqual(['a:7001'])
    expect(places([slice([{ name: 'mine', port: null }], 'a')], 'mine')).toEqual(['a:6379'])
  })
})

describe('the servers', () => {
  const redis = [{ name: 'redis', port: 6379 }]

  test('of all slices, each once, in one order', () => {
    const one = slice(redis, '10.0.0.2', '10.0.0.1')
    const other = slice([{ name: 'redis', port: 6380 }], '10.0.0.3')
    const expected = ['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6380']
    expect(places([one, other, slice(redis, '10.0.0.1')])).toEqual(expected)
    expect(places([other, slice(redis, '10.0.0.1'), one])).toEqual(expected)
  })

  test('of two families each pod once, IPv4 first; a name is no address', () => {
    const pod = (host: string, uid: string) => ({ addresses: [host], targetRef: { uid } })
    const v6 = { ...slice(redis), addressType: 'IPv6', endpoints: [pod('fd00::1', 'a'), pod('fd00::2', 'b')] }
    const v4 = { ...slice(redis), endpoints: [pod('10.0.0.1', 'a')] }
    const named = { ...slice(redis, 'redis.example'), addressType: 'FQDN' }
    expect(places([v6, named, v4])).toEqual(['10.0.0.1:6379', 'fd00::2:6379'])
    expect(places([v6])).toEqual(['fd00::1:6379', 'fd00::2:6379'])
  })

  test('none in the placeholder of an empty Service, and none where nothing is written', () => {
    expect(places([{ metadata: { name: 's' }, addressType: 'IPv4', endpoints: null, ports: null }])).toEqual([])
    expect(places([{ metadata: { name: 's' }, endpoints: [{}] }])).toEqual([])
    expect(places([])).toEqual([])
  })

  test.each([
    [undefined, 'serving'],
    [null, 'serving'],
    [{}, 'serving'],
    [{ ready: false }, 'notServing'],
    [{ ready: null, serving: null, terminating: null }, 'serving'],
    [{ ready: false, serving: true, terminating: true }, 'terminating'],
    // As publishNotReadyAddresses makes them.
    [{ ready: true, serving: false, terminating: false }, 'notServing'],
    [{ ready: true, serving: true, terminating: true }, 'terminating'],
    [{ ready: true, serving: false, terminating: true }, 'notServing'],
  ])('the conditions %j mean %s, and are no reason to leave one out', (conditions, state) => {
    const endpoints = [{ addresses: ['10.0.0.1'], ...(conditions !== undefined && { conditions }) }]
    expect(endpointsOf([{ ...slice(redis), endpoints }], undefined, false)).toMatchObject([{ host: '10.0.0.1', state }])
  })

  test('of an address in several slices the better state counts, whatever their order', () => {
    const of = (name: string, uid: string, conditions: object) => ({
      ...slice(redis),
      metadata: { name },
      endpoints: [{ addresses: ['10.0.0.1'], targetRef: { uid }, conditions }],
    })
    const slices = [
      of('a', 'old', { serving: false }),
      of('b', 'ending', { serving: true, terminating: true }),
      of('d', 'other', { serving: true }),
      of('c', 'new', { serving: true }),
    ]
    for (const each of [slices, slices.toReversed(), slices.toSorted((one, other) => (one > other ? -1 : 1))]) {
      expect(endpointsOf(each, undefined, false)).toMatchObject([{ uid: 'new', state: 'serving' }])
    }
  })

  test('a port that is none makes it no slice', () => {
    for (const port of [0, 65_536, -1, 1.5, '6379', {}]) {
      expect(isEndpointSlice({ metadata: { name: 's' }, ports: [{ name: 'redis', port }] })).toBe(false)
    }
    expect(isEndpointSlice({ metadata: { name: 's' }, ports: [{ port: null }, {}] })).toBe(true)
  })

  test('zone and pod are kept', () => {
    const endpoints = [{ addresses: ['10.0.0.1', '10.0.0.9'], targetRef: { uid: 'u' }, zone: 'z' }]
    expect(endpointsOf([{ ...slice(redis), endpoints }], undefined, false)).toEqual([
      { host: '10.0.0.1', port: 6379, uid: 'u', zone: 'z', state: 'serving' },
    ])
  })
})

describe('Sentinels', () => {
  const data = { name: 'tcp-redis', port: 6379 }
  const [plain, tls] = [
    { name: 'tcp-sentinel', port: 5000 },
    { name: 'sentinel-tls', port: 5001 },
  ]
  test.each([
    ['by the name of their port', [data, plain], false, 5000],
    ['by its number', [data, { name: 'x', port: 26_379 }], false, 26_379],
    ['with TLS', [plain, data, tls], true, 5001],
    ['without TLS', [tls, data, plain], false, 5000],
    ['nowhere', [data], false, undefined],
  ] as const)('are found beside the servers %s', (_, ports, isTls, expected) => {
    const [endpoint] = endpointsOf([slice(ports, '10.0.0.1')], 6379, isTls)
    expect(endpoint).toMatchObject({ host: '10.0.0.1', port: 6379 })
    expect(endpoint!.sentinelPort).toBe(expected)
  })
})
