// The last ten minutes in plain numbers, sampled whether or not anybody looks: who opens the page in an incident sees what was before.
import type { LatencyStatus } from '../client/latency.ts'
import type { Outcomes } from '../client/outcomes.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'

/** Between two samples, in ms. */
export const SAMPLE_MS = 2000
/** Ten minutes. */
export const MAX_SAMPLES = 300

/** Of the time since the sample before; durations in ms. */
export interface Sample {
  /** In ms since 1970. */
  readonly at: number
  /** How long a time it is of. */
  readonly ms: number
  /** Commands that were answered, by a server or by the proxy. */
  readonly answered: number
  /** Those of them with an error that a server gave. */
  readonly errors: number
  /** With an error of the proxy, -UNCERTAIN among them. */
  readonly refused: number
  /** From the arrival of a command to its reply, of those that a server answered; 0 without any. */
  readonly p50: number
  readonly p99: number
  readonly mean: number
  /** The share of the server. */
  readonly backendP50: number
  readonly backendP99: number
  readonly backendMean: number
  /** Commands that wait, at its end. */
  readonly held: number
  /** Time without a verified primary. */
  readonly withoutPrimaryMs: number
  readonly clients: number
}

/** What is sampled: plain numbers of the parts. A status as a whole would be much to make for that. */
export interface Sampled {
  readonly runtime: Runtime
  readonly outcomes: Pick<Outcomes, 'counts' | 'latency'>
  readonly hold: { readonly commands: number }
  readonly router: { readonly shards: readonly { readonly interruptions: { readonly totalMs: number } }[] }
  readonly clients: { readonly size: number }
}

export class History {
  /** The oldest first. */
  readonly samples: Sample[] = []
  /** Since the start, those that are gone included. */
  count = 0
  readonly #sampled: Sampled
  readonly #timer: Timer
  #former: Totals

  constructor(sampled: Sampled) {
    this.#sampled = sampled
    this.#former = totalsOf(sampled)
    this.#timer = sampled.runtime.every(SAMPLE_MS, () => this.#sample())
  }

  close(): void {
    this.#timer.cancel()
  }

  #sample(): void {
    const { runtime, hold, clients } = this.#sampled
    const former = this.#former
    const totals = totalsOf(this.#sampled)
    this.#former = totals
    const { p50, p99, mean } = timesOf(former.total, totals.total)
    const backend = timesOf(former.backend, totals.backend)
    this.samples.push({
      at: runtime.wallClock(),
      ms: totals.at - former.at,
      answered: totals.answered - former.answered,
      errors: totals.errors - former.errors,
      refused: totals.refused - former.refused,
      ...{ p50, p99, mean, backendP50: backend.p50, backendP99: backend.p99, backendMean: backend.mean },
      held: hold.commands,
      withoutPrimaryMs: totals.withoutPrimaryMs - former.withoutPrimaryMs,
      clients: clients.size,
    })
    this.count++
    if (this.samples.length > MAX_SAMPLES) this.samples.shift()
  }
}

type Totals = ReturnType<typeof totalsOf>

/** Since the start. */
function totalsOf({ runtime, outcomes, router }: Sampled) {
  const { ok, error, local, refused, uncertain } = outcomes.counts.totals
  let withoutPrimaryMs = 0
  for (const { interruptions } of router.shards) withoutPrimaryMs += interruptions.totalMs
  return {
    at: runtime.now(),
    answered: ok + error + local + refused + uncertain,
    errors: error,
    refused: refused + uncertain,
    ...outcomes.latency,
    withoutPrimaryMs,
  }
}

function timesOf(former: LatencyStatus, latency: LatencyStatus) {
  const count = latency.count - former.count
  if (count === 0) return { p50: 0, p99: 0, mean: 0 }
  const below = latency.below.map(([bound, total], index) => [bound, total - former.below[index]![1]] as const)
  return {
    p50: quantile(below, count * 0.5),
    p99: quantile(below, count * 0.99),
    mean: (latency.sumMs - former.sumMs) / count,
  }
}

/**
 * @param below how many took less than so many ms, the bounds doubling.
 * @returns how long the one of that rank took at most, if those between two bounds are spread evenly.
 */
export function quantile(below: readonly (readonly [boundMs: number, count: number])[], rank: number): number {
  let lower: readonly [number, number] = [0, 0]
  for (const upper of below) {
    if (upper[1] >= rank) return lower[0] + ((upper[0] - lower[0]) * (rank - lower[1])) / (upper[1] - lower[1])
    lower = upper
  }
  // It is beyond the last bound.
  return lower[0]
}
