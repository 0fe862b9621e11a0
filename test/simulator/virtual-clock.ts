// Virtual time: a queue of events ordered by time and then by the order of their making, run in turns as Node's event loop does.
import type { Timer } from '../../src/runtime/runtime.ts'

interface Event {
  readonly timeMs: number
  readonly sequence: number
  run: (() => void) | undefined
}

/** Enough rounds of microtasks between two turns for the few promises of a start or an end; longer chains go on after the next turn. */
const MICROTASK_ROUNDS = 8

export class VirtualClock {
  /** Virtual time in ms since the world began. */
  nowMs = 0
  /** Events that ran, to tell how much a run did. */
  eventCount = 0
  readonly #heap: Event[] = []
  readonly #turnLengthMs: () => number
  #sequence = 0
  #endOfTurn: (() => void)[] = []

  /** @param turnLengthMs how long the next turn gathers events before its end, as a busy loop would. */
  constructor(turnLengthMs: () => number = () => 0) {
    this.#turnLengthMs = turnLengthMs
  }

  /** Runs something `delayMs` from now; at 0 it runs in this turn, behind all that is due already. */
  after(delayMs: number, run: () => void): Timer {
    const event: Event = { timeMs: this.nowMs + Math.max(0, delayMs), sequence: this.#sequence++, run }
    this.#push(event)
    return {
      cancel: () => {
        event.run = undefined
      },
    }
  }

  /** What is registered while the end of a turn runs, runs at the end of the next, which follows at once. */
  atEndOfTurn(run: () => void): void {
    if (this.#endOfTurn.length === 0) this.after(0, () => {})
    this.#endOfTurn.push(run)
  }

  /** Runs turns until `isDone`, nothing is left to happen, or the time is `deadlineMs`. @returns whether `isDone`. */
  async run(isDone: () => boolean, deadlineMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    for (;;) {
      for (let round = 0; round < MICROTASK_ROUNDS; round++) await undefined
      if (isDone()) return true
      const first = this.#heap[0]
      if (first === undefined || first.timeMs > deadlineMs) {
        if (Number.isFinite(deadlineMs)) this.nowMs = Math.max(this.nowMs, deadlineMs)
        return false
      }
      this.#turn(Math.max(this.nowMs, first.timeMs) + this.#turnLengthMs())
    }
  }

  #turn(endMs: number): void {
    for (let event = this.#heap[0]; event !== undefined && event.timeMs <= endMs; event = this.#heap[0]) {
      this.#pop()
      // An event due while the last turn's length was still running happens late, never in the past.
      this.nowMs = Math.max(this.nowMs, event.timeMs)
      const run = event.run
      if (run === undefined) continue
      this.eventCount++
      event.run = undefined
      run()
    }
    this.nowMs = Math.max(this.nowMs, endMs)
    const ending = this.#endOfTurn
    this.#endOfTurn = []
    for (const run of ending) run()
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.timeMs < other.timeMs || (one.timeMs === other.timeMs && one.sequence < other.sequence)
}
