// What happens to the list of servers that discovery tells: it is late, incomplete, empty, or servers move.
import type { FaultKind, FaultWorld } from './fault-kind.ts'

function discovery(begin: (world: FaultWorld) => () => void): FaultKind {
  return { weight: 3, excusesErrors: true, longestMs: 2000, aftermathMs: 5000, needsDiscovery: true, begin }
}

export const DISCOVERY_FAULTS = {
  unlist: discovery(({ cluster, random }) => {
    const server = random.pick(cluster.servers)
    cluster.unlist(server)
    return () => cluster.list(server)
  }),
  /** No news is no reason to forget anybody: no client may hear of it. */
  unlistAll: {
    ...discovery(({ cluster }) => {
      cluster.unlist(...cluster.servers)
      return () => cluster.listAll()
    }),
    excusesErrors: false,
  },
  move: discovery(({ cluster, random }) => {
    const server = random.pick(cluster.servers)
    if (random.chance(0.3)) cluster.unlist(server)
    cluster.move(server)
    return () => cluster.list(server, random.pick(['first', 'second']))
  }),
  /** Another pod at the same address, as far as discovery knows. */
  renameUid: discovery(({ cluster, random }) => {
    const server = random.pick(cluster.servers)
    cluster.list(server, 'other')
    return () => cluster.list(server)
  }),
} satisfies Record<string, FaultKind>
