// A real Prometheus collects from a real proxy during a failover of real servers: alerts come and go, and every expression gives something.
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { load, loadAll } from 'js-yaml'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OUTCOMES } from '../../src/command/command-counts.ts'
import { definitions } from '../../src/operations/metrics.ts'
import { Cluster } from '../support/cluster.ts'
import { hasPrometheus, Prometheus } from '../support/prometheus.ts'
import { selectorsOf } from '../support/promql.ts'
import type { RawClient } from '../support/raw-client.ts'
import { availableServers, type RedisServer } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'
import { ALERTS_FILE, type Alert, alerts, dashboard, queries } from './expressions.ts'

/** What has nothing to show here, and why. */
const empty: Readonly<Record<string, string>> = {
  'Memory: limit': 'the machine may have none',
}

/** The alerts; that of a missing primary does not wait as long. */
function hastyRules(): object {
  const file = load(readFileSync(ALERTS_FILE, 'utf8')) as { groups: { rules: Alert[] }[] }
  for (const { rules } of file.groups)
    for (const rule of rules) if (rule.alert === 'RustezeNoPrimary') Object.assign(rule, { for: '2s' })
  return file
}

/** The relabelings of the PodMonitor as Prometheus Operator gives them to Prometheus. */
function relabelings(): object[] {
  const [monitor] = loadAll(readFileSync('deploy/monitoring/pod-monitor.yaml', 'utf8')) as {
    spec: { podMetricsEndpoints: { relabelings: Record<string, unknown>[] }[] }
  }[]
  const inUnderscores = (key: string) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return monitor!.spec.podMetricsEndpoints[0]!.relabelings.map((each) =>
    Object.fromEntries(Object.entries(each).map(([key, value]) => [inUnderscores(key), value])),
  )
}

/** A pod as the discovery of Prometheus tells of it. */
function pod(name: string, controller: readonly [kind: string, name: string] | undefined) {
  return {
    __meta_kubernetes_pod_name: name,
    ...(controller && {
      __meta_kubernetes_pod_controller_kind: controller[0],
      __meta_kubernetes_pod_controller_name: controller[1],
    }),
    ...{ namespace: 'shop', pod: name },
  }
}

const others = {
  'orders-0': pod('orders-0', ['StatefulSet', 'orders']),
  'node-agent-x7k2p': pod('node-agent-x7k2p', ['DaemonSet', 'node-agent']),
  'nightly-29387520-c9wzt': pod('nightly-29387520-c9wzt', ['Job', 'nightly-29387520']),
  'import-jq4zs': pod('import-jq4zs', ['Job', 'import']),
  alone: pod('alone', undefined),
}

function withoutVariables(expr: string): string {
  const values = { __rate_interval: '1m', __range: '1h', namespace: 'shop', workload: 'web', pod: 'web-.*' }
  return expr.replaceAll(/\$(\w+)/g, (_, name: keyof typeof values) => values[name])
}

