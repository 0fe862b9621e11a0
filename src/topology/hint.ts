// What others say of who is the primary: Sentinels, or the label by which a Service selects it. It counts only where the servers' own words tell nothing.
import type { Replication } from './replication.ts'

export interface Hint {
  /** Who says so, for the log. */
  readonly source: string
  /** The servers it names, as `host:port`. */
  readonly names: ReadonlySet<string>
  /** The process it names, for addresses at which no server is known, such as that of a Service before it; '' when unknown. */
  readonly runId: string
  /** In the runtime's ms. */
  readonly givenAt: number
}

/** What is looked at of a server. */
interface Named {
  readonly name: string
  readonly replication: Replication | null
}

export function isNamed(hint: Hint, { name, replication }: Named): boolean {
  return hint.names.has(name) || (hint.runId !== '' && hint.runId === replication?.runId)
}

/** What one Sentinel says of the primary it watches. */
export interface SentinelWord {
  /** Its name for the servers, such as `mymaster`. */
  readonly group: string
  /** As `host:port`, in whatever form it is announced. */
  readonly address: string
  /** '' for a moment after a failover. */
  readonly runId: string
  /** When it was asked. */
  readonly askedAt: number
}

/** @param words of those that answered. @param known how many Sentinels there are. @returns null without a majority of all. */
export function majorityOf(words: readonly SentinelWord[], known: number): Hint | null {
  for (const { address } of words) {
    const votes = words.filter((word) => word.address === address)
    if (votes.length * 2 <= known) continue
    return {
      source: 'the majority of the Sentinels',
      names: new Set([address]),
      runId: votes.find(({ runId }) => runId !== '')?.runId ?? '',
      givenAt: Math.min(...votes.map(({ askedAt }) => askedAt)),
    }
  }
  return null
}
