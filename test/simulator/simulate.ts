// Runs seeds against the real proxy: `--seed 123 [--trace]` replays one, `--seeds 1..2000` runs many and says how to replay the bad ones.
import { parseArgs } from 'node:util'
import type { FaultName } from './faults.ts'
import { realWorld } from './real-proxy.ts'
import { simulate } from './simulation.ts'
import type { Outcome, SimulationOptions } from './simulation-options.ts'

const USAGE = `usage: node test/simulator/simulate.ts --seed 123 [--trace] | --seeds 1..2000
  --trace              tells everything that happens, line by line
  --faults a,b         only these kinds of faults ("none" for none)
  --workloads a,b      only these kinds of clients
  --clients 4          so many clients`

/** A trace shows so much of a line. */
const LINE_CHARACTERS = 300

/** The command that shows one seed again. */
export function replayCommand(seed: number): string {
  return `node test/simulator/simulate.ts --seed ${seed} --trace`
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      trace: { type: 'boolean', default: false },
      faults: { type: 'string' },
      workloads: { type: 'string' },
      clients: { type: 'string' },
    },
  })
  const range = /^(\d+)(?:\.\.(\d+))?$/.exec(values.seed ?? values.seeds ?? '')
  if (range === null) {
    console.error(USAGE)
    return 64
  }
  const first = Number(range[1])
  const last = Number(range[2] ?? first)
  const options: Omit<SimulationOptions, 'startProxy'> = {
    ...(values.faults === undefined ? {} : { faults: listOf(values.faults) as FaultName[] }),
    ...(values.workloads === undefined ? {} : { workloads: listOf(values.workloads) }),
    ...(values.clients === undefined ? {} : { clients: Number(values.clients) }),
    ...(values.trace ? { trace: (line: string) => console.log(line.slice(0, LINE_CHARACTERS)) } : {}),
  }
  let failed = 0
  for (let seed = first; seed <= last; seed++) {
    const outcome = await simulate(seed, { ...realWorld(seed), ...options })
    if (outcome.violations.length > 0) {
      failed++
      tellFailure(outcome)
    } else if (first === last) console.log(`seed ${seed} is good: ${describe(outcome)}`)
  }
  if (first !== last) console.log(`${last - first + 1} seeds, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function listOf(text: string): string[] {
  return text === 'none' ? [] : text.split(',')
}

function tellFailure(outcome: Outcome): void {
  console.log(`seed ${outcome.seed} failed: ${describe(outcome)}`)
  for (const violation of outcome.violations) console.log(`  ${violation}`)
  console.log(`  ${replayCommand(outcome.seed)}`)
}

function describe({ summary, faults }: Outcome): string {
  const numbers = Object.entries(summary).map(([name, value]) => `${value} ${name}`)
  return `${numbers.join(', ')}; faults: ${faults.join(', ') || 'none'}`
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
