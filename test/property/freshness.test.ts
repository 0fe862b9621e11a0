// What is said of a replica's age holds: every write that was acknowledged before that time is in its data.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Freshness } from '../../src/topology/freshness.ts'

const KEEP_MS = 50

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('write' as const), bytes: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('replicate' as const), bytes: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('ask primary' as const), bytes: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('promote' as const), bytes: fc.constant(0) }) },
)

test('a replica has every write from before it is complete until, in any order of writes, questions and promotions', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const freshness = new Freshness()
      let line = 0
      let written = 0
      let applied = 0
      let acknowledged: { readonly at: number; readonly offset: number }[] = []
      for (const [at, { does, bytes }] of steps.entries()) {
        if (does === 'write') {
          written += bytes
          acknowledged.push({ at, offset: written })
        } else if (does === 'replicate') applied = Math.min(written, applied + bytes)
        else if (does === 'ask primary') freshness.primarySaid(String(line), written, at, KEEP_MS)
        else {
          // Another one begins a new line, with what it had.
          line++
          written = applied
          acknowledged = []
        }
        const until = freshness.completeUntil(String(line), applied)
        for (const write of acknowledged) if (write.at < until) expect(write.offset).toBeLessThanOrEqual(applied)
        expect(freshness.completeUntil('another', Number.MAX_SAFE_INTEGER)).toBe(Number.NEGATIVE_INFINITY)
      }
    }),
  )
})

test('a replica that has everything is as fresh as the last question, one that lags for longer than is kept is not known to be', () => {
  const freshness = new Freshness()
  freshness.primarySaid('a', 10, 100, KEEP_MS)
  freshness.primarySaid('a', 20, 140, KEEP_MS)
  expect(freshness.completeUntil('a', 20)).toBe(140)
  expect(freshness.completeUntil('a', 19)).toBe(100)
  freshness.primarySaid('a', 30, 160, KEEP_MS)
  expect(freshness.completeUntil('a', 19)).toBe(Number.NEGATIVE_INFINITY)
})
