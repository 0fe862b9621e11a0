// Turns what was measured into the tables, and into the ratios to reach with a verdict each.
import { median } from './measure.ts'
import type { PeerName } from './peers.ts'
import type { Workload } from './workloads.ts'

/** One workload on one peer in one round; null where there is no such process, as the proxy of `direct`. */
export type Cell = {
  readonly round: number
  readonly peer: PeerName
  readonly workload: string
  readonly requests: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly proxyCpuUs: number | null
  readonly serverCpuUs: number
  readonly proxyPeakMb: number | null
}

/** What Rusteze costs before its first client, and how soon it serves, in one round. */
export type Start = { readonly round: number; readonly idleMb: number | null; readonly firstPingMs: number | null }

export type Results = { readonly cells: readonly Cell[]; readonly starts: readonly Start[] }

export type Verdict = {
  readonly text: string
  readonly target: string
  readonly measured: number | null
  readonly verdict: 'ok' | 'short' | 'info' | 'not measured'
}

type Measure = 'requestsPerSecond' | 'proxyCpuUs' | 'serverCpuUs'
type Bound = { readonly relation: '≥' | '≤'; readonly limit: number }

const CPU_OF_PROXY = 'CPU per operation'

/** What the columns are that do not say it themselves. */
export const LEGEND =
  'Medians of the rounds; spread = (most − least) ÷ median of requests/s; max RSS = the highest of all rounds, of the proxy;\n' +
  'CPU is user and system time of all threads; latency under a pipeline is that of the first reply of each batch.'

/** The table of one workload: medians over the rounds, memory as its maximum; spread is that of requests/s. */
export function workloadTable({ id, title }: Workload, peers: readonly PeerName[], { cells }: Results): string {
  const header = ['', 'requests/s', 'spread', 'p50 ms', 'p99 ms', 'CPU µs/op proxy', 'server', 'max RSS MB']
  const rows = peers.map((peer) => {
    const mine = cells.filter((cell) => cell.peer === peer && cell.workload === id)
    if (mine.length === 0) return [peer, ...header.slice(1).map(() => '–')]
    const rates = mine.map((cell) => cell.requestsPerSecond)
    const middle = median(rates) ?? 0
    const proxyCpu = median(present(mine.map((cell) => cell.proxyCpuUs)))
    return [
      peer,
      Math.round(middle).toLocaleString('en-US').replaceAll(',', ' '),
      rates.length < 2 ? '–' : `${(((Math.max(...rates) - Math.min(...rates)) / middle) * 100).toFixed(0)} %`,
      decimals(median(mine.map((cell) => cell.p50Ms)), 2),
      decimals(median(mine.map((cell) => cell.p99Ms)), 2),
      decimals(proxyCpu, 2),
      decimals(median(mine.map((cell) => cell.serverCpuUs)), 2),
      decimals(highest(mine.map((cell) => cell.proxyPeakMb)), 0),
    ]
  })
  return `${title}\n${align([header, ...rows])}`
}

