// Runs one unit of the suite against a fresh server (and proxy); a test that hangs is left out of a second attempt.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Gap, skippedTests, type TestKey } from './lists.ts'
import { OUTSIDE_TESTS, type Outcome, parseUnitOutput } from './parse-output.ts'
import { type PairOptions, startPair } from './server-pair.ts'

/** A test that says nothing for so long hangs; the slowest directly are the two named below and one of 15 s. */
const SILENCE_SECONDS = 60
const SILENCE_SECONDS_OF: Readonly<Record<string, number>> = { 'unit/hyperloglog': 180 }

/** Backstop for a test process that hangs itself. */
const UNIT_LIMIT_MS = 300_000

/** How often a run may go on behind a hang before it takes each further one as the end of its unit. */
const MAX_REPEATS = 6

/** The suite looks for a port from here on; each lane has a range of its own. */
const FIRST_LANE_PORT = 21_111
const PORTS_PER_LANE = 100

export interface Lane {
  readonly index: number
  /** The lane's own copy of the suite: two test processes would remove each other's files. */
  readonly suiteDirectory: string
}

export interface UnitRun {
  readonly unit: string
  readonly outcomes: ReadonlyMap<string, Outcome>
  readonly details: ReadonlyMap<string, string>
  /** What went wrong beside the tests, in sentences. */
  readonly problems: readonly string[]
  readonly seconds: number
}

export interface UnitOptions extends Omit<PairOptions, 'directory' | 'proxyLog'> {
  readonly logDirectory: string
  readonly gaps: ReadonlyMap<TestKey, Gap>
}

/** Runs units one after another; what is bounded over a whole run is counted here. */
export function createUnitRunner(options: UnitOptions): (unit: string, lane: Lane) => Promise<UnitRun> {
  let repeats = 0

  return async function runUnit(unit, lane) {
    const startedMs = performance.now()
    const skipped = skippedTests(unit, options.gaps)
    const problems: string[] = []
    for (;;) {
      const attempt = await runOnce(unit, lane, skipped, options)
      problems.push(...attempt.problems)
      const { outcomes, details, hungTest } = parseUnitOutput(attempt.output)
      if (hungTest !== undefined && !skipped.includes(hungTest) && repeats < MAX_REPEATS) {
        repeats++
        skipped.push(hungTest)
        continue
      }
      return { unit, outcomes, details, problems, seconds: (performance.now() - startedMs) / 1000 }
    }
  }
}

async function runOnce(
  unit: string,
  lane: Lane,
  skipped: readonly string[],
  { logDirectory, gaps: _, ...pairOptions }: UnitOptions,
): Promise<{ output: string; problems: string[] }> {
  const log = join(logDirectory, `${unit.replaceAll('/', '_')}${skipped.length > 0 ? `.${skipped.length}` : ''}`)
  mkdirSync(logDirectory, { recursive: true })
  const directory = join(pairOptions.keeper.directory, `server-${lane.index}`, unit.replaceAll('/', '_'))
  const pair = await startPair({ ...pairOptions, directory, proxyLog: `${log}.proxy.log` })
  let output = ''
  try {
    output = await runSuite(pair.port, unit, lane, skipped, pairOptions)
  } finally {
    writeFileSync(`${log}.log`, output)
  }
  const problems = await pair.stop()
  return { output, problems: problems.map((problem) => `${unit}: ${problem}`) }
}

async function runSuite(
  port: number,
  unit: string,
  lane: Lane,
  skipped: readonly string[],
  { keeper }: Pick<UnitOptions, 'keeper'>,
): Promise<string> {
  const silence = SILENCE_SECONDS_OF[unit] ?? SILENCE_SECONDS
  const basePort = FIRST_LANE_PORT + lane.index * PORTS_PER_LANE
  const selection = ['--single', unit, '--tags', '-slow', ...skipped.flatMap((name) => ['--skiptest', name])]
  const where = ['--host', '127.0.0.1', '--port', String(port), '--baseport', String(basePort)]
  const how = ['--durable', '--dont-clean', '--timeout', String(silence)]
  const child = spawn('tclsh', ['tests/test_helper.tcl', ...where, ...selection, ...how], {
    cwd: lane.suiteDirectory,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Plain text: the suite colours its words for a terminal.
    env: { ...process.env, TERM: 'dumb' },
  })
  const { pid } = child
  if (pid === undefined) throw (await once(child, 'error'))[0]
  keeper.guard(pid)
  child.once('exit', () => keeper.release(pid))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  let isOverdue = false
  const backstop = setTimeout(() => {
    isOverdue = true
    child.kill('SIGKILL')
    // The test process behind it keeps the pipes open.
    child.stdout.destroy()
    child.stderr.destroy()
  }, UNIT_LIMIT_MS)
  await once(child, 'close')
  clearTimeout(backstop)
  return isOverdue ? `${output}\n[exception]: ${OUTSIDE_TESTS}: stopped after ${UNIT_LIMIT_MS} ms\n` : output
}

/** The names of all units of the suite, in its own order. */
export async function listUnits(suiteDirectory: string): Promise<string[]> {
  const child = spawn('tclsh', ['tests/test_helper.tcl', '--list-tests'], {
    cwd: suiteDirectory,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await once(child, 'close')
  return output.split('\n').filter((line) => line !== '')
}
