// Counts what the proxy closed without being asked to, for want of room or time.

/** Why clients were closed. */
export const EVICTION_REASONS = [
  /** RUSTEZE_MEMORY. */
  'memory',
  /** RUSTEZE_OUTPUT_HARD. */
  'output',
  /** RUSTEZE_CLIENT_IDLE. */
  'idle',
] as const

export type Evictions = Record<(typeof EVICTION_REASONS)[number], number>

export function noEvictions(): Evictions {
  return { memory: 0, output: 0, idle: 0 }
}
