// Chaos is only worth what it notices: a proxy with a planted bug must not pass.
import { expect, test } from 'vitest'
import type { PlantName } from '../faults/plants.ts'
import { availableServers } from '../support/redis-server.ts'
import type { FaultName } from './chaos-faults.ts'
import { runChapter } from './run-chaos.ts'

/** What is in flight when a fault comes is chance: as many short runs as it takes. */
const MOST_RUNS = 4
const TIMEOUT_MS = 120_000

const planted: readonly (readonly [PlantName, FaultName, RegExp])[] = [
  ['resend', 'connections reset', /ran 2 times|became|ended at|integer "2"|popped/],
  ['shift', 'connections reset', /was given|was told/],
  ['early', 'primary killed, replica promoted', /is missing though it was acknowledged/],
]

test.each(planted)(
  'a proxy with the bug "%s" is found out by: %s',
  async (plant, only, complaint) => {
    let problems = ''
    for (let seed = 1; seed <= MOST_RUNS && !complaint.test(problems); seed++) {
      const chapter = await runChapter({ kind: availableServers()[0]!, seed, faults: 4, only, plant })
      problems += chapter.problems.join('\n')
    }
    expect(problems).toMatch(complaint)
  },
  TIMEOUT_MS,
)
