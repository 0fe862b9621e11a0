// Chaos is only worth what it notices: a proxy with a planted bug must not pass.
import { expect, test } from 'vitest'
import type { PlantName } from '../faults/plants.ts'
import { startProgram } from '../support/child-program.ts'
import type { FaultName } from './chaos-faults.ts'

const CHAOS = new URL('./chaos.ts', import.meta.url).pathname
/** What is in flight when a fault comes is chance: as many short runs as it takes. */
const MOST_RUNS = 4
const TIMEOUT_MS = 150_000

const planted: readonly (readonly [PlantName, FaultName, RegExp])[] = [
  ['resend', 'connections reset', /ran 2 times|became|ended at|integer "2"|popped/],
  ['shift', 'connections reset', /was given|was told/],
  ['early', 'primary cut off from the proxy, replica promoted', /is missing though it was acknowledged/],
]

/** @returns the exit code and all that was printed. */
async function runChaos(...args: string[]): Promise<[number | null, string]> {
  const program = startProgram(process.execPath, [CHAOS, '--backends', ...args])
  const { code } = await program.exit
  return [code, program.output()]
}

test.each(planted)(
  'a proxy with the bug "%s" is found out by: %s',
  async (plant, only, complaint) => {
    let found = ''
    for (let seed = 1; seed <= MOST_RUNS && !complaint.test(found); seed++) {
      const [code, output] = await runChaos('--faults', '4', '--seed', `${seed}`, '--only', only, '--plant', plant)
      if (complaint.test(output)) expect(code).toBe(1)
      found += output
    }
    expect(found).toMatch(complaint)
  },
  TIMEOUT_MS,
)
