// Samples tell of the time since the sample before.
import { expect, test } from 'vitest'
import { Latency } from '../../src/client/latency.ts'
import { quantile } from '../../src/operations/history.ts'

test('a quantile is within the bounds of its bucket', () => {
  const latency = new Latency()
  for (let index = 0; index < 98; index++) latency.add(0.4)
  latency.add(30)
  latency.add(100_000)
  const { below } = latency.status(0)
  expect(quantile(below, 50)).toBeGreaterThan(0.25)
  expect(quantile(below, 50)).toBeLessThanOrEqual(0.5)
  expect(quantile(below, 99)).toBeGreaterThan(16)
  expect(quantile(below, 99)).toBeLessThanOrEqual(32)
  // What took longer than the last bound took at least as long as that.
  expect(quantile(below, 100)).toBe(2048)
})
