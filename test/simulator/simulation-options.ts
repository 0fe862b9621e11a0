// What a simulation is told beside its seed, and what it tells.
import type { FaultName } from './faults.ts'
import type { StartProxy } from './proxy-place.ts'

export interface SimulationOptions {
  readonly startProxy: StartProxy
  readonly faults?: readonly FaultName[]
  readonly workloads?: readonly string[]
  readonly clients?: number
  /** One when it is left out; the others can be promoted. */
  readonly serverCount?: number
  /** Discovery may change its mind; the seed decides when it is left out. */
  readonly hasDiscovery?: boolean
  /** The server never closes idle connections, for proxies that do not keep them alive. */
  readonly isPatient?: boolean
  /** Fewer clients, less traffic and fewer faults; the seed decides when it is left out. */
  readonly isSmall?: boolean
  readonly trace?: (line: string) => void
}

export interface Outcome {
  readonly seed: number
  /** What must never happen and did; empty in a good run. */
  readonly violations: readonly string[]
  /** Two runs of one seed must have the same. */
  readonly digest: string
  readonly faults: readonly string[]
  readonly summary: Readonly<Record<string, number>>
}