describe.skipIf(!hasPrometheus)('a real Prometheus (skipped without prometheus)', () => {
  const cluster = new Cluster()
  const prometheus = new Prometheus()
  let client: RawClient

  beforeAll(async () => {
    await cluster.begin(availableServers()[0]!, 3, {
      ...{ RUSTEZE_ADMIN: '127.0.0.1:0', RUSTEZE_HOLD: '60s', RUSTEZE_READ_FROM: 'prefer-replica' },
    })
    client = await cluster.client()
    const web = { ...pod('web-5d9f7c6b4-x2x7v', ['ReplicaSet', 'web-5d9f7c6b4']), container: 'rusteze' }
    await prometheus.start(
      {
        global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
        scrape_configs: [
          {
            job_name: 'pods',
            relabel_configs: relabelings(),
            static_configs: [
              { targets: [`127.0.0.1:${cluster.proxy.adminPort}`], labels: web },
              ...Object.values(others).map((labels) => ({ targets: ['127.0.0.1:1'], labels })),
            ],
          },
        ],
      },
      hastyRules(),
    )
  }, 60_000)
  afterAll(async () => {
    await prometheus.stop()
    await cluster.end()
  })

  function until<Answer>(what: string, condition: () => Promise<Answer>): Promise<NonNullable<Answer>> {
    return waitUntil(condition, { what, timeoutMs: 30_000, intervalMs: 100 })
  }

  async function active(name: string) {
    return (await prometheus.alerts()).find(({ labels }) => labels.alertname === name)
  }

  test('gives each pod the name of its workload', async () => {
    const targets = await until('it knows all targets', async () => {
      const targets = await prometheus.targets()
      return targets.length > Object.keys(others).length ? targets : undefined
    })
    const workloads = Object.fromEntries(targets.map(({ pod = '', workload = '' }) => [pod, workload]))
    expect(workloads).toEqual({
      'web-5d9f7c6b4-x2x7v': 'web',
      'orders-0': 'orders',
      'node-agent-x7k2p': 'node-agent',
      'nightly-29387520-c9wzt': 'nightly',
      'import-jq4zs': 'import',
      alone: 'alone',
    })
  })

  test('raises the alarm while there is no primary, and ends it with the next one', async () => {
    const [primary, next, other] = cluster.servers as [RedisServer, RedisServer, RedisServer]
    expect(await client.ask('SET', 'n', '1')).toBe('+OK\r\n')
    expect(await client.ask('HGET', 'n', 'field')).toMatch(/^-WRONGTYPE/)
    expect(await client.ask('MULTI')).toBe('+OK\r\n')
    expect(await client.ask('EXEC')).toBe('*0\r\n')
    expect(await client.ask('SHUTDOWN')).toMatch(/^-/)
    await until('it has collected', async () => {
      const counted = await prometheus.query('rusteze_commands_total{command="shutdown",outcome="refused"}')
      return counted.length > 0
    })
    expect(await active('RustezeNoPrimary')).toBeUndefined()

    const asleep = await cluster.direct(primary)
    asleep.send(['DEBUG', 'SLEEP', '30'])
    await delay(100)
    client.send(['INCR', 'n'])
    await delay(100)
    await primary.kill()
    expect((await client.readReply()).toString()).toMatch(/^-UNCERTAIN/)
    const waiting = client.ask('SET', 'n', '3')
    await until('it is pending', async () => (await active('RustezeNoPrimary'))?.state === 'pending')
    await until('it fires', async () => (await active('RustezeNoPrimary'))?.state === 'firing')
    expect(await active('RustezeNoPrimary')).toMatchObject({
      labels: { severity: 'critical', namespace: 'shop', workload: 'web' },
      annotations: {
        summary: 'shop/web has no Redis: no primary is confirmed',
        description: expect.stringMatching(/^100% of its sidecars have had no confirmed primary/),
      },
    })
    expect(await prometheus.query('sum(rusteze_held_commands)')).toMatchObject([{ value: [expect.any(Number), '1'] }])

    await cluster.promote(next, other)
    expect(await waiting).toBe('+OK\r\n')
    await until('it is over', async () => (await active('RustezeNoPrimary')) === undefined)
    expect(await active('RustezeUncertainCommands')).toMatchObject({ state: 'firing' })
    // What is told only once there is a replica again.
    await until('the replica is fresh', async () => (await prometheus.query('rusteze_fresh_replicas > 0')).length > 0)
  }, 90_000)

  test('evaluates every alert', async () => {
    const rules = await prometheus.rules()
    expect(rules.map(({ name }) => name)).toEqual(alerts.map(({ alert }) => alert))
    for (const rule of rules) expect(rule).toMatchObject({ health: 'ok' })
  })

  test('has an answer to every query of the dashboard', async () => {
    const unanswered: string[] = []
    for (const [name, expr] of queries) {
      if ((await prometheus.query(withoutVariables(expr))).length === 0) unanswered.push(name)
    }
    expect(unanswered.filter((name) => empty[name] === undefined)).toEqual([])
    for (const { expr } of dashboard.annotations.list) await prometheus.query(withoutVariables(expr))
  })

  test('has values for every variable of the dashboard', async () => {
    const chosen: Record<string, readonly string[]> = {}
    for (const { name, query } of dashboard.templating.list) {
      const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(query) ?? []
      if (series && label) chosen[name] = await prometheus.labelValues(label, withoutVariables(series))
    }
    expect(chosen).toEqual({ namespace: ['shop'], workload: ['web'], pod: ['web-5d9f7c6b4-x2x7v'] })
  })

  test('knows every value of a label that an expression names', async () => {
    const unknown: string[] = []
    for (const { metric, labels } of [...alerts.map(({ expr }) => expr), ...queries.map(([, expr]) => expr)].flatMap(
      selectorsOf,
    )) {
      const { labels: own = [] } = definitions.find(({ name }) => name === metric) ?? {}
      for (const [label, values] of Object.entries(labels)) {
        if (!own.includes(label)) continue
        const known = label === 'outcome' ? OUTCOMES : await prometheus.labelValues(label, metric)
        unknown.push(...values.filter((value) => !known.includes(value as never)).map((value) => `${metric}: ${value}`))
      }
    }
    expect(unknown).toEqual([])
  })
})
