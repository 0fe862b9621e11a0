// What goes wrong in a world: a schedule of faults made from the seed, each with a beginning and an end.
import type { ModelRedis } from './model-redis.ts'
import type { Random } from './random.ts'
import type { VirtualNetwork, World } from './virtual-network.ts'
import type { Link } from './virtual-pipe.ts'

/** What a fault may lay hands on. */
export interface FaultWorld extends World {
  readonly redis: ModelRedis
  /** undefined in a world with one server. */
  readonly replica: ModelRedis | undefined
  readonly network: VirtualNetwork
  readonly backendLink: Link
}

interface FaultKind {
  /** How likely it is, beside the others. */
  readonly weight: number
  /** Whether clients may be told of it; the others are only delays. */
  readonly excusesErrors: boolean
  readonly longestMs: number
  begin(world: FaultWorld): void
  end(world: FaultWorld): void
}

const nothing = (): void => {}

function restart(losesData: boolean, isLoading: boolean): FaultKind {
  return {
    weight: losesData ? 1 : 3,
    excusesErrors: true,
    longestMs: 2500,
    begin: ({ redis }) => {
      redis.kill()
      if (losesData) redis.loseData()
    },
    end: ({ redis, clock, random }) => {
      redis.role = 'master'
      if (isLoading) {
        redis.refusal = 'LOADING'
        clock.after(random.between(50, 1500), () => {
          redis.refusal = undefined
        })
      }
      void redis.start()
    },
  }
}

function closeSome(how: 'reset' | 'end' | 'byte'): FaultKind {
  return {
    weight: 3,
    excusesErrors: true,
    longestMs: how === 'byte' ? 500 : 0,
    begin: ({ redis, random }) => {
      for (const connection of [...redis.connections]) {
        if (random.chance(0.3)) continue
        if (how === 'byte') connection.bytesUntilCut = random.below(random.pick([1, 20, 400]))
        else redis.drop(connection, how === 'reset')
      }
    },
    end: ({ redis }) => {
      for (const connection of redis.connections) connection.bytesUntilCut = Number.POSITIVE_INFINITY
    },
  }
}

function refuse(refusal: 'LOADING' | 'MASTERDOWN'): FaultKind {
  return {
    weight: 2,
    excusesErrors: true,
    longestMs: 2000,
    begin: ({ redis }) => {
      redis.refusal = refusal
    },
    end: ({ redis }) => {
      redis.refusal = undefined
    },
  }
}

export const FAULT_KINDS = {
  restart: restart(false, false),
  restartLoading: restart(false, true),
  loseData: restart(true, true),
  stop: {
    weight: 3,
    excusesErrors: false,
    longestMs: 4000,
    begin: ({ redis }) => redis.stop(),
    end: ({ redis }) => redis.continue(),
  },
  loading: refuse('LOADING'),
  masterDown: refuse('MASTERDOWN'),
  demote: {
    weight: 4,
    excusesErrors: true,
    longestMs: 2000,
    begin: ({ redis }) => redis.demote(),
    end: ({ redis }) => redis.promote(),
  },
  lie: {
    weight: 3,
    excusesErrors: true,
    longestMs: 1500,
    begin: ({ redis }) => {
      redis.isLying = true
    },
    end: ({ redis }) => {
      redis.isLying = false
    },
  },
  closeByReset: closeSome('reset'),
  closeInOrder: closeSome('end'),
  closeAtAnyByte: closeSome('byte'),
  delay: {
    weight: 2,
    excusesErrors: false,
    longestMs: 1500,
    begin: ({ redis, random }) => {
      redis.replyDelayMs = random.between(1, 300)
    },
    end: ({ redis }) => {
      redis.replyDelayMs = 0
    },
  },
  partition: {
    weight: 3,
    excusesErrors: true,
    longestMs: 2500,
    begin: ({ backendLink }) => {
      backendLink.isPartitioned = true
    },
    end: ({ network, backendLink }) => network.heal(backendLink),
  },
  refuseConnect: {
    weight: 2,
    excusesErrors: true,
    longestMs: 2000,
    begin: (world) => {
      world.backendLink.connect = world.random.chance(0.5) ? 'refuse' : 'black-hole'
      closeSome('reset').begin(world)
    },
    end: ({ backendLink }) => {
      backendLink.connect = 'accept'
    },
  },
  tooManyClients: {
    weight: 1,
    excusesErrors: true,
    longestMs: 1500,
    begin: (world) => {
      world.redis.maxConnections = world.random.below(4)
      closeSome('end').begin(world)
    },
    end: ({ redis }) => {
      redis.maxConnections = Number.POSITIVE_INFINITY
    },
  },
  acceptThenClose: {
    weight: 2,
    excusesErrors: true,
    longestMs: 1500,
    begin: (world) => {
      world.redis.closesAtOnce = true
      closeSome('end').begin(world)
    },
    end: ({ redis }) => {
      redis.closesAtOnce = false
    },
  },
  garble: {
    weight: 2,
    excusesErrors: true,
    longestMs: 500,
    begin: ({ redis, random }) => {
      for (const connection of redis.connections) connection.isGarbled = random.chance(0.7)
    },
    end: ({ redis }) => {
      for (const connection of redis.connections) connection.isGarbled = false
    },
  },
  flushScripts: {
    weight: 1,
    excusesErrors: false,
    longestMs: 0,
    begin: ({ redis }) => redis.store.scripts.clear(),
    end: nothing,
  },
  /** As a planned failover: the former primary lives on as a replica; and back again. */
  switchOver: {
    weight: 5,
    excusesErrors: true,
    longestMs: 2500,
    begin: ({ redis, replica }) => {
      redis.demote()
      replica!.promote()
    },
    end: ({ redis, replica }) => {
      replica!.demote()
      redis.promote()
    },
  },
  /** The primary dies, the replica is promoted; the former primary comes back as a replica, and is promoted again. */
  failOver: {
    weight: 5,
    excusesErrors: true,
    longestMs: 2500,
    begin: ({ redis, replica, clock, random }) => {
      redis.kill()
      redis.role = 'replica'
      clock.after(random.between(0, 800), () => {
        if (redis.role === 'replica') replica!.promote()
      })
    },
    end: ({ redis, replica }) => {
      replica!.demote()
      redis.promote()
      void redis.start()
    },
  },
} satisfies Record<string, FaultKind>

