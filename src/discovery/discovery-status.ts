// The facts of discovery for metrics, and what a request to the API server can fail of.
import type { EndpointState } from '../topology/endpoint.ts'
import { ApiError } from './kubernetes-api.ts'

/** Why a list failed or a watch ended before its time. */
export type FailureReason =
  | 'connection'
  | 'silent'
  | 'malformed'
  | 'expired'
  | 'unauthorized'
  | 'forbidden'
  | 'throttled'
  | 'refused'

/** A plain object, made when asked for. Times are in ms since 1970. */
export interface DiscoveryStatus {
  /** `static`: RUSTEZE_BACKENDS. */
  readonly source: 'endpointslices' | 'dns' | 'static' | 'none yet'
  /** Whether the source can be asked now. */
  readonly isUp: boolean
  /** When `source` or `isUp` changed last. */
  readonly since: number
  /** Time since the source last proved what is known, in ms; undefined before the first time. */
  readonly snapshotAgeMs: number | undefined
  /** The last event of the watch; undefined before the first. */
  readonly lastEventAt: number | undefined
  readonly lists: Readonly<Record<'ok' | FailureReason, number>>
  /** `ended`: by the server, as agreed. */
  readonly watchRestarts: Readonly<Record<'ended' | FailureReason, number>>
  readonly endpoints: Readonly<Record<EndpointState, number>>
}

const noFailures: Readonly<Record<FailureReason, number>> = {
  connection: 0,
  silent: 0,
  malformed: 0,
  expired: 0,
  unauthorized: 0,
  forbidden: 0,
  throttled: 0,
  refused: 0,
}

export const noLists: DiscoveryStatus['lists'] = { ok: 0, ...noFailures }
export const noWatchRestarts: DiscoveryStatus['watchRestarts'] = { ended: 0, ...noFailures }

/** Nothing arrived for so long that the connection must be dead. */
export class SilentWatch extends Error {
  constructor() {
    super('the watch fell silent')
  }
}

/** An answer that is not what was asked for. */
export class MalformedAnswer extends Error {}

const REASONS: Readonly<Record<number, FailureReason>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'forbidden',
  410: 'expired',
  429: 'throttled',
  504: 'expired',
}

export function failureReason(error: unknown): FailureReason {
  if (error instanceof ApiError) return REASONS[error.status] ?? 'refused'
  if (error instanceof SilentWatch) return 'silent'
  return error instanceof MalformedAnswer || error instanceof SyntaxError ? 'malformed' : 'connection'
}

export function countByState(endpoints: readonly { readonly state: EndpointState }[]): DiscoveryStatus['endpoints'] {
  const counts = { serving: 0, terminating: 0, notServing: 0 }
  for (const { state } of endpoints) counts[state]++
  return counts
}
