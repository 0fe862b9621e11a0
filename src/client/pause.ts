// A pause for planned maintenance: what may write waits, whatever the servers are, until it is resumed or its time is over.
import { ask } from '../backend/control.ts'
import { Phase, type Request } from '../backend/request.ts'
import type { Shard, ShardWaiter } from '../backend/shard.ts'
import type { Config } from '../config.ts'
import * as errors from '../errors.ts'
import type { Log } from '../operations/log.ts'
import type { Router } from '../route/router.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { Turn } from '../runtime/turn.ts'
import { isCallable, isHeld, mayWrite } from './held-by-pause.ts'
import type { Lane } from './lane.ts'
import type { Proxy } from './proxy.ts'

/** Whoever asked for the pause hears within this time, in ms, how much is still in flight. */
const LONGEST_SETTLING_MS = 3000
/** At its end the primary has so long to say that it still is one, in ms; a busy one is slow, and is used as it was before. */
const LONGEST_CHECK_MS = 1000
/** How often what is in flight is looked at meanwhile, in ms. */
const POLL_MS = 20

/** What waits: what may write, or all that is for a server. */
export type Paused = 'writes' | 'all'

/** The facts; times are in ms since 1970. */
export interface PauseStatus {
  readonly holds: Paused
  readonly since: number
  readonly until: number
  /** What it would hold, and was sent before it began. */
  readonly inFlight: number
}

/** The parts it works with. */
export interface PauseContext {
  readonly config: Config
  readonly runtime: Runtime
  readonly turn: Turn
  readonly log: Log
  readonly router: Router
  readonly clients: ReadonlyMap<number, Proxy>
}

interface Asker {
  readonly until: number
  readonly settled: (inFlight: number) => void
}

/**
 *     open ──begin──▶ paused ──end, time is over──▶ ending: the primary is asked whether it still is one ──answered, too long──▶ open
 *
 * Waiting for its end is no waiting for a primary: RUSTEZE_HOLD begins with that end.
 */
export class Pause {
  /** Undefined while there is none. */
  holds: Paused | undefined
  /** When the last one ended, in the runtime's ms. */
  endedAt = Number.NEGATIVE_INFINITY
  readonly #context: PauseContext
  readonly #waiters = new Set<Lane>()
  /** Lanes of clients that left, with requests in flight. */
  readonly #left = new Set<Lane>()
  #askers: Asker[] = []
  #since = 0
  #until = 0
  /** The end of the pause, or of its end. */
  #deadline: Timer | undefined
  /** Shards whose primary has not yet said that it still is one, with who waits for that. */
  readonly #unchecked = new Map<Shard, ShardWaiter>()
  #poll: Timer | undefined
  #isClosed = false

  constructor(context: PauseContext) {
    this.#context = context
  }

