// Makes the dashboard for Grafana of its rows, with Grafana's own builders: what they do not know does not compile.
import * as common from '@grafana/grafana-foundation-sdk/common'
import * as grafana from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as NumberBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { clientRows } from './client-rows.ts'
import { failoverRows } from './failover-rows.ts'
import { healthRows } from './health-rows.ts'
import type { PanelContent, Rows } from './panel.ts'
import { trafficRows } from './traffic-rows.ts'

/** In the order of the page. */
export const rows: Rows = { ...healthRows, ...trafficRows, ...failoverRows, ...clientRows }

const COLUMNS = 12
const HEIGHT = 8
const NUMBER_HEIGHT = 4
/** Of the variable that chooses it. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the value in.
const prometheus = { type: 'prometheus', uid: '${datasource}' }
const FAILOVERS =
  'sum by (workload, reason) (increase(rusteze_switches_total{$pods,reason!="first"}[$__rate_interval])) > 0'

/** In Grafana's variables. */
function withPods(expr: string): string {
  return expr.replaceAll('$pods', 'namespace=~"$namespace",workload=~"$workload",pod=~"$pod"')
}

/** Chooses among the values of a label. @param pods those that were chosen before. */
function choice(label: string, pods: string): grafana.QueryVariableBuilder {
  return (
    new grafana.QueryVariableBuilder(label)
      .datasource(prometheus)
      .query(`label_values(${pods}, ${label})`)
      .refresh(grafana.VariableRefresh.OnTimeRangeChanged)
      .sort(grafana.VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      // Fits where there is no such label, too.
      .allValue('.*')
      .current({ text: ['All'], value: ['$__all'] })
  )
}

function fill<Builder extends NumberBuilder | GraphBuilder>(builder: Builder, content: PanelContent, id: number) {
  const { title, description, unit, queries, isNumber = false, width = COLUMNS } = content
  builder.id(id).title(title).description(description).datasource(prometheus).unit(unit)
  builder.span(width).height(isNumber ? NUMBER_HEIGHT : HEIGHT)
  for (const [index, [legend, expr]] of Object.entries(queries).entries()) {
    const query = new DataqueryBuilder().datasource(prometheus).refId(String.fromCharCode(65 + index))
    query.expr(withPods(expr)).legendFormat(legend)
    builder.withTarget(isNumber ? query.instant() : query.range())
  }
  return builder
}

function numberPanel(content: PanelContent, id: number): NumberBuilder {
  const steps: grafana.Threshold[] = [{ value: null, color: 'text' }]
  if (content.redFrom !== undefined) steps.push({ value: content.redFrom, color: 'red' })
  return fill(new NumberBuilder(), content, id)
    .decimals(0)
    .noValue('–')
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(new grafana.ThresholdsConfigBuilder().mode(grafana.ThresholdsMode.Absolute).steps(steps))
}

function graphPanel(content: PanelContent, id: number): GraphBuilder {
  const stacking = content.isStacked ? common.StackingMode.Normal : common.StackingMode.None
  return fill(new GraphBuilder(), content, id)
    .min(0)
    .fillOpacity(content.isStacked ? 30 : 0)
    .showPoints(common.VisibilityMode.Never)
    .stacking(new common.StackingConfigBuilder().mode(stacking))
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
}

/** The dashboard as Grafana reads it. */
export function buildDashboard(): grafana.Dashboard {
  const namespace = 'namespace=~"$namespace"'
  const dashboard = new grafana.DashboardBuilder('Rusteze')
    .uid('rusteze')
    .description('Redis as sidecars see it: is there a primary, what do commands cost, what was held or refused.')
    .tags(['redis', 'rusteze'])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(grafana.DashboardCursorSync.Crosshair)
    .withVariable(new grafana.DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(choice('namespace', 'rusteze_ready'))
    .withVariable(choice('workload', `rusteze_ready{${namespace}}`))
    .withVariable(choice('pod', `rusteze_ready{${namespace},workload=~"$workload"}`))
    .annotation(
      new grafana.AnnotationQueryBuilder()
        .name('Failovers')
        .datasource(prometheus)
        .enable(true)
        .iconColor('orange')
        .expr(withPods(FAILOVERS))
        .titleFormat('{{workload}}: {{reason}}'),
    )
  let id = 0
  for (const [title, panels] of Object.entries(rows)) {
    dashboard.withRow(new grafana.RowBuilder(title).id(++id))
    for (const content of panels)
      dashboard.withPanel(content.isNumber ? numberPanel(content, ++id) : graphPanel(content, ++id))
  }
  return dashboard.build()
}
