// What all parts of one simulated world share: time, chance, and whom to tell what happens.
import type { Random } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface World {
  readonly clock: VirtualClock
  readonly random: Random
  /** Something happened that must never happen. */
  violation(text: string): void
  /** Tells what happens, when somebody looks on. */
  trace(line: () => string): void
}
