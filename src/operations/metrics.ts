// Every metric, declared once. They are read from the status when somebody asks: on the way of a command nothing knows of them.
import type { ServerStatus, ShardStatus } from '../backend/shard-status.ts'
import type { DiscoveryStatus } from '../discovery/discovery-status.ts'
import type { Definition } from './exposition.ts'
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
    label: 'reason',
    read: ({ clients }) => clients.pinned,
  },
  {
    kind: 'gauge',
    name: 'rusteze_backend_connections',
    help: 'Connections to servers: shared by clients, pinned to one, idle until one needs it, or for control.',
    label: 'kind',
    read: ({ shards }) => sums(shards.map(({ connections }) => connections)),
  },
  {
    kind: 'gauge',
    name: 'rusteze_shards',
    help: 'Shards by state: serving = the primary is verified, suspect = it is asked again, holding = there is none.',
    label: 'state',
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
    label: 'reason',
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
    name: 'rusteze_servers',
    help: 'Servers by what they said last of themselves; more than one master for longer than a moment is trouble.',
    label: 'role',
    read: ({ shards }) =>
      counts(
        ROLES,
        shards.flatMap(({ servers }) => servers.map(({ role }) => role)),
      ),
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
    name: 'rusteze_oldest_held_command_age_seconds',
    help: 'How long the oldest command that waits has waited; 0 without one.',
    read: ({ hold }) => hold.oldestMs / 1000,
  },
  {
    kind: 'counter',
    name: 'rusteze_uncertain_commands_total',
    help: 'Commands whose clients were told -UNCERTAIN: they may have been executed.',
    read: ({ uncertain }) => sum(Object.values(uncertain), (count) => count),
  },
  {
    kind: 'counter',
    name: 'rusteze_retries_total',
    help: 'Requests that were given to a server once more, by the reason.',
    label: 'reason',
    read: ({ retries }) => retries,
  },
  {
    kind: 'gauge',
    name: 'rusteze_discovery_up',
    help: '1 for the source of the addresses of servers, if it can be asked now.',
    label: 'source',
    read: ({ discovery }) => counts(SOURCES, discovery.isUp ? [discovery.source] : []),
  },
  {
    kind: 'gauge',
    name: 'rusteze_discovery_endpoints',
    help: 'Addresses of servers, by what Kubernetes says of their pods.',
    label: 'state',
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
    label: 'result',
    read: ({ discovery }) => discovery.lists,
  },
  {
    kind: 'counter',
    name: 'rusteze_discovery_watch_restarts_total',
    help: 'Ends of the watch, by the reason: ended = by the API server, as agreed.',
    label: 'reason',
    read: ({ discovery }) => discovery.watchRestarts,
  },
]
