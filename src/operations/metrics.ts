// Every metric, declared once. They are read from the status when somebody asks: on the way of a command nothing knows of them.
import type { ServerStatus, ShardStatus } from '../backend/shard-status.ts'
import type { DiscoveryStatus } from '../discovery/discovery-status.ts'
import type { Definition, Numbers } from './exposition.ts'
import { processDefinitions } from './process-metrics.ts'
import type { Status } from './status.ts'

const STATES: readonly ShardStatus['state'][] = ['serving', 'suspect', 'holding']
const ROLES: readonly ServerStatus['role'][] = [
  'master',
  'replica',
  'unavailable',
  'unauthenticated',
  'refused',
  'lost',
  'unknown',
]
const SOURCES: readonly DiscoveryStatus['source'][] = ['endpointslices', 'dns', 'static', 'none yet']

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}

/** The same of each key of the records, over all of them. */
function sums(records: readonly object[]): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const record of records) {
    for (const [key, value] of Object.entries(record)) totals[key] = (totals[key] ?? 0) + value
  }
  return totals
}

/** How many there are of each key. */
function counts(keys: readonly string[], found: readonly string[]): Record<string, number> {
  return Object.fromEntries(keys.map((key) => [key, found.filter((each) => each === key).length]))
}

/** The same of each value. */
function eachOf<Value>(
  record: Readonly<Record<string, Value>>,
  of: (value: Value) => Numbers,
): Record<string, Numbers> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]))
}

/** By the address of each server of which there is something to tell. */
function ofServers(shards: Status['shards'], of: (server: ServerStatus) => number | undefined): Record<string, number> {
  const told = shards.flatMap(({ servers }) => servers.map((server) => [server.address, of(server)] as const))
  return Object.fromEntries(told.filter((each): each is [string, number] => each[1] !== undefined))
}

/** Most commands have one or two. */
function usedOutcomes({ totalMs, backendMs, ...outcomes }: Status['commands'][string]): Record<string, number> {
  return Object.fromEntries(Object.entries(outcomes).filter(([, count]) => count > 0))
}

