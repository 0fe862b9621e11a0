// The lists of facts: what waits, what went wrong, connections, pins, discovery, the process.
import type { Status } from '../operations/status.ts'
import { byId, type Fact, setFacts } from './dom.ts'
import { ago, bytes, clock, count, duration, plural, share } from './format.ts'

export function showFacts(status: Status, now: number): void {
  setFacts(byId('hold'), holdFacts(status))
  setFacts(byId('outcomes'), outcomeFacts(status))
  setFacts(byId('pools'), poolFacts(status))
  setFacts(byId('pins'), pinFacts(status))
  setFacts(byId('discovery'), discoveryFacts(status, now))
  setFacts(byId('process'), processFacts(status, now))
}

function holdFacts({ hold, shards }: Status): Fact[] {
  const facts: Fact[] = [
    ['Commands that wait', count(hold.commands), hold.commands > 0 ? 'watch' : undefined],
    ['Their bytes', bytes(hold.bytes)],
    ['The oldest waits for', hold.commands === 0 ? '–' : duration(hold.oldestMs)],
  ]
  for (const { interruptions, switches } of shards) {
    facts.push(
      ['Times without a primary', `${count(interruptions.count)}, the start among them`],
      ['The last one took', interruptions.lastMs === 0 ? '–' : duration(interruptions.lastMs)],
      ['All together', duration(interruptions.totalMs)],
      ['Switches', countsText(switches)],
    )
  }
  return facts
}

function outcomeFacts({ uncertain, retries, clients, pins, slowLog }: Status): Fact[] {
  const uncertainText = countsText(uncertain)
  return [
    ['Uncertain commands', uncertainText, uncertainText === 'none' ? undefined : 'watch'],
    ['Given to a server once more', countsText(retries)],
    ['Clients closed for want of room or time', countsText(clients.evicted)],
    ['Clients turned away', count(clients.turnedAway), clients.turnedAway > 0 ? 'watch' : undefined],
    ['Refused a connection of their own', count(pins.refused), pins.refused > 0 ? 'watch' : undefined],
    ['Slow commands since the start', count(slowLog.count)],
  ]
}

function poolFacts({ clients, shards }: Status): Fact[] {
  const facts: Fact[] = [
    ['Clients', `${count(clients.connected)} of ${count(clients.limit)} at most`],
    ['Accepted since the start', count(clients.accepted)],
    ['Received from clients', bytes(clients.receivedBytes)],
    ['Sent to clients', bytes(clients.sentBytes)],
    ['Replies not read yet', bytes(clients.unreadBytes)],
  ]
  for (const { connections, evictedPools } of shards) {
    facts.push(
      ['Shared with servers', count(connections.shared)],
      ['Pinned, and idle', `${count(connections.pinned)}, ${count(connections.idle)}`],
      ['For control', count(connections.control)],
    )
    if (evictedPools > 0) facts.push(['Pools closed for others', count(evictedPools)])
  }
  return facts
}

function pinFacts({ pins }: Status): Fact[] {
  const reasons = Object.keys(pins.now) as (keyof typeof pins.now)[]
  const used = reasons.filter((reason) => pins.now[reason] + pins.lent[reason] > 0)
  const facts = used.map((reason): Fact => {
    const { [reason]: ms } = pins.heldMs
    const then = `${plural(pins.lent[reason], 'time')} for ${duration(ms)} in all`
    return [reason.charAt(0).toUpperCase() + reason.slice(1), `${count(pins.now[reason])} now, ${then}`]
  })
  if (used.length === 0) facts.push(['By reason', 'no client needed a connection of its own'])
  return [...facts, ['Clients that wait for one', count(pins.waiters), pins.waiters > 0 ? 'watch' : undefined]]
}

function discoveryFacts({ discovery }: Status, now: number): Fact[] {
  const { source, isUp, since, snapshotAgeMs, lastEventAt, lists, watchRestarts, endpoints } = discovery
  if (source === 'static') {
    return [
      ['Source', 'RUSTEZE_BACKENDS'],
      ['Addresses', count(endpoints.serving)],
    ]
  }
  return [
    ['Source', source],
    ['Can be asked', `${isUp ? 'yes' : 'no'}, since ${clock(since, now)}`, isUp ? undefined : 'bad'],
    ['What is known was proved', snapshotAgeMs === undefined ? 'never yet' : ago(snapshotAgeMs)],
    ['Last event', lastEventAt === undefined ? 'none yet' : ago(now - lastEventAt)],
    [
      'Endpoints',
      `${count(endpoints.serving)} serving, ${count(endpoints.terminating)} ending, ${count(endpoints.notServing)} not serving`,
    ],
    ['Lists', countsText(lists)],
    ['Ends of the watch', countsText(watchRestarts)],
  ]
}

function processFacts({ version, node, process, health }: Status, now: number): Fact[] {
  const upMs = now - process.since
  return [
    ['Version', `${version}, Node ${node.replace('v', '')}`],
    ['Started', `${clock(process.since, now)} (${duration(upMs)})`],
    ['Startup probe', health.startup, health.isStarted ? undefined : 'watch'],
    ['Readiness probe', health.readiness, health.isReady ? undefined : 'watch'],
    ['Memory', `${bytes(process.residentBytes)}, buffers ${bytes(process.bufferBytes)}`],
    ['CPU since the start', `${duration(process.cpuMs)} (${share(process.cpuMs, upMs)} of a core)`],
  ]
}

/** `GET 3, SET 1`; those that are 0 are left out. */
function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([name, number]) => `${name} ${count(number)}`)
  return parts.length === 0 ? 'none' : parts.join(', ')
}
