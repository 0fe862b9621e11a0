// Reads the output of one unit of the suite: which test passed, failed, or hung.

export type Outcome = 'passes' | 'fails' | 'hangs'

/** Stands for what the suite runs between tests, such as connecting; the tests behind a failure there never run. */
export const OUTSIDE_TESTS = '(outside any test)'

export interface UnitOutput {
  /** By the test's name; a name used again in the same unit gets ` [2]`, ` [3]`, ... */
  readonly outcomes: ReadonlyMap<string, Outcome>
  /** Why a test failed, in the suite's words. */
  readonly details: ReadonlyMap<string, string>
  /** The bare name of the test in which the suite gave up waiting. */
  readonly hungTest: string | undefined
}

/** Understands what `tests/test_helper.tcl` prints when it runs a single unit. */
export function parseUnitOutput(text: string): UnitOutput {
  const outcomes = new Map<string, Outcome>()
  const details = new Map<string, string>()
  const uses = new Map<string, number>()
  let hungTest: string | undefined
  let isDone = false
  let hasTimedOut = false
  let detailsOf: string | undefined

  function record(name: string, outcome: Outcome, detail?: string): void {
    const use = (uses.get(name) ?? 0) + 1
    uses.set(name, use)
    const key = use === 1 ? name : `${name} [${use}]`
    outcomes.set(key, outcome)
    detailsOf = detail === undefined ? undefined : key
    if (detail !== undefined) details.set(key, detail)
  }

  for (const line of text.split('\n')) {
    const [, status, rest = ''] = /^\[([^\]]+)\]: ?(.*)$/.exec(line) ?? []
    if (status === 'ok') record(rest.replace(/ \(\d+ ms\)$/, ''), 'passes')
    else if (status === 'err') {
      const name = /^(.*) in tests\/\S+\.tcl$/.exec(rest)?.[1]
      if (name !== undefined) record(name, 'fails', '')
      else record(OUTSIDE_TESTS, 'fails', rest)
    } else if (status === 'exception') record(OUTSIDE_TESTS, 'fails', rest)
    // Nothing is skipped but what hung in an earlier attempt.
    else if (status === 'skip') record(rest, 'hangs')
    else if (status === 'TIMEOUT') hasTimedOut = true
    else if (status !== undefined) {
      detailsOf = undefined
      if (status.endsWith(' done')) isDone = true
    } else if (hasTimedOut) {
      const name = /^\S+ => \(IN PROGRESS\) (.*)$/.exec(line)?.[1]
      if (name !== undefined) hungTest = name
    } else if (/^ *The End$/.test(line)) break
    else if (detailsOf !== undefined) details.set(detailsOf, `${details.get(detailsOf)}\n${line}`.trim())
  }
  if (hungTest !== undefined) record(hungTest, 'hangs')
  else if (hasTimedOut) record(OUTSIDE_TESTS, 'hangs')
  else if (!isDone) record(OUTSIDE_TESTS, 'fails', details.get(OUTSIDE_TESTS) ?? 'the suite ended in the middle')
  return { outcomes, details, hungTest }
}
