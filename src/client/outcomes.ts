// Counts what became of requests that did not simply get the server's answer. Nothing here is on the way of an ordinary command.
import type { Command } from '../command/table.ts'

/** Why a request was given to a server once more. */
export const RETRY_REASONS = [
  /** The server had refused it: it was no primary, or loading. */
  'refused',
  /** It stood behind a refused one, and changes nothing or had not run. */
  'behind a refusal',
  /** Its connection died, and it changes nothing. */
  'connection lost',
  /** The server had lost the script, which was sent with it. */
  'script sent along',
] as const
export type RetryReason = (typeof RETRY_REASONS)[number]

export class Outcomes {
  readonly retries: Record<RetryReason, number> = {
    refused: 0,
    'behind a refusal': 0,
    'connection lost': 0,
    'script sent along': 0,
  }
  readonly #uncertain = new Map<string, number>()

  /** Commands of which nobody knows whether they ran, by name. Names that are in no table count as one: clients choose them. */
  get uncertain(): ReadonlyMap<string, number> {
    return this.#uncertain
  }

  /** Its client was told that its fate is unknown. */
  addUncertain({ known, name }: Command): void {
    const counted = known ? name : 'unknown'
    this.#uncertain.set(counted, (this.#uncertain.get(counted) ?? 0) + 1)
  }

  addRetry(reason: RetryReason): void {
    this.retries[reason]++
  }
}
