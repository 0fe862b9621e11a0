// What PROXY INFO tells: the facts of the status, in the form of Redis's INFO.
import type { Status } from './status.ts'

type Fact = string | number | boolean | undefined
type Facts = Readonly<Record<string, Fact>>

/** By section, in order. What there is not is left out. */
const SECTIONS: Readonly<Record<string, (status: Status) => Facts>> = {
  Server: ({ version, node, process, health }) => ({
    rusteze_version: version,
    node_version: node,
    uptime_in_seconds: Math.floor((Date.now() - process.since) / 1000),
    used_cpu_seconds: process.cpuMs / 1000,
    resident_memory_bytes: process.residentBytes,
    readiness: health.readiness,
    startup: health.startup,
  }),
  Clients: ({ clients, pins }) => ({
    connected_clients: clients.connected,
    maxclients: clients.limit,
    accepted_clients: clients.accepted,
    turned_away_clients: clients.turnedAway,
    received_bytes: clients.receivedBytes,
    sent_bytes: clients.sentBytes,
    unread_bytes: clients.unreadBytes,
    ...prefixed('evicted', clients.evicted),
    ...prefixed('pinned', pins.now),
    waiting_for_a_pin: pins.waiters,
  }),
  Hold: ({ hold }) => ({
    held_commands: hold.commands,
    held_bytes: hold.bytes,
    oldest_held_ms: Math.round(hold.oldestMs),
  }),
  Pause: ({ pause }) => ({
    paused: pause !== null,
    ...(pause && {
      paused_commands: pause.holds,
      paused_since: Math.floor(pause.since / 1000),
      paused_until: Math.floor(pause.until / 1000),
      paused_in_flight: pause.inFlight,
    }),
  }),
  Primary: ({ shards }) =>
    Object.assign(
      { shards: shards.length },
      ...shards.map(
        ({ state, generation, primary, masters, servers, interruptions, connections, switches }, index) => ({
          ...prefixed(`shard${index}`, {
            state,
            generation,
            primary: primary?.address,
            primary_reason: primary?.reason,
            masters,
            servers: servers.length,
            interruptions: interruptions.count,
            without_primary_ms: Math.round(interruptions.totalMs),
          }),
          ...prefixed(`shard${index}_connections`, connections),
          ...prefixed(`shard${index}_switches`, switches),
        }),
      ),
    ),
  Discovery: ({ discovery }) => ({
    discovery_source: discovery.source,
    discovery_up: discovery.isUp,
    discovery_age_ms: discovery.snapshotAgeMs === undefined ? undefined : Math.round(discovery.snapshotAgeMs),
    ...prefixed('endpoints', discovery.endpoints),
  }),
  Outcomes: ({ retries, uncertain }) => ({
    ...prefixed('retries', retries),
    uncertain: Object.values(uncertain).reduce((sum, count) => sum + count, 0),
    ...prefixed('uncertain', uncertain),
  }),
}

/** @param wanted names of sections in lower case; none, `all`, `default` or `everything` for all of them. */
export function infoText(status: Status, wanted: readonly string[]): string {
  const isAll = wanted.length === 0 || wanted.some((name) => ['all', 'default', 'everything'].includes(name))
  return Object.entries(SECTIONS)
    .filter(([name]) => isAll || wanted.includes(name.toLowerCase()))
    .map(([name, factsOf]) => `# ${name}\r\n${linesOf(factsOf(status))}`)
    .join('\r\n')
}

function linesOf(facts: Facts): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}:${valueText(value!)}\r\n`)
    .join('')
}

function valueText(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  // One character for one byte of the reply.
  return String(value).replace(/[^ -~]/g, '?')
}

/** Words of keys are joined by underscores, as in Redis's INFO. */
function prefixed(prefix: string, facts: object): Facts {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]: [string, Fact]) => {
      const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/[^\w|]+/g, '_')
      return [`${prefix}_${name}`, value]
    }),
  )
}
