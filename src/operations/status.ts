// All facts about the running proxy as one plain object: /status shows them, and every metric is read from them.
import type { Hold } from '../backend/hold.ts'
import type { ConnectionManager } from '../client/connection-manager.ts'
import type { Evictions } from '../client/evictions.ts'
import type { Outcomes } from '../client/outcomes.ts'
import type { Pause } from '../client/pause.ts'
import type { PinBudget } from '../client/pin-budget.ts'
import { noPins, reasonOfSession } from '../client/pin-reason.ts'
import type { Proxy } from '../client/proxy.ts'
import type { Config } from '../config.ts'
import { type DiscoveryStatus, noLists, noWatchRestarts } from '../discovery/discovery-status.ts'
import type { Router } from '../route/router.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { HealthLatches } from './health.ts'
import { processFacts } from './process-facts.ts'

/** The parts that are looked at. */
export interface Observed {
  readonly config: Config
  readonly runtime: Runtime
  readonly health: HealthLatches
  readonly manager: ConnectionManager
  readonly router: Router
  readonly hold: Hold
  readonly pause: Pause
  readonly outcomes: Outcomes
  readonly evictions: Evictions
  readonly pins: PinBudget
  readonly clients: ReadonlyMap<number, Proxy>
  /** undefined where the servers are those of RUSTEZE_BACKENDS. */
  readonly service: { readonly status: DiscoveryStatus } | undefined
}

export type Status = ReturnType<typeof statusOf>

/**
 * What can be told at this moment; never a key, a value or a secret. Times are in ms since 1970, durations in ms, counts since
 * the start.
 */
export function statusOf(observed: Observed) {
  const { config, runtime, health, manager, router, hold, pause, outcomes, evictions, pins, clients, service } =
    observed
  const { startup, readiness } = health
  const { oldestSince } = hold
  return {
    ...processFacts(),
    health: {
      isStarted: startup.isWell,
      startup: startup.reason,
      isReady: readiness.isWell,
      readiness: readiness.reason,
    },
    clients: {
      connected: clients.size,
      limit: config.maxClients,
      accepted: manager.accepted,
      turnedAway: manager.turnedAway,
      receivedBytes: manager.receivedBytes,
      sentBytes: manager.sentBytes,
      unreadBytes: manager.unreadBytes,
      evicted: { ...evictions },
    },
    /** Connections that clients have of their own: now by what needs them, and so far by what they were taken for. */
    pins: pinsOf({ pins, clients }),
    shards: router.shards.map(({ status, connections, evictedPools }) => ({ ...status, connections, evictedPools })),
    hold: {
      commands: hold.commands,
      bytes: hold.bytes,
      /** Of what may wait: at 1 the next command is refused. */
      ratio: Math.max(hold.commands / config.holdCommands, hold.bytes / config.holdBytes),
      oldestMs: oldestSince === undefined ? 0 : runtime.now() - oldestSince,
    },
    /** null while there is none. */
    pause: pause.status,
    retries: { ...outcomes.retries },
    /** By the name of the command. */
    uncertain: outcomes.uncertain,
    /** Those that were used, by name. */
    commands: Object.fromEntries(outcomes.counts.used.map(([name, counts]) => [name, { ...counts }])),
    /** Of commands that a server answered, without those that wait for other clients. */
    latency: outcomes.latency,
    slowLog: { count: outcomes.slowLog.count, entries: outcomes.slowLog.entries },
    discovery: service?.status ?? settingsAsDiscovery(config),
  }
}

function settingsAsDiscovery({ backends }: Config): DiscoveryStatus {
  return {
    source: 'static',
    isUp: true,
    since: performance.timeOrigin,
    snapshotAgeMs: 0,
    lastEventAt: undefined,
    lists: noLists,
    watchRestarts: noWatchRestarts,
    endpoints: { serving: backends.length, terminating: 0, notServing: 0 },
  }
}

function pinsOf({ pins, clients }: Pick<Observed, 'pins' | 'clients'>) {
  const now = noPins()
  const heldMs = { ...pins.heldMs }
  let waiters = 0
  for (const { lane, session } of clients.values()) {
    if (lane.lease.isAwaited) waiters++
    if (lane.pin === null) continue
    const { reason, ms } = lane.lease.taken
    now[reasonOfSession(session) ?? reason]++
    heldMs[reason] += ms
  }
  return { now, lent: { ...pins.lent }, heldMs, waiters, refused: pins.refused }
}
