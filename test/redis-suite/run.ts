// Runs Redis's own TCL suite in external mode through the proxy and compares it with the committed baseline and gaps.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Keeper, startKeeper } from '../../scripts/keeper.mjs'
import { serverVersion } from '../../scripts/local-server.mjs'
import { ensureBuild, SetupError } from '../../scripts/toolchain.mjs'
import { type Comparison, compare } from './compare.ts'
import {
  type Baseline,
  formatBaseline,
  type Gap,
  parseBaseline,
  parseGaps,
  type TestKey,
  testKey,
  unitOf,
} from './lists.ts'
import type { Outcome } from './parse-output.ts'
import { createUnitRunner, type Lane, listUnits, type UnitRun } from './run-unit.ts'
import { cacheDirectory, ensureTcl, obtainSuite, requireRedis, unpackSuite } from './suite-source.ts'

const BUNDLE_COMMAND = 'node dist/rusteze.mjs'

const USAGE = `npm run test:redis-suite -- [options]
  --units a,b          only these units, such as unit/type/list,unit/multi
  --direct             without the proxy: checks the baseline
  --proxy-command "…"  instead of "${BUNDLE_COMMAND}"; split at spaces, gets RUSTEZE_LISTEN and RUSTEZE_BACKENDS
  --update-baseline    runs every unit directly and writes the baseline`

/** Two units at a time is what two cores carry without making tests of time fail. */
const LANES = 2

/** These take longest, so they start first and the run does not end with one of them alone. */
const LONGEST_UNITS = [
  'unit/hyperloglog',
  'unit/type/list-3',
  'unit/dump',
  'unit/type/list',
  'unit/geo',
  'unit/type/stream',
]

const baselinePath = join(import.meta.dirname, 'baseline.txt')
const gapsPath = join(import.meta.dirname, 'gaps.txt')

interface Results {
  readonly outcomes: ReadonlyMap<TestKey, Outcome>
  readonly details: ReadonlyMap<TestKey, string>
  readonly problems: readonly string[]
}

/** The exit code. */
async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      units: { type: 'string' },
      direct: { type: 'boolean', default: false },
      'proxy-command': { type: 'string', default: BUNDLE_COMMAND },
      'update-baseline': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const isUpdate = values['update-baseline']
  const isDirect = values.direct || isUpdate
  const redisBinary = await requireRedis()
  const version = serverVersion(redisBinary)
  const baseline = isUpdate ? undefined : readBaseline(version)
  const gaps = readGaps(isDirect)
  if (!isDirect && values['proxy-command'] === BUNDLE_COMMAND) await ensureBuild()
  await ensureTcl()
  const archive = await obtainSuite(version)
  const logDirectory = join(cacheDirectory, isDirect ? 'last-direct-run' : 'last-run')
  rmSync(logDirectory, { recursive: true, force: true })

  const keeper = startKeeper('redis-suite')
  const startedMs = performance.now()
  try {
    const lanes = await prepareLanes(archive, keeper, redisBinary)
    const units = isUpdate ? await listUnits(lanes[0]!.suiteDirectory) : selectUnits(values.units, baseline!)
    const proxyCommand = isDirect ? undefined : values['proxy-command'].split(' ').filter((word) => word !== '')
    const runUnit = createUnitRunner({ keeper, redisBinary, proxyCommand, logDirectory, gaps })
    const results = await runUnits(units, lanes, runUnit)
    const seconds = Math.round((performance.now() - startedMs) / 1000)
    console.log(
      `\nRedis ${version}, ${isDirect ? 'directly' : 'through the proxy'}, ${seconds} s; logs: ${logDirectory}`,
    )
    if (isUpdate) return writeBaseline(version, results)
    const comparison = compare(units, baseline!, gaps, results.outcomes)
    return report(comparison, results)
  } finally {
    await keeper.end()
  }
}

function readBaseline(version: string): Baseline {
  const baseline = parseBaseline(readFileSync(baselinePath, 'utf8'))
  if (baseline.version === version) return baseline
  throw new SetupError(
    `the baseline is of Redis ${baseline.version}, this machine has ${version}: install that or use --update-baseline`,
  )
}

