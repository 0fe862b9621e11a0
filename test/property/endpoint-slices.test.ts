// Whatever the order in which slices became known, they lead to the same servers, each once.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { endpointsOf } from '../../src/topology/endpoint-slices.ts'

/** Few addresses and pods, so that they meet in several slices, ports and families. */
const endpoint = fc.record({
  addresses: fc.constantFrom(['10.0.0.1'], ['10.0.0.2'], ['fd00::1']),
  conditions: fc.constantFrom(null, {}, { ready: false }, { ready: true, serving: true, terminating: true }),
  targetRef: fc.constantFrom({}, { uid: 'a' }, { uid: 'b' }),
  zone: fc.constantFrom('one', 'other'),
})
const slices = fc.uniqueArray(
  fc.record({
    metadata: fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
    addressType: fc.constantFrom('IPv4', 'IPv6', 'FQDN'),
    ports: fc.constantFrom([{ name: 'redis', port: 6379 }], [{ name: 'redis', port: 6380 }], []),
    endpoints: fc.array(endpoint, { maxLength: 4 }),
  }),
  { selector: ({ metadata }) => metadata.name },
)

test('in any order', () => {
  fc.assert(
    fc.property(
      slices.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        const found = endpointsOf(all, undefined, false)
        expect(endpointsOf(shuffled, undefined, false)).toEqual(found)
        const places = found.map(({ host, port }) => `${host} ${port}`)
        expect(new Set(places).size).toBe(places.length)
      },
    ),
  )
})