  get status(): PauseStatus | null {
    if (this.holds === undefined) return null
    return { holds: this.holds, since: this.#since, until: this.#until, inFlight: this.#inFlight }
  }

  /**
   * Begins a pause, or changes the one there is.
   * @param milliseconds as it was given; undefined for RUSTEZE_HOLD.
   * @param settled is told once, when nothing that it holds is in flight any more, or how much is when that takes long.
   * @returns the error that tells why there is no pause; undefined when there is one.
   */
  begin(milliseconds: string | undefined, holds: Paused, settled: (inFlight: number) => void): string | undefined {
    const { config, runtime, log, router } = this.#context
    const { holdMs, maxPauseMs } = config
    const ms = Number(milliseconds ?? Math.min(holdMs || maxPauseMs, maxPauseMs))
    if (this.#isClosed) return errors.NO_PAUSE_AT_STOP
    if (!/^\d{1,15}$/.test(milliseconds ?? '0') || ms < 1 || ms > maxPauseMs) return errors.wrongPause(maxPauseMs)
    const now = runtime.wallClock()
    if (this.holds === undefined) this.#since = now
    this.#until = now + ms
    this.holds = holds
    this.#forgetChecks()
    this.#deadline?.cancel()
    this.#deadline = runtime.after(ms, () => this.end('its time is over'))
    for (const shard of router.shards) shard.pause(true)
    log.info({ seconds: ms / 1000, holds }, 'paused')
    // A pause that held everything may hold writes only from here on.
    this.#release()
    this.#askers.push({ until: runtime.now() + Math.min(ms / 2, LONGEST_SETTLING_MS), settled })
    this.#poll ??= runtime.every(POLL_MS, () => this.#settle())
    this.#settle()
    return undefined
  }

  /** Lets go what waits, once the primary has said that it still is one, or another is found. @param reason for the log. */
  end(reason: string): void {
    if (this.holds === undefined || this.#unchecked.size > 0) return
    const { runtime, log, router } = this.#context
    const seconds = Math.round(runtime.wallClock() - this.#since) / 1000
    log.info({ seconds, reason }, 'pause is over')
    this.#answerAskers()
    this.#deadline?.cancel()
    this.#deadline = runtime.after(LONGEST_CHECK_MS, () => this.#open())
    for (const shard of router.shards) this.#check(shard, runtime.now())
  }

  /** What was promoted meanwhile has to be known: else a script that writes would be refused by the former primary. */
  #check(shard: Shard, since: number): void {
    const waiter = {
      shardServes: (askedAt: number) => {
        // An answer that was on its way may be from before the failover.
        if (askedAt < since) shard.wait(waiter)
        else {
          this.#unchecked.delete(shard)
          if (this.#unchecked.size === 0) this.#open()
        }
      },
    }
    this.#unchecked.set(shard, waiter)
    shard.wait(waiter)
  }

  #forgetChecks(): void {
    for (const [shard, waiter] of this.#unchecked) shard.forget(waiter)
    this.#unchecked.clear()
  }

  /** Ends it at once, for the process stops. */
  close(): void {
    this.#isClosed = true
    if (this.holds !== undefined) this.#context.log.info({ reason: 'the process stops' }, 'pause is over')
    this.#answerAskers()
    this.#open()
  }

  #open(): void {
    if (this.holds === undefined) return
    const { runtime, turn, router } = this.#context
    this.holds = undefined
    this.#forgetChecks()
    this.endedAt = runtime.now()
    this.#deadline?.cancel()
    for (const shard of router.shards) shard.pause(false)
    this.#release()
    turn.settle()
  }

  #answerAskers(): void {
    const inFlight = this.#inFlight
    for (const { settled } of this.#askers.splice(0)) settled(inFlight)
    this.#stopPolling()
  }

  /** True while the request would have to wait. */
  isFor(lane: Lane, request: Request): boolean {
    return this.holds !== undefined && isHeld(lane, request, this.holds)
  }

  /** The same of the first request of the lane's queue; the lane goes on by itself. */
  holdsBack(lane: Lane, request: Request): boolean {
    if (!this.isFor(lane, request)) return false
    this.#waiters.add(lane)
    return true
  }

  /** A client left. */
  left(lane: Lane): void {
    this.#waiters.delete(lane)
    for (const former of this.#left) if (former.inFlight === 0) this.#left.delete(former)
    if (lane.inFlight > 0) this.#left.add(lane)
  }

  get #inFlight(): number {
    let count = 0
    for (const { inFlight } of this.#left) count += inFlight
    for (const proxy of this.#context.clients.values()) {
      for (let request = proxy.replies.head; request !== null; request = request.nextReply) {
        if (request.phase === Phase.Sent && mayWrite(request, this.holds)) count++
      }
    }
    return count
  }

  #settle(): void {
    const { runtime, turn } = this.#context
    this.#callBlocked()
    const inFlight = this.#inFlight
    const now = runtime.now()
    const heard = this.#askers.filter(({ until }) => inFlight === 0 || now >= until)
    this.#askers = this.#askers.filter((asker) => !heard.includes(asker))
    for (const { settled } of heard) settled(inFlight)
    if (this.#askers.length === 0) this.#stopPolling()
    turn.settle()
  }

  /** A blocking command would be in flight for as long as nobody serves it: the server gives it back, and it waits here. */
  #callBlocked(): void {
    for (const { lane } of this.#context.clients.values()) {
      const { control } = lane.shard
      const request = lane.pin?.headOf(lane)
      if (!request || lane.inFlight > 1 || control === null || !isCallable(request)) continue
      if (!mayWrite(request, this.holds)) continue
      // It may not have come to the server yet: it is asked for until it is back.
      if (lane.calledBack === request && control.inFlight > 0) continue
      lane.calledBack = request
      ask(control, ['CLIENT', 'UNBLOCK', String(lane.pin!.id), 'ERROR'], () => {})
    }
  }

  #stopPolling(): void {
    this.#poll?.cancel()
    this.#poll = undefined
  }

  #release(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const lane of waiters) lane.advance()
    for (const proxy of this.#context.clients.values()) if (proxy.rawPin !== null) proxy.hasRoom()
  }
}
