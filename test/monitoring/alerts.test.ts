// Prometheus's own tool tries each alert on samples: it fires with the right words when it should, and never when it should not.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { cases } from './alert-cases.ts'
import { ALERTS_FILE, type Alert, alerts } from './expressions.ts'

const hasPromtool = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).error === undefined

test('each alert has a case', () => {
  expect(Object.keys(cases)).toEqual(alerts.map(({ alert }) => alert))
})

function promtool(...args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}` }
}

/** Labels as they are written behind a name. */
function written(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels).map(([label, value]) => `${label}="${value}"`)}}`
}

describe.skipIf(!hasPromtool)('alerts (skipped without promtool)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rusteze-alerts-'))
  afterAll(() => rmSync(directory, { recursive: true }))

  /** Runs one alert alone over series, then looks. */
  function look(rule: Alert, series: Readonly<Record<string, string>>, tries: object) {
    const [rules, path] = [join(directory, 'rules.json'), join(directory, 'test.json')]
    writeFileSync(rules, JSON.stringify({ groups: [{ name: 'one', rules: [rule] }] }))
    const inputs = Object.entries(series).map(([name, values]) => ({ series: name, values }))
    const tests = [{ interval: '30s', input_series: inputs, ...tries }]
    writeFileSync(path, JSON.stringify({ rule_files: [rules], evaluation_interval: '30s', tests }))
    return promtool('test', 'rules', path)
  }

  test('are a valid rule file', () => {
    expect(promtool('check', 'rules', ALERTS_FILE)).toMatchObject({ status: 0 })
  })

  test.each(alerts.map((alert) => [alert.alert, alert] as const))('%s', (name, alert) => {
    const { fires, at, labels, description, quiet } = cases[name]!
    const firing = { alertname: name, alertstate: 'firing' }
    const one = written({ ...firing, severity: alert.labels.severity, ...labels })
    const well = { status: 0, output: expect.any(String) }
    const expected = {
      expr: `ALERTS${written(firing)}`,
      eval_time: at,
      exp_samples: [{ labels: `ALERTS${one}`, value: 1 }],
    }
    expect(look(alert, fires, { promql_expr_test: [expected] })).toEqual(well)

    // Told to expect none, promtool shows what it got, in the words that people read.
    const none = { alertname: name, eval_time: at, exp_alerts: [] }
    const { status, output } = look(alert, fires, { alert_rule_test: [none] })
    expect(status).not.toBe(0)
    expect(/[{ ]description="([^"]*)"/.exec(output)?.[1] ?? output).toMatch(description)

    const never = { expr: `count_over_time(ALERTS${written(firing)}[2h])`, eval_time: '2h', exp_samples: [] }
    expect(look(alert, quiet, { promql_expr_test: [never] })).toEqual(well)
  })
})