/** The list. Names begin with rusteze_, but for those that other programs have as well. */
export const definitions: readonly Definition<Status>[] = [
  ...processDefinitions,
  {
    kind: 'gauge',
    name: 'rusteze_ready',
    help: '1 while /readyz is well: started, not draining, and room for clients.',
    read: ({ health }) => Number(health.isReady),
  },
  {
    kind: 'gauge',
    name: 'rusteze_clients',
    help: 'Clients that are connected.',
    read: ({ clients }) => clients.connected,
  },
  {
    kind: 'gauge',
    name: 'rusteze_clients_limit',
    help: 'Most clients at a time (RUSTEZE_CLIENTS).',
    read: ({ clients }) => clients.limit,
  },
  {
    kind: 'counter',
    name: 'rusteze_clients_accepted_total',
    help: 'Clients that have connected, those turned away included.',
    read: ({ clients }) => clients.accepted,
  },
  {
    kind: 'counter',
    name: 'rusteze_clients_turned_away_total',
    help: 'Clients for whom there was no room (RUSTEZE_CLIENTS).',
    read: ({ clients }) => clients.turnedAway,
  },
  {
    kind: 'counter',
    name: 'rusteze_client_received_bytes_total',
    help: 'Bytes from clients.',
    read: ({ clients }) => clients.receivedBytes,
  },
  {
    kind: 'counter',
    name: 'rusteze_client_sent_bytes_total',
    help: 'Bytes to clients.',
    read: ({ clients }) => clients.sentBytes,
  },
  {
    kind: 'gauge',
    name: 'rusteze_unread_reply_bytes',
    help: 'Replies that clients have not read yet.',
    read: ({ clients }) => clients.unreadBytes,
  },
  {
    kind: 'gauge',
    name: 'rusteze_pinned_clients',
    help: 'Clients that have a connection of their own, by the reason.',
    labels: ['reason'],
    read: ({ pins }) => pins.now,
  },
  {
    kind: 'counter',
    name: 'rusteze_pins_taken_total',
    help: 'Connections that were lent to one client, by what they were taken for.',
    labels: ['reason'],
    read: ({ pins }) => pins.lent,
  },
  {
    kind: 'counter',
    name: 'rusteze_pinned_seconds_total',
    help: 'Time for which they were lent, those that are lent now included, by what they were taken for.',
    labels: ['reason'],
    read: ({ pins }) => eachOf(pins.heldMs, (ms) => ms / 1000),
  },
  {
    kind: 'gauge',
    name: 'rusteze_pin_waiters',
    help: 'Clients that wait for a connection of their own.',
    read: ({ pins }) => pins.waiters,
  },
  {
    kind: 'counter',
    name: 'rusteze_pins_refused_total',
    help: 'Clients that waited in vain for a connection of their own (RUSTEZE_PINS, RUSTEZE_PIN_WAIT).',
    read: ({ pins }) => pins.refused,
  },
  {
    kind: 'counter',
    name: 'rusteze_evicted_clients_total',
    help: 'Clients that were closed: for RUSTEZE_MEMORY, RUSTEZE_OUTPUT_HARD or RUSTEZE_CLIENT_IDLE.',
    labels: ['reason'],
    read: ({ clients }) => clients.evicted,
  },
  {
    kind: 'counter',
    name: 'rusteze_evicted_pools_total',
    help: 'Pools of connections to the primary that were closed to make room for others (RUSTEZE_POOLS).',
    read: ({ shards }) => sum(shards, ({ evictedPools }) => evictedPools),
  },
  {
    kind: 'gauge',
    name: 'rusteze_backend_connections',
    help: 'Connections to servers: shared by clients, pinned to one, idle until one needs it, or for control.',
    labels: ['kind'],
    read: ({ shards }) => sums(shards.map(({ connections }) => connections)),
  },
  {
    kind: 'gauge',
    name: 'rusteze_shards',
    help: 'Shards by state: serving = the primary is verified, suspect = it is asked again, holding = there is none.',
    labels: ['state'],
    read: ({ shards }) =>
      counts(
        STATES,
        shards.map(({ state }) => state),
      ),
  },
  {
    kind: 'gauge',
    name: 'rusteze_generation',
    help: 'Primaries accepted so far, restarts of the same one included.',
    read: ({ shards }) => sum(shards, ({ generation }) => generation),
  },
  {
    kind: 'counter',
    name: 'rusteze_switches_total',
    help: 'Primaries accepted, by the reason.',
    labels: ['reason'],
    read: ({ shards }) => sums(shards.map(({ switches }) => switches)),
  },
  {
    kind: 'counter',
    name: 'rusteze_interruptions_total',
    help: 'Times without a verified primary, the one at the start included.',
    read: ({ shards }) => sum(shards, ({ interruptions }) => interruptions.count),
  },
  {
    kind: 'counter',
    name: 'rusteze_without_primary_seconds_total',
    help: 'Time without a verified primary.',
    read: ({ shards }) => sum(shards, ({ interruptions }) => interruptions.totalMs) / 1000,
  },
  {
    kind: 'gauge',
    name: 'rusteze_last_interruption_seconds',
    help: 'How long the last time without a verified primary took that is over.',
    read: ({ shards }) => Math.max(...shards.map(({ interruptions }) => interruptions.lastMs / 1000)),
  },
  {
    kind: 'gauge',
    name: 'rusteze_primary',
    help: '1 for the server that was accepted last as the primary.',
    labels: ['server'],
    read: ({ shards }) => Object.fromEntries(shards.flatMap(({ primary }) => (primary ? [[primary.address, 1]] : []))),
  },
  {
    kind: 'gauge',
    name: 'rusteze_masters',
    help: 'Servers that say they are masters; more than one for each shard may lose writes.',
    read: ({ shards }) => sum(shards, ({ masters }) => masters),
  },
  {
    kind: 'gauge',
    name: 'rusteze_primary_data_missing',
    help: '1 while the primary is one that was taken empty, though other servers held data.',
    read: ({ shards }) => Number(shards.some(({ primary }) => primary?.isDataMissing)),
  },
  {
    kind: 'gauge',
    name: 'rusteze_fresh_replicas',
    help: 'Replicas that may be read from; missing where reads go to the primary (RUSTEZE_READ_FROM).',
    read: ({ shards }) =>
      shards[0]?.freshReplicas === undefined ? undefined : sum(shards, (each) => each.freshReplicas!),
  },
  {
    kind: 'gauge',
    name: 'rusteze_replica_lag_bytes',
    help: 'Writes that a replica of the primary lacks.',
    labels: ['server'],
    read: ({ shards }) => ofServers(shards, ({ lagBytes }) => lagBytes),
  },
  {
    kind: 'gauge',
    name: 'rusteze_replica_lag_seconds',
    help: 'Age of the newest write that a replica is not known to have, where replicas are read from (RUSTEZE_READ_FROM).',
    labels: ['server'],
    read: ({ shards }) => ofServers(shards, ({ reads }) => reads?.lagMs && reads.lagMs / 1000),
  },
  {
    kind: 'gauge',
    name: 'rusteze_servers',
    help: 'Servers by what they said last of themselves; more than one master for longer than a moment is trouble.',
    labels: ['role'],
    read: ({ shards }) =>
      counts(
        ROLES,
        shards.flatMap(({ servers }) => servers.map(({ role }) => role)),
      ),
  },
  {
    kind: 'counter',
    name: 'rusteze_commands_total',
    help: 'Commands by what their clients were answered: ok and error = by a server, local and refused = by the proxy, uncertain = it may have run. Names that no server knows are one.',
    labels: ['command', 'outcome'],
    read: ({ commands }) => eachOf(commands, usedOutcomes),
  },
  {
    kind: 'counter',
    name: 'rusteze_command_seconds_total',
    help: 'Time from the arrival of commands to their replies, of those that a server answered; not of those that wait for other clients.',
    labels: ['command'],
    read: ({ commands }) => eachOf(commands, ({ totalMs }) => totalMs / 1000),
  },
  {
    kind: 'counter',
    name: 'rusteze_command_backend_seconds_total',
    help: 'The part of rusteze_command_seconds_total for which they were with the server; the rest is the proxy, holds included.',
    labels: ['command'],
    read: ({ commands }) => eachOf(commands, ({ backendMs }) => backendMs / 1000),
  },
  {
    kind: 'histogram',
    name: 'rusteze_latency_seconds',
    help: 'Time from the arrival of a command to its reply, over all commands that a server answered and that do not wait for other clients.',
    read: ({ latency }) => latency.total,
  },
  {
    kind: 'histogram',
    name: 'rusteze_backend_latency_seconds',
    help: 'The part of it for which the command was with the server, the network to it included.',
    read: ({ latency }) => latency.backend,
  },
  {
    kind: 'counter',
    name: 'rusteze_slow_commands_total',
    help: 'Commands that took RUSTEZE_SLOW or longer.',
    read: ({ slowLog }) => slowLog.count,
  },
  {
    kind: 'gauge',
    name: 'rusteze_held_commands',
    help: 'Commands that wait and no server was given yet.',
    read: ({ hold }) => hold.commands,
  },
  {
    kind: 'gauge',
    name: 'rusteze_held_bytes',
    help: 'Bytes of the commands that wait.',
    read: ({ hold }) => hold.bytes,
  },
  {
    kind: 'gauge',
    name: 'rusteze_hold_ratio',
    help: 'How full the hold is: at 1 commands are refused (RUSTEZE_HOLD_COMMANDS, RUSTEZE_HOLD_BYTES).',
    read: ({ hold }) => hold.ratio,
  },
  {
    kind: 'gauge',
    name: 'rusteze_oldest_held_command_age_seconds',
    help: 'How long the oldest command that waits has waited; 0 without one.',
    read: ({ hold }) => hold.oldestMs / 1000,
  },
  {
    kind: 'gauge',
    name: 'rusteze_paused',
    help: '1 while PROXY PAUSE or POST /pause holds commands.',
    read: ({ pause }) => Number(pause !== null),
  },
  {
    kind: 'counter',
    name: 'rusteze_uncertain_commands_total',
    help: 'Commands whose clients were told -UNCERTAIN: they may have been executed. By command: rusteze_commands_total.',
    read: ({ uncertain }) => sum(Object.values(uncertain), (count) => count),
  },
  {
    kind: 'counter',
    name: 'rusteze_retries_total',
    help: 'Requests that were given to a server once more, by the reason.',
    labels: ['reason'],
    read: ({ retries }) => retries,
  },
  {
    kind: 'gauge',
    name: 'rusteze_discovery_up',
    help: '1 for the source of the addresses of servers, if it can be asked now.',
    labels: ['source'],
    read: ({ discovery }) => counts(SOURCES, discovery.isUp ? [discovery.source] : []),
  },
  {
    kind: 'gauge',
    name: 'rusteze_discovery_endpoints',
    help: 'Addresses of servers, by what Kubernetes says of their pods.',
    labels: ['state'],
    read: ({ discovery }) => discovery.endpoints,
  },
  {
    kind: 'gauge',
    name: 'rusteze_discovery_age_seconds',
    help: 'Time since the source last proved what is known; missing before the first time.',
    read: ({ discovery }) => (discovery.snapshotAgeMs === undefined ? undefined : discovery.snapshotAgeMs / 1000),
  },
  {
    kind: 'counter',
    name: 'rusteze_discovery_lists_total',
    help: 'Lists asked of the API server, by what came of them.',
    labels: ['result'],
    read: ({ discovery }) => discovery.lists,
  },
  {
    kind: 'counter',
    name: 'rusteze_discovery_watch_restarts_total',
    help: 'Ends of the watch, by the reason: ended = by the API server, as agreed.',
    labels: ['reason'],
    read: ({ discovery }) => discovery.watchRestarts,
  },
]
