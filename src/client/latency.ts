// How long commands took, as a histogram whose bounds double: adding to it is a few instructions.

/** The first bound, 62.5 µs, as a part of a millisecond. */
const FIRST_BOUNDS_PER_MS = 16
/** From 62.5 µs to 2.048 s: what takes longer is no matter of degree. */
const BOUNDS = 16
/** One for each number of bits that a time can have. */
const BUCKETS = 33

export class Latency {
  readonly #buckets = new Float64Array(BUCKETS)

  add(ms: number): void {
    this.#buckets[32 - Math.clz32(ms * FIRST_BOUNDS_PER_MS)]!++
  }

  /** @param sumMs of all that was added: whoever adds it sums it up by command anyway. */
  status(sumMs: number): LatencyStatus {
    const below: [number, number][] = []
    let count = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      count += this.#buckets[bucket]!
      if (bucket < BOUNDS) below.push([2 ** bucket / FIRST_BOUNDS_PER_MS, count])
    }
    return { sumMs, below, count }
  }
}

export interface LatencyStatus {
  readonly count: number
  readonly sumMs: number
  /** How many took less than so many ms, for each bound. */
  readonly below: readonly (readonly [boundMs: number, count: number])[]
}
