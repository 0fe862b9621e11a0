// Chance that can be repeated: the same seed gives the same numbers on every machine.

/** A stream of pseudo-random numbers. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** A whole number in [0, limit). */
  below(limit: number): number
  /** Any number in [least, most). */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** An independent stream, so that one part's use of chance does not shift another's. */
  fork(): Random
}

/** Mulberry32: 32 bits of state, good enough to choose test cases and fast. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    below: (limit) => Math.floor(next() * limit),
    between: (least, most) => least + next() * (most - least),
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)]
      if (item === undefined) throw new RangeError('nothing to pick from')
      return item
    },
    // Neighbouring seeds give unrelated streams only once they have been mixed.
    fork: () => seededRandom(Math.floor(next() * 2 ** 32) ^ 0x9e3779b9),
  }
}
