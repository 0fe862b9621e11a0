// What alerts, dashboard and documents name exists: metrics and their labels, settings, runbooks.
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { settings } from '../../src/config.ts'
import { definitions as ofInjector } from '../../src/injector/injector-metrics.ts'
import { definitions as ofProxy } from '../../src/operations/metrics.ts'
import { groupingsOf, selectorsOf } from '../support/promql.ts'
import { alerts, dashboard, queries } from './expressions.ts'

/** What Prometheus puts on every series of a pod, and what Grafana's variables choose by. */
const ofTarget = ['namespace', 'workload', 'pod', 'container', 'instance', 'job']

const expressions = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...queries,
  ...dashboard.annotations.list.map(({ expr }) => ['annotation', expr] as const),
]

const definitions = [...ofProxy, ...ofInjector]

function definitionOf(metric: string) {
  return definitions.find(({ name, kind }) => {
    return kind === 'histogram' ? ['_bucket', '_sum', '_count'].some((end) => metric === name + end) : metric === name
  })
}

const own = /^(rusteze|process|nodejs)_/

test.each(expressions)('%s asks for metrics and labels that exist', (_, expr) => {
  const selectors = selectorsOf(expr)
  expect(selectors.length).toBeGreaterThan(0)
  const known = new Set([...ofTarget, 'le'])
  for (const { metric, labels } of selectors) {
    if (!own.test(metric)) continue
    const definition = definitionOf(metric)
    expect(definition, metric).toBeDefined()
    const ofMetric = definition!.labels ?? []
    for (const label of ofMetric) known.add(label)
    for (const label of Object.keys(labels)) expect([...ofTarget, ...ofMetric], `${metric}{${label}}`).toContain(label)
  }
  if (selectors.every(({ metric }) => own.test(metric)))
    for (const label of groupingsOf(expr)) expect([...known], `by ${label}`).toContain(label)
})

test('every metric is in the dashboard or an alert, but for what only other programs need', () => {
  const used = new Set(expressions.flatMap(([, expr]) => selectorsOf(expr).map(({ metric }) => definitionOf(metric))))
  const unused = ofProxy.filter((definition) => !used.has(definition)).map(({ name }) => name)
  expect(unused).toEqual(['nodejs_version_info'])
})

const documents = globSync('{*.md,docs/*.md,charts/*/README.md,deploy/*.md}')

test.each(documents)('%s tells of no metric that does not exist', (path) => {
  const text = readFileSync(path, 'utf8')
  const named = text.match(/\b(rusteze|nodejs)_[a-z_]+[a-z]\b/g) ?? []
  const names = definitions.map(({ name }) => name)
  expect(named.filter((metric) => !names.includes(metric) && definitionOf(metric) === undefined)).toEqual([])
})

const runbooks = readFileSync('docs/runbooks.md', 'utf8')

test('every alert has a runbook, in the same order, and every runbook an alert', () => {
  const headings = [...runbooks.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual(alerts.map(({ alert }) => alert))
})

test('alerts and runbooks name settings that exist', () => {
  const texts = [runbooks, ...alerts.flatMap(({ annotations }) => Object.values(annotations))].join('\n')
  const named = new Set(texts.match(/RUSTEZE_[A-Z_]+[A-Z]/g))
  expect(named.size).toBeGreaterThan(10)
  const known = settings.map(({ variable }) => variable)
  expect([...named].filter((variable) => !known.includes(variable))).toEqual([])
})

test.each(alerts.map((alert) => [alert.alert, alert] as const))('%s says how bad it is, and what', (name, alert) => {
  expect(name).toMatch(/^Rusteze[A-Z][A-Za-z]+$/)
  expect(['critical', 'warning']).toContain(alert.labels.severity)
  expect(Object.keys(alert.annotations)).toEqual(['summary', 'description'])
  expect(alert.annotations.description).toMatch(/\.$/)
})
