// Names, units and labels of the metrics, after the rules that Prometheus gives.
import { describe, expect, test } from 'vitest'
import { definitions as injectorDefinitions } from '../../src/injector/injector-metrics.ts'
import type { Definition } from '../../src/operations/exposition.ts'
import { definitions as proxyDefinitions } from '../../src/operations/metrics.ts'

/** Units that are written otherwise in base units, and words that say nothing. */
const wrongParts =
  /(^|_)(ms|milliseconds|microseconds|minutes|kb|kib|mb|kilobytes|megabytes|percent|count|sum|bucket)($|_)/

const lists: readonly [string, readonly Omit<Definition<never>, 'read'>[]][] = [
  ['the proxy', proxyDefinitions],
  ['the injector', injectorDefinitions],
]

describe.each(lists)('of %s', (_, definitions) => {
  test('every name is given once', () => {
    expect(new Set(definitions.map(({ name }) => name)).size).toBe(definitions.length)
  })

  test.each(definitions.map((definition) => [definition.name, definition] as const))('%s', (name, definition) => {
    const { kind, help, labels = [] } = definition
    expect(name).toMatch(/^(rusteze|process|nodejs)_[a-z]+(_[a-z]+)*$/)
    expect(name).not.toMatch(wrongParts)
    expect(name.endsWith('_total')).toBe(kind === 'counter')
    // A unit stands at the end.
    expect(name).not.toMatch(/_(seconds|bytes)_(?!total$)/)
    expect(help).toMatch(/^[A-Z0-9].*\.$/)
    for (const label of labels) expect(label).toMatch(/^[a-z]+$/)
  })
})
