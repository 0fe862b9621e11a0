// The simulator is only worth what it finds: an honest small proxy passes, and every bug planted in it is found.
import { describe, expect, test } from 'vitest'
import type { FaultName } from './faults.ts'
import { simulate } from './simulation.ts'
import type { Outcome, SimulationOptions } from './simulation-options.ts'
import { type Bug, startTinyProxy } from './tiny-proxy.ts'

const SELF_TEST_SEEDS = 12
/** The most a seed of a large world takes on a loaded machine, in ms. */
const PATIENCE_PER_SEED_MS = 5000

const EVERYTHING_A_TINY_PROXY_CAN = [
  'pipelines',
  'overlapping',
  'transactions',
  'compareAndSet',
  'queues',
  'scripts',
  'waiters',
  'hogs',
  'switchers',
  'leavers',
  'halfClosers',
  'idlers',
]
const PIPELINES = ['pipelines', 'overlapping']
const CUTS: FaultName[] = ['closeByReset', 'closeInOrder', 'closeAtAnyByte']

const REMOVALS: FaultName[] = ['unlist', 'unlistAll']
const FAILOVERS: FaultName[] = ['switchOver', 'failOver', 'twoMasters']

function options(bug: Bug, workloads: readonly string[], faults: readonly FaultName[]): SimulationOptions {
  return {
    startProxy: (place) => startTinyProxy(place, bug),
    workloads,
    faults,
    // A failover needs somebody to take over; its other faults are for proxies that do more.
    serverCount: faults.some((name) => [...FAILOVERS, ...REMOVALS].includes(name)) ? 3 : 1,
    hasDiscovery: faults.some((name) => REMOVALS.includes(name)),
    isPatient: true,
    isSmall: false,
    clients: 6,
  }
}

/** All violations of some seeds in one text. */
async function complaints(bug: Bug, workloads: readonly string[], faults: readonly FaultName[]): Promise<string> {
  const outcomes: Outcome[] = []
  for (let seed = 1; seed <= SELF_TEST_SEEDS; seed++)
    outcomes.push(await simulate(seed, options(bug, workloads, faults)))
  return outcomes.flatMap(({ violations }) => violations).join('\n')
}

describe('the simulator', { timeout: SELF_TEST_SEEDS * PATIENCE_PER_SEED_MS }, () => {
  test('has nothing to say against a proxy that does no more than it should, in a world without faults', async () => {
    expect(await complaints('none', EVERYTHING_A_TINY_PROXY_CAN, [])).toBe('')
  })

  test('has nothing to say against an honest proxy whose connections are cut', async () => {
    expect(await complaints('none', PIPELINES, [...CUTS, 'stop', 'delay'])).toBe('')
  })

  test('has nothing to say against an honest proxy whose primaries are replaced', async () => {
    expect(await complaints('none', PIPELINES, FAILOVERS)).toBe('')
  })

  test('has nothing to say against an honest proxy whose primary is removed from the list, and back', async () => {
    expect(await complaints('none', PIPELINES, REMOVALS)).toBe('')
  })

  test('runs a seed the same way each time', async () => {
    const [first, second] = [
      await simulate(7, options('none', PIPELINES, CUTS)),
      await simulate(7, options('none', PIPELINES, CUTS)),
    ]
    expect(second).toEqual(first)
    expect(first.summary.replies).toBeGreaterThan(100)
  })

  const planted: readonly (readonly [Bug, readonly string[], readonly FaultName[], RegExp])[] = [
    ['sends again', PIPELINES, CUTS, /was executed 2 times/],
    ['says refused', PIPELINES, CUTS, /refused\) was executed at .* all the same/],
    ['acknowledges early', PIPELINES, [...CUTS, 'demote'], /acknowledged\) was never executed/],
    ['swaps replies', PIPELINES, [], /and was answered/],
    ['mixes clients', PIPELINES, [], /was given <t\d+\.\d+> of another client/],
    ['forgets requests', PIPELINES, CUTS, /hangs: \d+ requests unanswered/],
    ['drops clients', PIPELINES, CUTS, /was (disconnected|closed)/],
    ['reuses buffers', PIPELINES, [], /bytes handed to write\(\) were changed/],
    ['keeps lent bytes', PIPELINES, [], /bytes handed to write\(\) were changed|no reply/],
    ['shares sessions', ['switchers'], [], /ran in database|ran as user|WHOAMI/],
    ['drains rudely', ['pipelines', 'queues'], [], /replies were owed/],
    ['loses WATCH', ['compareAndSet'], [], /WATCH was lost/],
    ['splits blocks', ['transactions'], [], /ran apart|and was answered/],
    ['keeps former primaries', PIPELINES, ['twoMasters'], /was sent the write .* after another server was taken/],
    ['asks the new primary again', PIPELINES, FAILOVERS, /was executed 2 times, at .* on .* and .* on/],
    ['keeps removed servers', PIPELINES, REMOVALS, /was sent the write .* after it was removed/],
    ['fakes WAIT', ['waiters'], [], /sent WAIT .* and was answered integer "1"/],
  ]
  test.each(planted)('finds a proxy that %s', async (bug, workloads, faults, complaint) => {
    expect(await complaints(bug, workloads, faults)).toMatch(complaint)
  })
})