/** Faults of worlds with two servers. */
export const REPLICA_FAULTS: ReadonlySet<string> = new Set(['switchOver', 'failOver'])

export type FaultName = keyof typeof FAULT_KINDS

export interface Fault {
  readonly name: FaultName
  readonly atMs: number
  readonly durationMs: number
  /** Waits for so many commands after its time, to fall into the middle of a pipeline; 0 = not at all. */
  readonly beginsAfterCommands: number
  /** Ends after so many commands if that is sooner; 0 = only by time. */
  readonly endsAfterCommands: number
}

/** A fault that waits for commands does not wait for ever. */
const LONGEST_WAIT_MS = 300

/** Makes the schedule. Faults may overlap only where both know nothing of each other; so they follow one another. */
export function planFaults(random: Random, names: readonly FaultName[], count: number): Fault[] {
  const faults: Fault[] = []
  let atMs = random.between(200, 600)
  for (let left = count; left > 0; left--) {
    const name = pickWeighted(random, names)
    const longestMs: number = FAULT_KINDS[name].longestMs
    // Short ones meet requests at work, long ones outlast timeouts.
    const durationMs = longestMs * (random.chance(0.5) ? random.next() ** 3 : random.next())
    const isInMiddle = random.chance(0.5)
    faults.push({
      name,
      atMs,
      durationMs,
      beginsAfterCommands: isInMiddle ? 1 + random.below(30) : 0,
      endsAfterCommands: longestMs > 0 && random.chance(0.4) ? 1 + random.below(20) : 0,
    })
    atMs += durationMs + LONGEST_WAIT_MS + random.between(10, 1500)
  }
  return faults
}

function pickWeighted(random: Random, names: readonly FaultName[]): FaultName {
  let at = random.next() * names.reduce((sum, name) => sum + FAULT_KINDS[name].weight, 0)
  for (const name of names) {
    at -= FAULT_KINDS[name].weight
    if (at < 0) return name
  }
  return names[0]!
}

/**
 * Lets the faults happen. @param over called when one has ended, with the time it began at and whether it excuses errors; `begun`
 * likewise when it begins.
 */
export function scheduleFaults(
  world: FaultWorld,
  faults: readonly Fault[],
  begun: (fault: Fault) => void,
  over: (fault: Fault) => void,
): void {
  for (const fault of faults) {
    const kind: FaultKind = FAULT_KINDS[fault.name]
    const end = once(() => {
      world.trace(() => `--- ${fault.name} ends`)
      kind.end(world)
      over(fault)
    })
    const begin = once(() => {
      world.trace(() => `--- ${fault.name} begins`)
      begun(fault)
      kind.begin(world)
      if (fault.endsAfterCommands > 0) world.redis.beforeNextCommands(fault.endsAfterCommands, end)
      world.clock.after(fault.durationMs, end)
    })
    world.clock.after(fault.atMs, () => {
      if (fault.beginsAfterCommands === 0) begin()
      else {
        world.redis.beforeNextCommands(fault.beginsAfterCommands, begin)
        world.clock.after(LONGEST_WAIT_MS, begin)
      }
    })
  }
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    run()
  }
}
