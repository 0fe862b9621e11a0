// What the chart gives to Prometheus Operator and to Grafana.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { everything, refusal, withMode } from './fixtures.ts'
import { hasHelm, namesOf, render, type Tree, the } from './helm.ts'

/** The groups of alerts that these values make. */
function groups(prometheusRule: object = {}, more: object = {}, release = 'rusteze'): Tree[] {
  const values = { injection: { mode: 'webhook' }, prometheusRule: { enabled: true, ...prometheusRule }, ...more }
  return the(render({ values, release }), 'PrometheusRule').spec.groups
}

const rules = (all: readonly Tree[]): Tree[] => all.flatMap((group) => group.rules)

describe.skipIf(!hasHelm)('monitoring (skipped without helm on the PATH)', () => {
  test('finds the port of sidecars by its name, in all namespaces, and calls workloads by their names', () => {
    const { spec } = the(withMode('policy', everything), 'PodMonitor', 'rusteze')
    expect(spec).toMatchObject({
      namespaceSelector: { any: true },
      podMetricsEndpoints: [{ port: 'rusteze-admin', path: '/metrics' }],
    })
    const targets = spec.podMetricsEndpoints[0].relabelings.map(({ targetLabel }: Tree) => targetLabel)
    expect(targets).toEqual(['workload', 'workload', 'workload'])
    const own = { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' }
    const more = render({ values: { podMonitor: { enabled: true, relabelings: [own] } } })
    expect(the(more, 'PodMonitor', 'rusteze').spec.podMetricsEndpoints[0].relabelings.at(-1)).toEqual(own)
  })

  test('finds the injector where there is one', () => {
    const { spec } = the(withMode('webhook', everything), 'PodMonitor', 'rusteze-injector')
    const pods = the(withMode('webhook', everything), 'Deployment').spec.template
    expect(spec.namespaceSelector).toEqual({ matchNames: ['platform'] })
    expect(pods.metadata.labels).toMatchObject(spec.selector.matchLabels)
    const ports = pods.spec.containers[0].ports.map(({ name }: Tree) => name)
    expect(ports).toContain(spec.podMetricsEndpoints[0].port)
  })

  test('is off unless it is asked for', () => {
    expect(namesOf(render()).join()).not.toMatch(/PodMonitor|PrometheusRule|dashboard/)
  })

  test('alerts are those of the file, those of the webhook only with it', () => {
    const names = (mode: string) => groups({}, { injection: { mode } }).map(({ name }) => name)
    expect(names('policy')).toEqual(['rusteze', 'rusteze-kubernetes'])
    expect(names('none')).toEqual(['rusteze', 'rusteze-kubernetes'])
    expect(names('webhook')).toEqual(['rusteze', 'rusteze-kubernetes', 'rusteze-webhook'])
    const inFile = readFileSync('charts/rusteze/files/alerts.yaml', 'utf8').match(/(?<=- alert: )\w+/g)
    expect(rules(groups()).map(({ alert }) => alert)).toEqual(inFile)
  })

  test('alerts ask for the objects of this release, and for containers by their own name', () => {
    const text = JSON.stringify(groups({}, {}, 'edge'))
    for (const wanted of ['edge-rusteze-guard', 'edge-rusteze', 'edge-rusteze-injector'])
      expect(text).toContain(`=\\"${wanted}\\"`)
    expect(text).toContain('container=\\"rusteze\\"')
    expect(text).not.toMatch(/(policy|deployment)=\\"rusteze/)
  })

  test('values add labels, runbooks and rules, and leave alerts out', () => {
    const [before] = rules(groups())
    expect(before).toMatchObject({ alert: 'RustezeNoPrimary', labels: { severity: 'critical' } })
    expect(before.annotations).not.toHaveProperty('runbook_url')
    const own = { alert: 'Own', expr: 'up == 0' }
    const changed = groups({
      ...{ alertLabels: { team: 'storage' }, runbookBaseUrl: 'https://wiki.example/runbooks', rules: [own] },
      disabledAlerts: ['RustezeDiscoveryByDns', 'RustezeInjectorUnavailable'],
    })
    const [first] = rules(changed)
    expect(first.labels).toEqual({ severity: 'critical', team: 'storage' })
    expect(first.annotations.runbook_url).toBe('https://wiki.example/runbooks#rustezenoprimary')
    expect(first.expr).toBe(before.expr)
    expect(changed[0].rules.at(-1)).toEqual(own)
    const left = rules(changed).map(({ alert }) => alert)
    expect(left).toHaveLength(rules(groups()).length - 1)
    expect(left).not.toContain('RustezeDiscoveryByDns')
    expect(left).not.toContain('RustezeInjectorUnavailable')
    const typo = refusal({ prometheusRule: { enabled: true, disabledAlerts: ['RustezeDiscoveryByDNS'] } })
    expect(typo).toContain('prometheusRule.disabledAlerts: there is no alert RustezeDiscoveryByDNS')
  })

  test("the dashboard is the file's, where Grafana looks for it", () => {
    const values = {
      dashboards: { enabled: true, labels: { team: 'storage' }, annotations: { grafana_folder: 'Redis' } },
    }
    const { metadata, data } = the(render({ values }), 'ConfigMap', 'rusteze-dashboard')
    expect(metadata.labels).toMatchObject({ grafana_dashboard: '1', team: 'storage' })
    expect(metadata.annotations).toEqual({ grafana_folder: 'Redis' })
    const file = JSON.parse(readFileSync('charts/rusteze/files/dashboard.json', 'utf8'))
    expect(JSON.parse(data['rusteze.json'])).toEqual(file)
  })
})
