// What a proxy is told of the simulated world in which it starts.
import type { App, Discover } from '../../src/app.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import type { Random } from './random.ts'

/** The proxy under test, as far as a simulation must know it. */
export interface SimulatedProxy {
  drain(): Promise<void>
  /** PROXY PAUSE and RESUME; undefined where there is none. */
  readonly pause?: Pick<App['pause'], 'begin' | 'end'>
}

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** What a proxy is told of its world. */
export interface ProxyPlace {
  readonly runtime: Runtime
  readonly listen: HostAndPort
  /** Where servers are when the proxy starts. */
  readonly backends: readonly HostAndPort[]
  /** Tells at once and after each change where servers are; undefined where that stands fast. */
  readonly discover: Discover | undefined
  /** Likewise: where the label of the primary is. */
  readonly discoverPrimary: Discover | undefined
  readonly settings: ProxySettings
  trace(line: () => string): void
  /** To be called when the proxy takes a server for the primary: from then on nothing new may go to any other. */
  accepted(address: string): void
}

export interface ProxySettings {
  readonly sharedConnections: number
  readonly holdMs: number
  readonly connectTimeoutMs: number
  readonly replyTimeoutMs: number
  readonly probeMs: number
  readonly backendPingMs: number
  readonly emptyPrimaryWaitMs: number
  readonly outputSoftBytes: number
  readonly outputHardBytes: number
  readonly maxInFlight: number
  readonly memoryBytes: number
  readonly readFrom: 'primary' | 'prefer-replica' | 'replica'
  readonly replicaMaxLagMs: number
}

export type StartProxy = (place: ProxyPlace) => Promise<SimulatedProxy>

/** Chooses small and large values, so that bounds and timeouts are met. @param canReadReplicas a replica may be known to be fresh. */
export function chooseSettings(random: Random, canReadReplicas: boolean): ProxySettings {
  const settings = anySettings(random)
  if (settings.readFrom !== 'replica') return settings
  // Reads that want a replica wait until it has caught up and says so; where none can, they would wait in vain.
  return canReadReplicas ? { ...settings, holdMs: 5000 } : { ...settings, readFrom: 'prefer-replica' }
}

function anySettings(random: Random): ProxySettings {
  return {
    sharedConnections: random.pick([0, 1, 2, 4]),
    holdMs: random.pick([500, 2000, 5000]),
    connectTimeoutMs: random.pick([200, 1000]),
    replyTimeoutMs: random.pick([200, 2000]),
    probeMs: random.pick([200, 1000]),
    backendPingMs: random.pick([500, 15_000]),
    emptyPrimaryWaitMs: random.pick([300, 2000]),
    outputSoftBytes: random.pick([65_536, 1024 * 1024]),
    outputHardBytes: random.pick([1024 * 1024, 8 * 1024 * 1024]),
    maxInFlight: random.pick([16, 4096]),
    memoryBytes: 1024 * 1024 * 1024,
    readFrom: random.pick(['primary', 'primary', 'prefer-replica', 'replica']),
    replicaMaxLagMs: random.pick([5000, 10_000]),
  }
}
