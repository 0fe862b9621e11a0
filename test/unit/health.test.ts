// The latches behind the probes: what has started stays started, and the state of Redis has no part in it.
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { HealthLatches } from '../../src/operations/health.ts'
import { nodeRuntime } from '../../src/runtime/node-runtime.ts'

function health(environment: Record<string, string> = {}) {
  const parsed = parseConfig(environment)
  if ('errors' in parsed) throw new Error('unexpected')
  const clock = { now: 1000 }
  const clients = { size: 0 }
  const runtime = { ...nodeRuntime, now: () => clock.now }
  return { clock, clients, latches: new HealthLatches(parsed.config, runtime, clients) }
}

test('it has started once it listens and the discovery has answered, in either order', () => {
  const { latches } = health()
  expect(latches.startup).toEqual({ isWell: false, reason: 'starting: not listening yet' })
  latches.discovered()
  expect(latches.startup.isWell).toBe(false)
  latches.listening()
  expect(latches.startup).toEqual({ isWell: true, reason: 'started' })
  expect(latches.readiness).toEqual({ isWell: true, reason: 'ready' })
})

test('without an answer it has started when RUSTEZE_STARTUP_WAIT is over, and says how long that takes', () => {
  const { latches, clock } = health({ RUSTEZE_STARTUP_WAIT: '10s' })
  latches.listening()
  clock.now += 7500
  expect(latches.startup.isWell).toBe(false)
  expect(latches.startup.reason).toContain('2.5 s at most')
  expect(latches.readiness).toEqual(latches.startup)
  clock.now += 2500
  expect(latches.startup).toEqual({ isWell: true, reason: 'started, though the discovery has not answered' })
  expect(latches.readiness.isWell).toBe(true)
})

test('time alone does not start it', () => {
  const { latches, clock } = health({ RUSTEZE_STARTUP_WAIT: '0' })
  clock.now += 60_000
  expect(latches.startup.isWell).toBe(false)
})

test('while draining it is not ready, and still started', () => {
  const { latches } = health()
  latches.listening()
  latches.discovered()
  latches.draining()
  expect(latches.readiness).toEqual({ isWell: false, reason: 'draining' })
  expect(latches.startup.isWell).toBe(true)
})

test('it is not ready while there is no room for one more client', () => {
  const { latches, clients } = health({ RUSTEZE_CLIENTS: '2' })
  latches.listening()
  latches.discovered()
  clients.size = 2
  expect(latches.readiness).toEqual({ isWell: false, reason: 'full: RUSTEZE_CLIENTS is reached' })
  clients.size = 1
  expect(latches.readiness.isWell).toBe(true)
})