/** What is to be reached, each against what was measured. Ratios are taken within each round, then their median. */
export function verdicts(results: Results): readonly Verdict[] {
  const { cells, starts } = results
  const ratio = (workload: string, measure: Measure, to: PeerName, of: PeerName = 'rusteze') =>
    median(roundRatios(cells, workload, measure, of, to))
  const peak16k = highest(cells.filter(isRustezeAt16k).map((cell) => cell.proxyPeakMb))
  const idleMb = highest(starts.map((start) => start.idleMb))
  const firstPingMs = median(present(starts.map((start) => start.firstPingMs)))
  return [
    judge('50 clients: requests/s ÷ haproxy', '×', ratio('c50', 'requestsPerSecond', 'haproxy'), atLeast(1.3)),
    judge('50 clients: requests/s ÷ nutcracker', '×', ratio('c50', 'requestsPerSecond', 'nutcracker'), atLeast(0.8)),
    judge('pipeline 16: requests/s ÷ haproxy', '×', ratio('p16', 'requestsPerSecond', 'haproxy'), atLeast(1.1)),
    judge('pipeline 16: requests/s ÷ nutcracker', '×', ratio('p16', 'requestsPerSecond', 'nutcracker'), atLeast(1.8)),
    judge('1000 clients: requests/s ÷ direct', '×', ratio('c1000', 'requestsPerSecond', 'direct'), atLeast(1.1)),
    judge("1000 clients: server's CPU ÷ direct", '×', ratio('c1000', 'serverCpuUs', 'direct'), atMost(0.2)),
    judge(`50 clients: ${CPU_OF_PROXY} ÷ nutcracker`, '×', ratio('c50', 'proxyCpuUs', 'nutcracker'), atMost(1.4)),
    judge('16 KiB: requests/s ÷ haproxy', '×', ratio('16k', 'requestsPerSecond', 'haproxy'), atLeast(1.1)),
    judge('16 KiB: most resident memory', ' MB', peak16k, atMost(96)),
    judge('idle: resident memory before any client', ' MB', idleMb, atMost(56)),
    judge('start to first PING answered', ' ms', firstPingMs, atMost(150)),
    judge('50 clients, unix socket: requests/s ÷ TCP', '×', unixRatio(ratio, 'requestsPerSecond'), null),
    judge(`50 clients, unix socket: ${CPU_OF_PROXY} ÷ TCP`, '×', unixRatio(ratio, 'proxyCpuUs'), null),
  ]
}

/** The verdicts as a table, and in a line below it what this run could not judge. */
export function verdictTable(all: readonly Verdict[]): string {
  const measured = all.filter((each) => each.measured !== null)
  const rows = measured.map((each) => [each.text, each.target, precise(each.measured), each.verdict])
  const table = align([['To reach', 'target', 'measured', ''], ...rows])
  if (measured.length === all.length) return table
  const missing = all.filter((each) => each.measured === null).map((each) => each.text)
  return `${table}\nnot measured in this run: ${missing.join('; ')}`
}

function roundRatios(cells: readonly Cell[], workload: string, measure: Measure, of: PeerName, to: PeerName): number[] {
  const find = (round: number, peer: PeerName) =>
    cells.find((cell) => cell.round === round && cell.peer === peer && cell.workload === workload)?.[measure] ?? null
  const rounds = [...new Set(cells.map((cell) => cell.round))]
  return rounds.flatMap((round) => {
    const upper = find(round, of)
    const lower = find(round, to)
    return upper === null || lower === null || lower === 0 ? [] : [upper / lower]
  })
}

function unixRatio(
  ratio: (workload: string, measure: Measure, to: PeerName, of: PeerName) => number | null,
  measure: Measure,
): number | null {
  return ratio('c50', measure, 'rusteze', 'rusteze-unix')
}

function isRustezeAt16k(cell: Cell): boolean {
  return cell.peer === 'rusteze' && cell.workload === '16k'
}

function atLeast(limit: number): Bound {
  return { relation: '≥', limit }
}

export function atMost(limit: number): Bound {
  return { relation: '≤', limit }
}

/** What was measured beside its bound, where there is one. */
export function judge(text: string, unit: string, measured: number | null, bound: Bound | null): Verdict {
  const target = bound === null ? '' : `${bound.relation} ${bound.limit}${unit}`
  if (measured === null) return { text, target, measured, verdict: 'not measured' }
  if (bound === null) return { text, target, measured, verdict: 'info' }
  const isReached = bound.relation === '≥' ? measured >= bound.limit : measured <= bound.limit
  return { text, target, measured, verdict: isReached ? 'ok' : 'short' }
}

function present(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null)
}

function highest(values: readonly (number | null)[]): number | null {
  const numbers = present(values)
  return numbers.length === 0 ? null : Math.max(...numbers)
}

/** Ratios to a thousandth, so that a value just short of its target does not look as if it had reached it. */
function precise(value: number | null): string {
  return decimals(value, value !== null && value < 10 ? 3 : 1)
}

function decimals(value: number | null, digits: number): string {
  return value === null ? '–' : value.toFixed(digits)
}

/** The first column to the left, the others to the right. */
export function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const pad = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}
