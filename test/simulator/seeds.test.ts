// The whole proxy in simulated worlds, one per seed; a seed that fails says how to replay it.
import { describe, expect, test } from 'vitest'
import { realWorld } from './real-proxy.ts'
import { replayCommand } from './simulate.ts'
import { simulate } from './simulation.ts'

const SEEDS = 250
/** So many seeds go into one test, so that a failure shows soon. */
const SEEDS_PER_TEST = 50
/** The most a seed takes on a loaded machine, in ms. */
const PATIENCE_PER_SEED_MS = 2000

describe('the proxy', () => {
  test('runs a seed the same way each time: nothing in it depends on the real world', async () => {
    const first = await simulate(4, realWorld(4))
    expect(await simulate(4, realWorld(4))).toEqual(first)
  })

  for (let first = 1; first <= SEEDS; first += SEEDS_PER_TEST) {
    const last = first + SEEDS_PER_TEST - 1
    test(`keeps its promises under the seeds ${first} to ${last}`, {
      timeout: SEEDS_PER_TEST * PATIENCE_PER_SEED_MS,
    }, async () => {
      for (let seed = first; seed <= last; seed++) {
        const { violations } = await simulate(seed, realWorld(seed))
        expect(violations, replayCommand(seed)).toEqual([])
      }
    })
  }
})
