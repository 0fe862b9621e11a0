// What the model Redis knows of one command.
import type { ModelConnection } from './model-connection.ts'

/** @returns the reply, or undefined when none is due now. */
type Run = (connection: ModelConnection, words: readonly string[]) => string | undefined

export interface ModelCommand {
  readonly run: Run
  /** Least number of words, the name included. */
  readonly leastWords: number
  readonly isWrite: boolean
  /** Runs while the server is loading, or a replica without its primary. */
  readonly isAlwaysAllowed: boolean
  /** Counts for WAIT like a write, and yet no replica refuses it: PUBLISH. */
  readonly isAllowedOnReplica: boolean
}

export function define(leastWords: number, flags: string, run: Run): ModelCommand {
  return {
    run,
    leastWords,
    isWrite: flags.includes('write'),
    isAlwaysAllowed: flags.includes('always'),
    isAllowedOnReplica: flags.includes('anywhere'),
  }
}
