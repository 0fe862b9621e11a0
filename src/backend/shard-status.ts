// The facts of a shard for whoever shows them: plain objects, made when asked for. Times are in ms since 1970, durations in ms.
import type { ShardState } from './shard.ts'

/** Why a server was taken for the primary. */
export const SWITCH_REASONS = [
  /** There was none before. */
  'first',
  /** The former primary is still among the servers. */
  'promoted',
  /** The former primary is not among the servers any more: a pod that moved, or that has a new one at its address. */
  'moved',
  /** The same server as before, restarted, demoted for a while or not to be reached. */
  'returned',
] as const
export type SwitchReason = (typeof SWITCH_REASONS)[number]

export interface ShardStatus {
  readonly state: ShardState
  /** When the state began. */
  readonly since: number
  readonly generation: number
  /** The one accepted last; null before the first. */
  readonly primary: PrimaryStatus | null
  readonly switches: Readonly<Record<SwitchReason, number>>
  /** Times without a primary, the one before the first included. */
  readonly interruptions: {
    readonly count: number
    /** How long the last one took that is over. */
    readonly lastMs: number
    /** All together, one that lasts included. */
    readonly totalMs: number
  }
  /** How many servers say that they are masters. */
  readonly masters: number
  readonly servers: readonly ServerStatus[]
  /** How many replicas may be read from now; undefined where reads go to the primary. */
  readonly freshReplicas: number | undefined
  /** What Sentinels and labels say, in the order in which they are believed. */
  readonly hints: readonly { readonly source: string; readonly names: readonly string[] }[]
  /** What each Sentinel said last, by its address. */
  readonly sentinels: Readonly<Record<string, string>>
}

export interface PrimaryStatus {
  readonly address: string
  /** When it was verified for this generation. */
  readonly since: number
  /** On what ground it was taken; '' where there is but one server. */
  readonly reason: string
  /** What each server said at that time. */
  readonly servers: Readonly<Record<string, string>>
  /** It was taken empty, while others held data. */
  readonly isDataMissing: boolean
}

export interface ServerStatus {
  readonly address: string
  readonly zone: string | undefined
  readonly isPrimary: boolean
  readonly role: 'master' | 'replica' | 'unavailable' | 'unauthenticated' | 'refused' | 'lost' | 'unknown'
  /** In its own words. */
  readonly saying: string
  /** When it said so; undefined before the first time. */
  readonly saidAt: number | undefined
  /** It has not answered for RUSTEZE_REPLY_TIMEOUT. */
  readonly isLate: boolean
  /** Its connection to its master stands; undefined for masters, and when it may not be asked. */
  readonly isLinkUp: boolean | undefined
  /** Bytes of writes that it lacks; undefined unless it follows the primary. */
  readonly lagBytes: number | undefined
  /** undefined for the primary, and where reads go to the primary. */
  readonly reads: ReplicaStatus | undefined
}

/** A replica as one that may be read from. */
export interface ReplicaStatus {
  readonly isServing: boolean
  /** Why not; '' when it serves. */
  readonly evidence: string
  /** Age of the newest write that it is not known to have; undefined when nothing is known. */
  readonly lagMs: number | undefined
  readonly outstanding: number
  /** Moving average of the time to answer. */
  readonly latencyMs: number
}
