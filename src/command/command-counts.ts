// What has become of each command: counted by its name, whatever tables of commands come and go.

/** What clients were answered. */
export const OUTCOMES = [
  /** A server's reply that is no error. */
  'ok',
  /** A server's error. */
  'error',
  /** The proxy's own reply that is no error: no server was asked. */
  'local',
  /** The proxy's own error: no server has run it. */
  'refused',
  /** -UNCERTAIN: it may have run. */
  'uncertain',
] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Since the start. One for each name, so that counting makes no objects and looks nothing up. */
export class CommandCounts implements Readonly<Record<Outcome, number>> {
  ok = 0
  error = 0
  local = 0
  refused = 0
  uncertain = 0
  /** From the arrival of the request to the reply, of those that a server answered. */
  totalMs = 0
  /** The part of it that they were with the server. */
  backendMs = 0
}

/** More names than all commands of Redis, Valkey and their modules. */
const MAX_NAMES = 2000
/** Stands for all names that are in no table, and for those that a server makes up. */
const UNKNOWN = 'unknown'

export class CountsByName {
  readonly #counts = new Map<string, CommandCounts>([[UNKNOWN, new CommandCounts()]])

  /** The same object for the same name; few names have none of their own, so that they cannot fill the memory. */
  of(name: string): CommandCounts {
    let counts = this.#counts.get(name)
    if (counts !== undefined) return counts
    if (this.#counts.size >= MAX_NAMES) return this.#counts.get(UNKNOWN)!
    counts = new CommandCounts()
    this.#counts.set(name, counts)
    return counts
  }

  /** Of all names together. */
  get totals(): Readonly<CommandCounts> {
    const totals = new CommandCounts()
    for (const counts of this.#counts.values()) {
      for (const outcome of OUTCOMES) totals[outcome] += counts[outcome]
      totals.totalMs += counts.totalMs
      totals.backendMs += counts.backendMs
    }
    return totals
  }

  /** Those of commands that were used. */
  get used(): [string, CommandCounts][] {
    return [...this.#counts].filter(([, counts]) => OUTCOMES.some((outcome) => counts[outcome] > 0))
  }
}
