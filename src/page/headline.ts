// The first lines: is it well, who is the primary and since when, what waits. Whoever is woken up reads no further if they can help it.
import type { Status } from '../operations/status.ts'
import { ago, bytes, clock, duration, plural } from './format.ts'

export type Tone = 'well' | 'watch' | 'bad'

export interface Headline {
  readonly tone: Tone
  readonly title: string
  readonly primary: string
  readonly waiting: string
  /** What else is not as it should be. */
  readonly notes: readonly string[]
}

type Shard = Status['shards'][number]

export function headlineOf(status: Status, now: number): Headline {
  const notes = notesOf(status, now)
  const shard = worstOf(status.shards)
  const [tone, title] = stateOf(status, shard, notes.length > 0)
  return { tone, title, primary: primaryText(shard, now), waiting: waitingText(status), notes }
}

function worstOf(shards: readonly Shard[]): Shard {
  const ranks = ['holding', 'suspect', 'serving']
  return shards.toSorted((one, other) => ranks.indexOf(one.state) - ranks.indexOf(other.state))[0]!
}

function stateOf({ health, pause }: Status, { state, primary }: Shard, hasNotes: boolean): [Tone, string] {
  if (state === 'holding')
    return ['bad', primary === null ? 'No primary was found yet: commands wait' : 'No primary: commands wait']
  if (state === 'suspect') return ['watch', 'The primary is asked again: commands wait']
  if (pause !== null)
    return ['watch', `Paused: ${pause.holds === 'all' ? 'all commands wait' : 'what may write waits'}`]
  if (!health.isStarted) return ['watch', 'Starting']
  if (health.readiness === 'draining') return ['watch', 'Draining: clients are served until they are done']
  return hasNotes ? ['watch', 'Serving, with something to look at'] : ['well', 'Serving']
}

function primaryText({ state, primary, generation, since }: Shard, now: number): string {
  if (primary === null) return `Nobody was the primary since the start.`
  const when = (at: number) => `since ${clock(at, now)} (${duration(now - at)})`
  if (state === 'serving') return `${primary.address} is the primary, generation ${generation}, ${when(primary.since)}.`
  return `${primary.address} was the primary of generation ${generation}; none is verified ${when(since)}.`
}

function waitingText({ hold, pins }: Status): string {
  const pinned = pins.waiters === 0 ? '' : ` Waiting for a connection of their own: ${plural(pins.waiters, 'client')}.`
  if (hold.commands === 0) return `Nothing waits.${pinned}`
  const verb = hold.commands === 1 ? 'waits' : 'wait'
  return `${plural(hold.commands, 'command')} ${verb}, ${bytes(hold.bytes)}, the oldest for ${duration(hold.oldestMs)}.${pinned}`
}

function notesOf({ shards, health, discovery, clients, pause }: Status, now: number): string[] {
  const notes: string[] = []
  if (pause !== null) {
    const { since, until, inFlight } = pause
    const left = `it ends by itself in ${duration(until - now)}`
    notes.push(
      `The pause began at ${clock(since, now)}, ${left}; in flight of what it holds: ${plural(inFlight, 'command')}.`,
    )
  }
  for (const { masters, primary, servers } of shards) {
    if (masters > 1) notes.push(`${masters} servers say that they are masters.`)
    if (primary?.isDataMissing) notes.push('The primary was taken empty, while another server held data.')
    const away = servers.filter(({ role }) => role !== 'master' && role !== 'replica')
    if (away.length > 0 && away.length < servers.length) {
      notes.push(
        `${plural(away.length, 'server')} of ${servers.length} cannot be used: ${away.map(({ address }) => address).join(', ')}.`,
      )
    }
  }
  if (!discovery.isUp) notes.push(discoveryText(discovery))
  if (health.isStarted && !health.isReady && health.readiness !== 'draining') {
    notes.push(`It takes no more clients: ${health.readiness}.`)
  }
  if (clients.turnedAway > 0) notes.push(`Turned away since the start: ${plural(clients.turnedAway, 'client')}.`)
  return notes
}

function discoveryText({ source, snapshotAgeMs }: Status['discovery']): string {
  const known = snapshotAgeMs === undefined ? 'nothing is known yet' : `what is known was proved ${ago(snapshotAgeMs)}`
  return `Where servers are cannot be asked (${source}): ${known}.`
}
