// What a fault is: it begins, gives back what ends it, and says whether clients may hear of it.
import type { Cluster } from './cluster.ts'
import type { SimulatedProxy } from './proxy-place.ts'
import type { World } from './world.ts'

/** What a fault may lay hands on. */
export interface FaultWorld extends World {
  readonly cluster: Cluster
  /** undefined where it knows no pauses. */
  readonly pause: SimulatedProxy['pause']
}

export interface FaultKind {
  /** How likely it is, beside the others. */
  readonly weight: number
  /** Whether clients may be told of it; the others are only delays. */
  readonly excusesErrors: boolean
  readonly longestMs: number
  /** How much longer than usual clients may hear of it, in ms. */
  readonly aftermathMs?: number
  /** Only worlds with so many servers have it. */
  readonly leastServers?: number
  /** Only worlds with a discovery have it. */
  readonly needsDiscovery?: boolean
  /** @returns what ends it. */
  begin(world: FaultWorld): () => void
}
