// Counts what became of requests, and how long it took. All that is on the way of an ordinary command is `served`.
import type { Request } from '../backend/request.ts'
import { hasBlockOption, Kind } from '../command/classify.ts'
import { type CommandCounts, CountsByName } from '../command/command-counts.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Turn } from '../runtime/turn.ts'
import { Latency, type LatencyStatus } from './latency.ts'
import { SlowLog } from './slow-log.ts'

const MINUS = 45
const UNCERTAIN = Buffer.from('-UNCERTAIN ')

/** Why a request was given to a server once more. */
export const RETRY_REASONS = [
  /** The server had refused it: it was no primary, or loading. */
  'refused',
  /** It stood behind a refused one, and changes nothing or had not run. */
  'behind a refusal',
  /** Its connection died, and it changes nothing. */
  'connection lost',
  /** The server had lost the script, which was sent with it. */
  'script sent along',
  /** It waited in a blocking command when a pause began. */
  'called back by a pause',
] as const
export type RetryReason = (typeof RETRY_REASONS)[number]

/**
 * Each request of a client that stays is counted once, when its final reply is known. What the client sends on a connection that
 * passes bytes as they are (MONITOR) is not seen.
 */
export class Outcomes {
  readonly retries: Record<RetryReason, number> = {
    refused: 0,
    'behind a refusal': 0,
    'connection lost': 0,
    'script sent along': 0,
    'called back by a pause': 0,
  }
  readonly counts = new CountsByName()
  readonly #total = new Latency()
  readonly #backend = new Latency()
  readonly slowLog = new SlowLog()
  readonly #runtime: Runtime
  readonly #turn: Turn
  readonly #slowMs: number

  /** @param slowMs what takes as long is kept in the slow log; 0 = nothing. */
  constructor(runtime: Runtime, turn: Turn, slowMs: number) {
    this.#runtime = runtime
    this.#turn = turn
    this.#slowMs = slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs
  }

  /** From the arrival of requests to their replies, and the part of it that they were with the server. */
  get latency(): { readonly total: LatencyStatus; readonly backend: LatencyStatus } {
    const { totalMs, backendMs } = this.counts.totals
    return { total: this.#total.status(totalMs), backend: this.#backend.status(backendMs) }
  }

  /** Commands of which nobody knows whether they ran, by name. Names that are in no table count as one: clients choose them. */
  get uncertain(): Readonly<Record<string, number>> {
    const uncertain = this.counts.used.filter(([, counts]) => counts.uncertain > 0)
    return Object.fromEntries(uncertain.map(([name, counts]) => [name, counts.uncertain]))
  }

  /** Its client gets the server's reply, in the event under way. */
  served(request: Request, isError: boolean, replyBytes: number): void {
    const counts = countsOf(request)
    if (isError) counts.error++
    else counts.ok++
    if (request.command.kind !== Kind.Ordinary && mayWait(request)) return
    const totalMs = this.#turn.now - request.arrivedAt
    const backendMs = totalMs - request.waitedMs
    counts.totalMs += totalMs
    counts.backendMs += backendMs
    this.#total.add(totalMs)
    this.#backend.add(backendMs)
    if (totalMs >= this.#slowMs) this.slowLog.add(request, replyBytes, totalMs, this.#runtime.wallClock())
  }

  /** Its client gets a reply that was kept back: the server's own, or ours that it is lost. */
  released(request: Request, reply: Buffer): void {
    if (isUncertain(reply)) countsOf(request).uncertain++
    else {
      this.#turn.begin()
      this.served(request, reply[0] === MINUS, reply.length)
    }
  }

  /** Its client gets a reply of the proxy's own. */
  answered(request: Request, reply: Buffer): void {
    const counts = countsOf(request)
    if (reply[0] !== MINUS) counts.local++
    else if (isUncertain(reply)) counts.uncertain++
    else counts.refused++
  }

  /** Its client is closed since its fate is unknown. */
  addUncertain(request: Request): void {
    countsOf(request).uncertain++
  }

  addRetry(reason: RetryReason): void {
    this.retries[reason]++
  }
}

function countsOf(request: Request): CommandCounts {
  return request.command.subcommands === undefined ? request.command.counts : request.subcommand.counts
}

/** How long it takes is for another client to say: it would hide how long the rest takes. */
function mayWait(request: Request): boolean {
  const { kind } = request.command
  return kind === Kind.Blocking || kind === Kind.Wait || (kind === Kind.BlockingRead && hasBlockOption(request.words))
}

function isUncertain(reply: Buffer): boolean {
  return reply.subarray(0, UNCERTAIN.length).equals(UNCERTAIN)
}
