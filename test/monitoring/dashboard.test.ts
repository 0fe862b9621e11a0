// The dashboard's structure. What it asks for is tried in names.test.ts and by a real Prometheus.
import { expect, test } from 'vitest'
import { rows } from '../../scripts/dashboard/build.ts'
import { dashboard } from './expressions.ts'

const panels = dashboard.panels.filter(({ type }) => type !== 'row')

test('has an identity, and what all of its queries choose by', () => {
  expect(dashboard.uid).toBe('rusteze')
  // Grafana gives the number itself.
  expect(dashboard).not.toHaveProperty('id')
  expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'namespace', 'workload', 'pod'])
  const texts = JSON.stringify([dashboard.panels, dashboard.annotations])
  const used = new Set([...texts.matchAll(/\$\{?([a-z_]+)/gi)].map(([, name]) => name))
  expect([...used].sort()).toEqual(['__range', '__rate_interval', 'datasource', 'namespace', 'pod', 'workload'])
})

test('has rows and panels in order, with numbers of their own', () => {
  expect(dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual(Object.keys(rows))
  expect(panels).toHaveLength(Object.values(rows).flat().length)
  const ids = dashboard.panels.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
})

test('no panel covers another one or leaves the page', () => {
  const cells = new Set<string>()
  for (const { title, gridPos } of dashboard.panels) {
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(cells.has(`${x},${y}`), title).toBe(false)
        cells.add(`${x},${y}`)
      }
    }
  }
})

test.each(panels.map((panel) => [panel.title, panel] as const))('%s explains itself', (_, panel) => {
  expect(panel.description).toMatch(/[.]$/)
  const targets = panel.targets ?? []
  expect(targets.length).toBeGreaterThan(0)
  expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
  for (const { expr, legendFormat, datasource } of targets) {
    // A label in a legend is one that the query keeps.
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
      expect(expr).toMatch(new RegExp(`by \\([^)]*\\b${label}\\b`))
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the value in.
    expect([panel.datasource?.uid, datasource.uid]).toEqual(['${datasource}', '${datasource}'])
    expect(expr).not.toContain('$pods')
  }
})
