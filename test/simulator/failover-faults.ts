// Failovers, as planned and as they should not be: each ends with one primary that all others follow.
import type { FaultKind, FaultWorld } from './fault-kind.ts'
import type { ModelRedis } from './model-redis.ts'

/** What a server that was demoted does not answer is waited for as long as the longest hold. */
const AFTERMATH_MS = 5000
/** Long enough for a proxy to notice. */
const UNNOTICED_MS = 9000

function failover(weight: number, begin: (world: FaultWorld) => () => void, longestMs = 2500): FaultKind {
  return { weight, excusesErrors: true, longestMs, aftermathMs: AFTERMATH_MS, leastServers: 2, begin }
}

/** Runs something within some time, unless the fault is over before. @returns what ends it. */
function within(world: FaultWorld, longestMs: number, run: () => void): () => void {
  const timer = world.clock.after(world.random.between(0, longestMs), run)
  return () => timer.cancel()
}

/** One is promoted; who was the primary still believes so when the fault ends, and for a while is not told otherwise. */
function replaced(world: FaultWorld): void {
  const { cluster, clock, random } = world
  clock.after(random.between(0, random.pick([1, 1500])), () => cluster.followPrimary())
}

function cutOff(server: ModelRedis): void {
  server.replication.isCutOff = true
  server.replication.breakLinks()
}

export const FAILOVER_FAULTS = {
  /** The former primary lives on as a replica; and back again. */
  switchOver: failover(5, ({ cluster, random }) => {
    const former = cluster.primary
    cluster.switchOver(random.pick(cluster.others))
    return () => cluster.switchOver(random.chance(0.7) ? former : cluster.primary)
  }),
  /** The primary dies, a replica is promoted with what it has; the former primary comes back, as a replica or as if nothing had been. */
  failOver: failover(5, (world) => {
    const { cluster, random } = world
    const former = cluster.primary
    const next = random.pick(cluster.others)
    former.kill()
    const cancel = within(world, 800, () => {
      cluster.failOver(next)
      if (former.isUp) return
      for (const other of cluster.others) other.demote(next)
    })
    return () => {
      cancel()
      void former.start()
      replaced(world)
    }
  }),
  /** What the promoted one has not got is lost, acknowledged or not. */
  promoteLagging: failover(4, (world) => {
    const { cluster, random } = world
    const next = random.pick(cluster.others)
    if (random.chance(0.5)) cutOff(next)
    const { lagMs } = next.replication
    next.replication.lagMs = 5000
    return () => {
      next.replication.lagMs = lagMs
      next.replication.isCutOff = false
      cluster.failOver(next)
      if (random.chance(0.5)) cluster.followPrimary()
      else replaced(world)
    }
  }),
  /** The primary stands still or cannot be reached, by the proxy or by the others; it comes back and says that it is master. */
  stalePrimary: failover(5, (world) => {
    const { cluster, random } = world
    const stale = cluster.primary
    const how = random.pick(['stopped', 'cut off', 'partitioned'])
    if (how === 'stopped') stale.stop()
    else cutOff(stale)
    if (how === 'partitioned') cluster.link(stale).isPartitioned = true
    const cancel = within(world, 800, () => {
      cluster.failOver(random.pick(cluster.others))
      for (const other of cluster.others) if (other !== stale) other.demote(cluster.primary)
    })
    return () => {
      cancel()
      stale.replication.isCutOff = false
      cluster.heal(stale)
      if (stale.isStopped) stale.continue()
      replaced(world)
    }
  }),
  /** An operator's mistake: two masters of one line. In the end either may be the one that stays. */
  twoMasters: failover(
    3,
    (world) => {
      const { cluster, random } = world
      const former = cluster.primary
      cluster.failOver(random.pick(cluster.others))
      // Lineage tells whom to take, whatever the label says.
      const cancel = within(world, 3000, () => cluster.label(random.pick(cluster.servers)))
      return () => {
        cancel()
        if (random.chance(0.3)) cluster.failOver(former)
        cluster.followPrimary()
        cluster.label(cluster.primary)
      }
    },
    UNNOTICED_MS,
  ),
  /** A replica comes up as a master with data that has nothing to do with that of the others. */
  foreignMaster: failover(2, ({ cluster, random }) => {
    const foreign = random.pick(cluster.others)
    foreign.kill()
    foreign.loseData()
    foreign.promote()
    if (random.chance(0.5)) {
      foreign.store.put(0, 'of another origin', 'x')
      foreign.replication.append(foreign.store.changes.splice(0))
    }
    void foreign.start()
    return () => cluster.followPrimary()
  }),
  /** The primary comes up without its disk while others still hold its data: they follow it, lose sight of it, or one is promoted. */
  emptyPrimary: failover(3, (world) => {
    const { cluster, random } = world
    const empty = cluster.primary
    const how = random.pick(['follow', 'cut off', 'promoted'])
    if (how !== 'follow') for (const other of cluster.others) other.demote(undefined)
    empty.kill()
    empty.loseData()
    const cancel = within(world, 500, () => void empty.start())
    const cancelPromotion = within(world, 2000, () => {
      if (how === 'promoted') cluster.failOver(random.pick(cluster.others))
    })
    return () => {
      cancel()
      cancelPromotion()
      void empty.start()
      cluster.followPrimary()
    }
  }),
} satisfies Record<string, FaultKind>
