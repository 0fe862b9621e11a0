// How fast the injector lives, in ms: tests live faster.
import type { Terms } from './certificates.ts'

export interface Pace extends Omit<Terms, 'host'> {
  /** Between two looks at certificate, Secret and configuration. */
  readonly pollMs: number
  /** The same while it is not ready. */
  readonly hurryMs: number
  /** How long another holder of the Lease may be silent. */
  readonly leaseMs: number
  /** How long it still answers after SIGTERM: until all API servers know that it is leaving. */
  readonly lingerMs: number
}

const DAY_MS = 24 * 3600 * 1000

export const usualPace: Pace = {
  // Half of it is left when the next one is made: a month and a half for somebody to see that this does not work.
  lifetimeMs: 90 * DAY_MS,
  renewBeforeMs: 45 * DAY_MS,
  settleMs: 60_000,
  pollMs: 10_000,
  hurryMs: 1000,
  leaseMs: 45_000,
  lingerMs: 5000,
}
