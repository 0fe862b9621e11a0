// What happens to the list of servers that discovery tells: it is late, incomplete, empty, or servers move.
import type { FaultKind, FaultWorld } from './fault-kind.ts'

function discovery(begin: (world: FaultWorld) => () => void): FaultKind {
  return { weight: 5, excusesErrors: true, longestMs: 2000, aftermathMs: 5000, needsDiscovery: true, begin }
}

export const DISCOVERY_FAULTS = {
  /** The primary, mostly: it still says that it is a master, and would take writes. */
  unlist: discovery(({ cluster, random }) => {
    const server = random.chance(0.7) ? cluster.primary : random.pick(cluster.servers)
    cluster.unlist(server)
    return () => cluster.list(server)
  }),
  /** The primary is removed and lives on; a replica is promoted in its place, sooner or later. */
  replaceUnlisted: {
    ...discovery(({ cluster, clock, random }) => {
      const former = cluster.primary
      cluster.unlist(former)
      const timer = clock.after(random.between(0, 1500), () => cluster.failOver(random.pick(cluster.others)))
      return () => {
        timer.cancel()
        cluster.followPrimary()
        cluster.list(former)
      }
    }),
    leastServers: 2,
  },
  /** The label is on the wrong server, on several or on none: of no account but where nothing else tells masters apart. */
  mislabel: discovery(({ cluster, random }) => {
    cluster.label(...cluster.servers.filter(() => random.chance(0.5)))
    return () => cluster.label(cluster.primary)
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
