// Compares a run of the suite with the committed lists: what is new, what is gone.
import { type Baseline, type Gap, type TestKey, testKey, unitOf } from './lists.ts'
import { OUTSIDE_TESTS, type Outcome } from './parse-output.ts'

/** `missing`: the test never ran, because its unit ended or failed outside a test before it. */
export type Shortfall = Exclude<Outcome, 'passes'> | 'missing'

export interface Comparison {
  /** Tests of the baseline that pass. */
  readonly passed: number
  /** Listed in the gaps, and indeed not passing. */
  readonly known: readonly TestKey[]
  /** Not passing, and no gap says why. */
  readonly unexpected: ReadonlyMap<TestKey, Shortfall>
  /** Listed in the gaps, yet passing or not a test of the suite. */
  readonly gone: readonly TestKey[]
  /** Passing, but the baseline does not know it. */
  readonly unlisted: readonly TestKey[]
}

/** Looks only at tests and gaps of `units`. */
export function compare(
  units: readonly string[],
  baseline: Baseline,
  gaps: ReadonlyMap<TestKey, Gap>,
  outcomes: ReadonlyMap<TestKey, Outcome>,
): Comparison {
  const isSelected = (key: TestKey) => units.includes(unitOf(key))
  const expected = [...baseline.tests].filter(([key, passesDirectly]) => passesDirectly && isSelected(key))
  // A flaky gap is allowed to pass, not to name a test that does not exist.
  const mayPass = (key: TestKey) => baseline.tests.has(key) || key === testKey(unitOf(key), OUTSIDE_TESTS)
  const shortfalls = new Map<TestKey, Shortfall>()
  for (const [key] of expected) {
    const outcome = outcomes.get(key) ?? 'missing'
    if (outcome !== 'passes') shortfalls.set(key, outcome)
  }
  for (const [key, outcome] of outcomes) {
    if (outcome !== 'passes' && !baseline.tests.has(key)) shortfalls.set(key, outcome)
  }
  return {
    passed: expected.filter(([key]) => outcomes.get(key) === 'passes').length,
    known: [...shortfalls.keys()].filter((key) => gaps.has(key)),
    unexpected: new Map([...shortfalls].filter(([key]) => !gaps.has(key))),
    gone: [...gaps]
      .filter(([key, gap]) => isSelected(key) && !shortfalls.has(key) && !(gap.isFlaky && mayPass(key)))
      .map(([key]) => key),
    unlisted: [...outcomes].flatMap(([key, outcome]) =>
      outcome === 'passes' && !baseline.tests.has(key) ? [key] : [],
    ),
  }
}
