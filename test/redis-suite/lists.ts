// The two committed lists: what passes directly (baseline) and what does not through the proxy (gaps), a reason each.
import type { Outcome } from './parse-output.ts'

const SEPARATOR = ' :: '
const FLAKY = 'flaky: '
const SKIPPED = 'skipped: '

/** `unit :: test name`. */
export type TestKey = string

export interface Baseline {
  readonly version: string
  /** Whether the test passes directly. */
  readonly tests: ReadonlyMap<TestKey, boolean>
}

export interface Gap {
  readonly reason: string
  /** May pass or fail, from run to run. */
  readonly isFlaky: boolean
  /** Not even run, because it hangs or leaves a server behind that later tests cannot use. */
  readonly isSkipped: boolean
}

export function testKey(unit: string, name: string): TestKey {
  return `${unit}${SEPARATOR}${name}`
}

/** The bare names of the tests of `unit` that are not to be run. */
export function skippedTests(unit: string, gaps: ReadonlyMap<TestKey, Gap>): string[] {
  const prefix = testKey(unit, '')
  return [...gaps].flatMap(([key, gap]) => (gap.isSkipped && key.startsWith(prefix) ? [key.slice(prefix.length)] : []))
}

export function unitOf(key: TestKey): string {
  return key.slice(0, key.indexOf(SEPARATOR))
}

/** A line that starts with `#` is a comment; the first of a baseline names Redis's version. */
function contentLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

export function parseBaseline(text: string): Baseline {
  const version = /^# Redis (\d+\.\d+\.\d+)/.exec(text)?.[1]
  if (version === undefined) throw new Error('the first line of the baseline names no version of Redis')
  const tests = new Map<TestKey, boolean>()
  for (const line of contentLines(text)) {
    const [unit, name, outcome] = line.split(SEPARATOR)
    if (unit === undefined || name === undefined) throw new Error(`not "unit :: test name": ${line}`)
    tests.set(testKey(unit, name), outcome !== 'fails')
  }
  return { version, tests }
}

export function formatBaseline(version: string, outcomes: ReadonlyMap<TestKey, Outcome>): string {
  const lines = [...outcomes].map(([key, outcome]) => (outcome === 'passes' ? key : `${key}${SEPARATOR}fails`))
  const head = [
    `# Redis ${version}: the tests of its own suite that run against it directly in external mode, without "slow" ones.`,
    '# Written by npm run test:redis-suite -- --update-baseline. A line that ends in ":: fails" fails directly as well.',
  ]
  return `${[...head, ...lines.sort()].join('\n')}\n`
}

export function parseGaps(text: string): Map<TestKey, Gap> {
  const gaps = new Map<TestKey, Gap>()
  for (const line of contentLines(text)) {
    const [unit, name, reason, ...rest] = line.split(SEPARATOR)
    if (!unit || !name || !reason?.trim() || rest.length > 0) {
      throw new Error(`not "unit :: test name :: reason": ${line}`)
    }
    const key = testKey(unit, name)
    if (gaps.has(key)) throw new Error(`two reasons for one gap: ${key}`)
    gaps.set(key, { reason, isFlaky: reason.startsWith(FLAKY), isSkipped: reason.startsWith(SKIPPED) })
  }
  return gaps
}
