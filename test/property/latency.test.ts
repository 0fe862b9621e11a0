// The histogram of latencies says the same as the list of all times would.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Latency } from '../../src/client/latency.ts'

test('counts below each bound, and the number of all', () => {
  const times = fc.oneof(fc.double({ min: 0, max: 10, noNaN: true }), fc.double({ min: 0, max: 1e7, noNaN: true }))
  fc.assert(
    fc.property(fc.array(times), (list) => {
      const latency = new Latency()
      for (const ms of list) latency.add(ms)
      const { below, count } = latency.status(0)
      expect(count).toBe(list.length)
      for (const [bound, number] of below) expect(number).toBe(list.filter((ms) => ms < bound).length)
      expect(below.map(([bound]) => bound)).toEqual(Array.from({ length: 16 }, (_, index) => 2 ** index / 16))
    }),
  )
})
