// What goes wrong with one server or on the way to it: mostly the primary, now and then another one.
import type { FaultKind, FaultWorld } from './fault-kind.ts'
import type { ModelRedis } from './model-redis.ts'

/** How often a fault strikes another server than the primary. */
const OTHER_SERVER = 0.2

function victim({ cluster, random }: FaultWorld): ModelRedis {
  const { others, primary } = cluster
  return others.length > 0 && random.chance(OTHER_SERVER) ? random.pick(others) : primary
}

function fault(
  weight: number,
  longestMs: number,
  begin: (server: ModelRedis, world: FaultWorld) => () => void,
  more: Partial<FaultKind> = {},
): FaultKind {
  return { weight, excusesErrors: true, longestMs, begin: (world) => begin(victim(world), world), ...more }
}

/** A delay only: no client hears of it. */
const UNHEARD = { excusesErrors: false }

function restart(weight: number, losesData: boolean, isLoading: boolean): FaultKind {
  // The data may still be loading, and an empty server is waited with.
  const aftermathMs = losesData ? 5000 : isLoading ? 1500 : 0
  return fault(
    weight,
    2500,
    (server, { clock, random }) => {
      server.kill()
      if (losesData) server.loseData()
      return () => {
        if (isLoading) {
          server.refusal = 'LOADING'
          clock.after(random.between(50, 1500), () => {
            server.refusal = undefined
          })
        }
        void server.start()
      }
    },
    { aftermathMs },
  )
}

function closeSomeOf(server: ModelRedis, { random }: FaultWorld, how: 'reset' | 'end' | 'byte'): () => void {
  for (const connection of [...server.connections]) {
    if (random.chance(0.3)) continue
    if (how === 'byte') connection.bytesUntilCut = random.below(random.pick([1, 20, 400]))
    else server.drop(connection, how === 'reset')
  }
  return () => {
    for (const connection of server.connections) connection.bytesUntilCut = Number.POSITIVE_INFINITY
  }
}

function closeSome(how: 'reset' | 'end' | 'byte'): FaultKind {
  return fault(3, how === 'byte' ? 500 : 0, (server, world) => closeSomeOf(server, world, how))
}

function refuse(refusal: 'LOADING' | 'MASTERDOWN'): FaultKind {
  return fault(2, 2000, (server) => {
    server.refusal = refusal
    return () => {
      server.refusal = undefined
    }
  })
}

export const SERVER_FAULTS = {
  restart: restart(3, false, false),
  restartLoading: restart(3, false, true),
  loseData: restart(1, true, true),
  stop: fault(
    3,
    4000,
    (server) => {
      server.stop()
      return () => server.continue()
    },
    UNHEARD,
  ),
  loading: refuse('LOADING'),
  masterDown: refuse('MASTERDOWN'),
  /** There is no primary for a while. */
  demote: fault(4, 2000, (_, { cluster }) => {
    const server = cluster.primary
    server.demote()
    return () => cluster.followPrimary()
  }),
  lie: fault(3, 1500, (server) => {
    server.isLying = true
    return () => {
      server.isLying = false
    }
  }),
  closeByReset: closeSome('reset'),
  closeInOrder: closeSome('end'),
  closeAtAnyByte: closeSome('byte'),
  delay: fault(
    2,
    1500,
    (server, { random }) => {
      server.replyDelayMs = random.between(1, 300)
      return () => {
        server.replyDelayMs = 0
      }
    },
    UNHEARD,
  ),
  /** Between the proxy and this server only. */
  partition: fault(3, 2500, (server, { cluster }) => {
    cluster.link(server).isPartitioned = true
    return () => cluster.heal(server)
  }),
  refuseConnect: fault(2, 2000, (server, world) => {
    const link = world.cluster.link(server)
    link.connect = world.random.chance(0.5) ? 'refuse' : 'black-hole'
    closeSomeOf(server, world, 'reset')
    return () => {
      link.connect = 'accept'
    }
  }),
  tooManyClients: fault(1, 1500, (server, world) => {
    server.maxConnections = world.random.below(4)
    closeSomeOf(server, world, 'end')
    return () => {
      server.maxConnections = Number.POSITIVE_INFINITY
    }
  }),
  acceptThenClose: fault(2, 1500, (server, world) => {
    server.closesAtOnce = true
    closeSomeOf(server, world, 'end')
    return () => {
      server.closesAtOnce = false
    }
  }),
  garble: fault(2, 500, (server, { random }) => {
    for (const connection of server.connections) connection.isGarbled = random.chance(0.7)
    return () => {
      for (const connection of server.connections) connection.isGarbled = false
    }
  }),
  flushScripts: fault(
    1,
    0,
    (server) => {
      server.store.scripts.clear()
      return () => {}
    },
    UNHEARD,
  ),
} satisfies Record<string, FaultKind>
