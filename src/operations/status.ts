// All facts about the running proxy as one plain object: /status shows them, and every metric is read from them.
import type { Hold } from '../backend/hold.ts'
import { isBlocked } from '../client/client-list.ts'
import type { ConnectionManager } from '../client/connection-manager.ts'
import type { Outcomes } from '../client/outcomes.ts'
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
  readonly outcomes: Outcomes
  /** undefined where the servers are those of RUSTEZE_BACKENDS. */
  readonly service: { readonly status: DiscoveryStatus } | undefined
}

/** Why clients have a connection of their own; whatever else ties one to its connection is `other`. */
export const PIN_REASONS = ['transaction', 'subscription', 'blocking', 'tracking', 'monitor', 'other'] as const
export type PinReason = (typeof PIN_REASONS)[number]

export type Status = ReturnType<typeof statusOf>

/**
 * What can be told at this moment; never a key, a value or a secret. Times are in ms since 1970, durations in ms, counts since
 * the start.
 */
export function statusOf({ config, runtime, health, manager, router, hold, outcomes, service }: Observed) {
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
      connected: manager.clients.size,
      limit: config.maxClients,
      accepted: manager.accepted,
      turnedAway: manager.turnedAway,
      receivedBytes: manager.receivedBytes,
      sentBytes: manager.sentBytes,
      unreadBytes: manager.unreadBytes,
      pinned: pinnedByReason(manager.clients.values()),
    },
    shards: router.shards.map(({ status, connections }) => ({ ...status, connections })),
    hold: {
      commands: hold.commands,
      bytes: hold.bytes,
      oldestMs: oldestSince === undefined ? 0 : runtime.now() - oldestSince,
    },
    retries: { ...outcomes.retries },
    /** By the name of the command. */
    uncertain: Object.fromEntries(outcomes.uncertain),
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

function pinnedByReason(clients: Iterable<Proxy>): Record<PinReason, number> {
  const counts: Record<PinReason, number> = {
    transaction: 0,
    subscription: 0,
    blocking: 0,
    tracking: 0,
    monitor: 0,
    other: 0,
  }
  for (const proxy of clients) if (proxy.lane.pin !== null) counts[pinReasonOf(proxy)]++
  return counts
}

function pinReasonOf(proxy: Proxy): PinReason {
  const { pinReason } = proxy.session
  if (pinReason === '') return isBlocked(proxy) ? 'blocking' : 'other'
  return PIN_REASONS.find((reason) => reason === pinReason) ?? 'other'
}
