// The topology: each server with its role and its own words, and on what evidence one of them is the primary.
import type { Status } from '../operations/status.ts'
import { byId, element, setChildren } from './dom.ts'
import { ago, bytes, clock, duration } from './format.ts'

type Shard = Status['shards'][number]
type Server = Shard['servers'][number]

export function showServers({ shards }: Status, now: number): void {
  setChildren(
    byId('servers'),
    shards.flatMap(({ servers }) => {
      const primaryFirst = servers.toSorted((one, other) => Number(other.isPrimary) - Number(one.isPrimary))
      return primaryFirst.map((server) => cardOf(server, now))
    }),
  )
  setChildren(
    byId('evidence'),
    shards.flatMap((shard) => evidenceOf(shard, now)),
  )
}

function cardOf(server: Server, now: number): HTMLElement {
  const { address, zone, isPrimary, role, saying, saidAt, isLate, isLinkUp, lagBytes, reads } = server
  const isOddMaster = role === 'master' && !isPrimary
  const tone = isPrimary && role === 'master' ? 'well' : role === 'replica' ? 'plain' : 'bad'
  const facts = [
    zone !== undefined && `zone ${zone}`,
    isLinkUp === false && 'its link to its master is down',
    isLinkUp === true && 'follows its master',
    lagBytes !== undefined && (lagBytes === 0 ? 'lacks nothing' : `lacks ${bytes(lagBytes)}`),
    reads?.isServing && (reads.latencyMs === 0 ? 'serves reads' : `serves reads, ${duration(reads.latencyMs)} each`),
    reads?.isServing && reads.lagMs !== undefined && `${duration(reads.lagMs)} old at most`,
    reads !== undefined && !reads.isServing && reads.evidence !== '' && `serves no reads: ${reads.evidence}`,
    isLate && 'does not answer now',
    saidAt !== undefined && `said so ${ago(now - saidAt)}`,
  ].filter((fact) => typeof fact === 'string')
  const title = isPrimary ? 'primary' : isOddMaster ? 'master, not believed' : role
  return element(
    'li',
    `card ${isOddMaster || isLate ? 'watch' : tone}`,
    element('span', 'role', title),
    element('b', 'address', address),
    element('p', '', `“${saying}”`),
    element('p', 'quiet', facts.join(' · ')),
  )
}

function evidenceOf({ primary, generation, hints, sentinels, servers }: Shard, now: number): HTMLElement[] {
  if (primary === null) return [element('p', 'quiet', 'There was none yet. What each server says stands above.')]
  const { address, reason, servers: sayings, since } = primary
  const ground = reason === '' ? 'the only server there is' : reason
  const lists: HTMLElement[] = [
    element('p', '', `${address} was taken for generation ${generation} at ${clock(since, now)}: ${ground}.`),
  ]
  const said = Object.entries(sayings)
  if (said.length > 0) lists.push(element('p', 'quiet', 'What they said then:'), sayingsList(said))
  for (const { source, names } of hints) {
    lists.push(element('p', 'quiet', `Hint of ${source}: ${names.length === 0 ? 'nobody' : names.join(', ')}.`))
  }
  const asked = Object.entries(sentinels)
  if (asked.length > 0 && servers.length > 1) lists.push(element('p', 'quiet', 'Sentinels:'), sayingsList(asked))
  return lists
}

/** @param sayings by address. */
export function sayingsList(sayings: readonly (readonly [address: string, saying: string])[]): HTMLElement {
  const lines = sayings.map(([address, saying]) => element('li', '', element('b', 'address', address), ` “${saying}”`))
  return element('ul', 'sayings', ...lines)
}
