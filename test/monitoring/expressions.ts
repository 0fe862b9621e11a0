// All alerts and all queries of the dashboard, as users get them.
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'

export const ALERTS_FILE = 'charts/rusteze/files/alerts.yaml'
const DASHBOARD_FILE = 'charts/rusteze/files/dashboard.json'

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

/** The parts of a panel that are looked at. */
export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
    readonly datasource: { readonly uid: string }
  }[]
}

export interface Dashboard {
  readonly uid: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] }
  readonly annotations: { readonly list: readonly { readonly expr: string }[] }
}

export const alerts = (load(readFileSync(ALERTS_FILE, 'utf8')) as { groups: { rules: Alert[] }[] }).groups.flatMap(
  ({ rules }) => rules,
)

export const dashboard = JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8')) as Dashboard

/** Queries by panel and legend; Grafana's variables stand in them. */
export const queries: readonly (readonly [string, string])[] = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ legendFormat, expr }) => [`${title}: ${legendFormat}`, expr] as const),
)
