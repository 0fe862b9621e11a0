// Pauses between attempts: they grow to 30 s at most, begin anew after two good minutes, and end when they are told to.
import { expect, test } from 'vitest'
import { RetryPause } from '../../src/discovery/retry-pause.ts'
import { nodeRuntime } from '../../src/runtime/node-runtime.ts'

function setClock() {
  const clock = { nowMs: 1e6, random: 1 }
  const runtime = { ...nodeRuntime, now: () => clock.nowMs, random: () => clock.random }
  return { clock, retry: new RetryPause(runtime, new AbortController().signal) }
}

test('they double up to 30 s, whatever chance does', () => {
  const { clock, retry } = setClock()
  expect(Array.from({ length: 8 }, () => retry.next().ms)).toEqual([
    800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
  ])
  clock.random = 0.5
  expect(retry.next()).toEqual({ ms: 15_000, isFirst: false })
})

test('they begin anew after two minutes without a failure, not before', () => {
  const { clock, retry } = setClock()
  expect([retry.next().isFirst, retry.next().isFirst]).toEqual([true, false])
  clock.nowMs += 119_000
  expect(retry.next()).toEqual({ ms: 3200, isFirst: false })
  clock.nowMs += 121_000
  expect(retry.next()).toEqual({ ms: 800, isFirst: true })
})

test('one that is stopped, or was before it began, ends at once', async () => {
  const abort = new AbortController()
  const retry = new RetryPause(nodeRuntime, abort.signal)
  const waiting = retry.wait(1e9)
  abort.abort()
  await waiting
  await retry.wait(1e9)
})
