// Bounds the connections that are lent to single clients, where the operator wants a bound.
import { noPins } from './pin-reason.ts'

export interface PinTaker {
  /** There is room again: the next `take` may succeed. */
  pinAllowed(): void
}

export class PinBudget {
  /** 0 = as many as there are clients. */
  readonly #max: number
  readonly #takers = new Set<PinTaker>()
  readonly #waiting = new Set<PinTaker>()
  /** Connections lent so far, by what they were taken for, and for how long; those that are lent now count when they are back. */
  readonly lent = noPins()
  readonly heldMs = noPins()
  /** Clients that waited in vain until RUSTEZE_PIN_WAIT was over. */
  refused = 0

  constructor(max: number) {
    this.#max = max
  }

  get taken(): number {
    return this.#takers.size
  }

  /** @returns false when the bound is reached: `pinAllowed` comes later. */
  take(taker: PinTaker): boolean {
    if (this.#max > 0 && this.#takers.size >= this.#max && !this.#takers.has(taker)) {
      this.#waiting.add(taker)
      return false
    }
    this.#takers.add(taker)
    return true
  }

  isWaiting(taker: PinTaker): boolean {
    return this.#waiting.has(taker)
  }

  give(taker: PinTaker): void {
    this.#waiting.delete(taker)
    if (!this.#takers.delete(taker)) return
    const [next] = this.#waiting
    if (next === undefined) return
    this.#waiting.delete(next)
    next.pinAllowed()
  }
}
