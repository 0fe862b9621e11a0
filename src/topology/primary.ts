// Decides which of several servers is the primary, from what each says of itself. Never by the highest offset: a primary that was cut off may be ahead.
import { type Hint, isNamed } from './hint.ts'
import { isForeign, isPromotedFrom, type Replication } from './replication.ts'

/** What is known of one server. */
export interface Node {
  /** Names it in logs: its address. */
  readonly name: string
  /** It says that it is a master and has loaded its data. */
  readonly isMaster: boolean
  /** null when the user may not ask, or it did not answer. */
  readonly replication: Replication | null
}

export interface Judgement {
  /** null: nobody can be trusted with writes now. */
  readonly primary: Node | null
  /** Why, for the log. */
  readonly reason: string
  /** An empty server was taken although others hold data that it lacks. */
  readonly isDataMissing: boolean
}

/** What is known beside the servers' own words. */
export interface Circumstances {
  /** The node that was the primary until now; null when there was none. */
  readonly accepted: Node | null
  /** Since when it is the primary, in the runtime's ms. */
  readonly acceptedAt: number
  /** An empty master may win over data elsewhere: it has been waited for long enough. */
  readonly isEmptyAllowed: boolean
  /** The most trustworthy first. */
  readonly hints: readonly Hint[]
}

export function judgePrimary(nodes: readonly Node[], circumstances: Circumstances): Judgement {
  const { accepted, isEmptyAllowed } = circumstances
  const masters = nodes.filter((node) => node.isMaster)
  if (masters.length === 0) return none('no server says that it is a loaded master')
  const withData = masters.filter((master) => !lacksData(master, nodes))
  if (withData.length === 0 && !isEmptyAllowed) return none('the master is empty, and others hold data that it lacks')
  const isDataMissing = withData.length === 0
  const take = (primary: Node, reason: string) => ({ primary, reason, isDataMissing })
  const candidates = isDataMissing ? masters : withData
  if (candidates.length === 1) {
    return take(candidates[0]!, masters.length === 1 ? 'the only master' : 'the only master with data')
  }

  const newest = candidates.filter((one) => !candidates.some((other) => isSucceededBy(one, other)))
  if (newest.length === 1) return take(newest[0]!, 'promoted from the line of the others')
  const followed = mostFollowed(newest, nodes)
  if (followed !== null) return take(followed, 'followed by most replicas')
  const hinted = hintedAmong(newest, circumstances)
  if (hinted !== null) return take(hinted.node, `named by ${hinted.source}`)
  if (accepted !== null && newest.includes(accepted)) return take(accepted, 'still a master, as before')
  return none(`several masters, and nothing tells them apart: ${newest.map((node) => node.name).join(', ')}`)
}

/** The one that a hint alone names. What was said before the accepted one was taken may have lagged behind, and does not speak against it. */
function hintedAmong(masters: readonly Node[], { accepted, acceptedAt, hints }: Circumstances) {
  const isAcceptedAmong = accepted !== null && masters.includes(accepted)
  for (const hint of hints) {
    const [node, second] = masters.filter((master) => isNamed(hint, master))
    if (node === undefined || second !== undefined) continue
    if (node === accepted || !isAcceptedAmong || hint.givenAt > acceptedAt) return { node, source: hint.source }
  }
  return null
}

function none(reason: string): Judgement {
  return { primary: null, reason, isDataMissing: false }
}

/** An empty server beside one that holds data of another line and does not follow it: most likely it was restarted without its disk. */
function lacksData(master: Node, nodes: readonly Node[]): boolean {
  const own = master.replication
  if (own?.hasData !== false) return false
  return nodes.some(({ replication }) => replication?.hasData === true && isForeign(own, replication))
}

function isSucceededBy(node: Node, other: Node): boolean {
  if (node === other || node.replication === null || other.replication === null) return false
  return isPromotedFrom(other.replication, node.replication)
}

function mostFollowed(masters: readonly Node[], nodes: readonly Node[]): Node | null {
  const counts = masters.map(
    (master) =>
      nodes.filter(({ isMaster, replication }) => {
        return !isMaster && replication?.isFollowing === true && replication.line === master.replication?.line
      }).length,
  )
  const most = Math.max(0, ...counts)
  const [first, second] = masters.filter((_, index) => counts[index] === most)
  return most > 0 && second === undefined ? first! : null
}
