// Pauses for maintenance: clients wait and hear of nothing, whatever is done to the servers meanwhile.
import type { FaultKind, FaultWorld } from './fault-kind.ts'

/** Longer than any fault. */
const PAUSE_MS = 20_000

/** @param settled called when nothing that may write is in flight, unless the pause is over before. */
function pause({ pause: proxy, trace }: FaultWorld, holds: 'writes' | 'all', settled: () => void): () => void {
  let isOver = false
  const refusal = proxy?.begin(String(PAUSE_MS), holds, (inFlight) => {
    trace(() => `--- paused, ${inFlight} in flight`)
    if (inFlight === 0 && !isOver) settled()
  })
  // It drains.
  if (refusal !== undefined) return () => {}
  return () => {
    isOver = true
    proxy?.end('the fault is over')
  }
}

export const PAUSE_FAULTS = {
  /** Writes wait, or all. */
  pause: {
    weight: 4,
    excusesErrors: false,
    longestMs: 5000,
    begin: (world) => pause(world, world.random.pick(['writes', 'all']), () => {}),
  },
  /** A planned failover in between. */
  maintenance: {
    weight: 4,
    excusesErrors: false,
    longestMs: 4000,
    leastServers: 2,
    begin(world) {
      const { cluster, random } = world
      return pause(world, random.pick(['writes', 'all']), () => cluster.switchOver(random.pick(cluster.others)))
    },
  },
} satisfies Record<string, FaultKind>