/** Directly only the flaky tests may differ from the baseline. */
function readGaps(isDirect: boolean): Map<TestKey, Gap> {
  const gaps = existsSync(gapsPath) ? parseGaps(readFileSync(gapsPath, 'utf8')) : new Map<TestKey, Gap>()
  return isDirect ? new Map([...gaps].filter(([, { isFlaky }]) => isFlaky)) : gaps
}

async function prepareLanes(archive: string, keeper: Keeper, redisBinary: string): Promise<Lane[]> {
  const lanes = Array.from({ length: LANES }, (_, index) => ({
    index,
    suiteDirectory: join(keeper.directory, `suite-${index}`),
  }))
  for (const { suiteDirectory } of lanes) await unpackSuite(archive, suiteDirectory, redisBinary)
  return lanes
}

function selectUnits(wanted: string | undefined, baseline: Baseline): string[] {
  const units = [...new Set([...baseline.tests.keys()].map(unitOf))]
  if (wanted === undefined) return units
  const selected = wanted.split(',')
  const unknown = selected.find((unit) => !units.includes(unit))
  if (unknown !== undefined) throw new SetupError(`no unit ${unknown}; there are ${units.join(' ')}`)
  return selected
}

async function runUnits(
  units: readonly string[],
  lanes: readonly Lane[],
  runUnit: (unit: string, lane: Lane) => Promise<UnitRun>,
): Promise<Results> {
  const queue = [
    ...LONGEST_UNITS.filter((unit) => units.includes(unit)),
    ...units.filter((unit) => !LONGEST_UNITS.includes(unit)),
  ]
  const outcomes = new Map<TestKey, Outcome>()
  const details = new Map<TestKey, string>()
  const problems: string[] = []
  async function work(lane: Lane): Promise<void> {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
      const run = await runUnit(unit, lane)
      for (const [name, outcome] of run.outcomes) outcomes.set(testKey(unit, name), outcome)
      for (const [name, detail] of run.details) details.set(testKey(unit, name), detail)
      problems.push(...run.problems)
      console.log(`${unit}: ${counts([...run.outcomes.values()])}, ${Math.round(run.seconds)} s`)
    }
  }
  await Promise.all(lanes.map(work))
  return { outcomes, details, problems }
}

function counts(outcomes: readonly Outcome[]): string {
  const kinds = ['passes', 'fails', 'hangs'] as const
  const parts = kinds.map((kind) => [outcomes.filter((outcome) => outcome === kind).length, kind] as const)
  return parts.flatMap(([count, kind]) => (count > 0 || kind === 'passes' ? [`${count} ${kind}`] : [])).join(', ')
}

function writeBaseline(version: string, { outcomes, problems }: Results): number {
  writeFileSync(baselinePath, formatBaseline(version, outcomes))
  console.log(`baseline: ${counts([...outcomes.values()])}`)
  for (const problem of problems) console.log(problem)
  return problems.length === 0 ? 0 : 1
}

function report({ passed, known, unexpected, gone, unlisted }: Comparison, { details, problems }: Results): number {
  for (const [key, shortfall] of unexpected) {
    const detail = details.get(key)?.split('\n').slice(0, 2).join('\n    ')
    console.log(`NEW GAP (${shortfall}): ${key}${detail ? `\n    ${detail}` : ''}`)
  }
  for (const key of gone) console.log(`GONE, take its line out of gaps.txt: ${key}`)
  for (const key of unlisted) console.log(`PASSES, but is not in the baseline: ${key}`)
  for (const problem of problems) console.log(`PROBLEM: ${problem}`)
  console.log(
    `${passed} pass, ${known.length} known gaps, ${unexpected.size} new, ${gone.length} gone, ` +
      `${unlisted.length} not in the baseline, ${problems.length} problems`,
  )
  return unexpected.size + gone.length + unlisted.length + problems.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  if (!isUsage && !(error instanceof SetupError)) throw error
  console.error(isUsage ? `${error.message}\n${USAGE}` : error.message)
  process.exitCode = isUsage ? 64 : 1
}
