// Checks that the suite's output is read, and compared with the lists, so that no failure can hide.
import { describe, expect, it } from 'vitest'
import { compare } from './compare.ts'
import { formatBaseline, parseBaseline, parseGaps, skippedTests } from './lists.ts'
import { OUTSIDE_TESTS, type Outcome, parseUnitOutput } from './parse-output.ts'

const DONE = '[1/1 done]: unit/x (1 seconds)'

describe('the output of a unit', () => {
  it('gives each use of a name its own outcome', () => {
    const { outcomes, details } = parseUnitOutput(
      `[ok]: a (1 ms)\n[err]: a in tests/unit/x.tcl\nExpected 1\n[ok]: b (in tests) (20 ms)\n${DONE}\n`,
    )
    expect(Object.fromEntries(outcomes)).toEqual({ a: 'passes', 'a [2]': 'fails', 'b (in tests)': 'passes' })
    expect(details.get('a [2]')).toBe('Expected 1')
  })

  it('names the test that hangs, and takes a skipped one for one that hung before', () => {
    const text = '[skip]: a\n[ok]: b (1 ms)\n[TIMEOUT]: clients state report follows.\nsock1 => (IN PROGRESS) c d\n'
    const { outcomes, hungTest } = parseUnitOutput(text)
    expect(hungTest).toBe('c d')
    expect(Object.fromEntries(outcomes)).toEqual({ a: 'hangs', b: 'passes', 'c d': 'hangs' })
  })

  it.each([
    ['hangs between tests', '[TIMEOUT]: clients state report follows.\nsock1 => (OK) a\n', 'hangs'],
    ['ends in the middle', '[ok]: a (1 ms)\n', 'fails'],
    ['fails to connect', `[err]: connection refused\n    while executing\n${DONE}\n`, 'fails'],
    ['throws', '[exception]: Executing test client: I/O error\n', 'fails'],
  ])('says so when it %s', (_, text, outcome) => {
    expect(parseUnitOutput(text).outcomes.get(OUTSIDE_TESTS)).toBe(outcome)
  })
})

describe('the verdict', () => {
  const baseline = parseBaseline('# Redis 7.0.15: x\nunit/x :: a\nunit/x :: b\nunit/x :: c :: fails\nunit/y :: a\n')
  const passing: [string, Outcome][] = [
    ['unit/x :: a', 'passes'],
    ['unit/x :: b', 'passes'],
  ]
  function judge(gaps: string, outcomes: [string, Outcome][]) {
    return compare(['unit/x'], baseline, parseGaps(gaps), new Map(outcomes))
  }

  it('is clean when all that passes directly passes', () => {
    const verdict = judge('', [...passing, ['unit/x :: c', 'fails']])
    expect(verdict).toEqual({ passed: 2, known: [], unexpected: new Map(), gone: [], unlisted: [] })
  })

  it('finds what fails, never ran, or is not in the baseline', () => {
    const verdict = judge('', [
      ['unit/x :: a', 'hangs'],
      ['unit/x :: d', 'passes'],
      ['unit/x :: e', 'fails'],
    ])
    expect(Object.fromEntries(verdict.unexpected)).toEqual({
      'unit/x :: a': 'hangs',
      'unit/x :: b': 'missing',
      'unit/x :: e': 'fails',
    })
    expect(verdict.unlisted).toEqual(['unit/x :: d'])
  })

  it('accepts a gap with a reason and finds one that is gone', () => {
    const failing: [string, Outcome][] = [passing[0]!, ['unit/x :: b', 'fails']]
    expect(judge('unit/x :: b :: why', failing)).toMatchObject({ known: ['unit/x :: b'], gone: [] })
    expect(judge('unit/x :: b :: why', passing).gone).toEqual(['unit/x :: b'])
    expect(judge('unit/x :: z :: why', passing).gone).toEqual(['unit/x :: z'])
  })

  it('lets a flaky test pass or fail, but it must exist', () => {
    const gaps = 'unit/x :: b :: flaky: it measures time'
    expect(judge(gaps, passing).gone).toEqual([])
    expect(judge(gaps, [passing[0]!, ['unit/x :: b', 'fails']]).unexpected.size).toBe(0)
    expect(judge('unit/x :: z :: flaky: it measures time', passing).gone).toEqual(['unit/x :: z'])
  })
})

describe('the lists', () => {
  it('name the tests of a unit that are not to be run', () => {
    const gaps = parseGaps('unit/x :: a :: skipped: it hangs\nunit/x :: b :: why\nunit/xy :: c :: skipped: it hangs\n')
    expect(skippedTests('unit/x', gaps)).toEqual(['a'])
  })

  it('come back as they were written', () => {
    const outcomes = new Map<string, Outcome>([
      ['unit/x :: a', 'passes'],
      ['unit/x :: b', 'fails'],
    ])
    const { version, tests } = parseBaseline(formatBaseline('7.0.15', outcomes))
    expect(version).toBe('7.0.15')
    expect([...tests]).toEqual([
      ['unit/x :: a', true],
      ['unit/x :: b', false],
    ])
  })

  it.each(['unit/x :: a', 'unit/x :: a :: ', 'unit/x :: a :: b :: c', 'unit/x :: a :: r\nunit/x :: a :: s'])(
    'refuse a gap without one clear reason: %j',
    (text) => {
      expect(() => parseGaps(text)).toThrow()
    },
  )
})
