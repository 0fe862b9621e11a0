// Remembers the last changes of state, for the live page. They are what the log tells of: nothing is logged per command.
import type { Log } from './log.ts'

/** A plain object. */
export interface TimelineEntry {
  /** Counted from 1 since the start. */
  readonly id: number
  /** In ms since 1970. */
  readonly at: number
  readonly level: 'info' | 'warn' | 'error' | 'fatal'
  readonly message: string
  /** What the line of the log says beside its message. */
  readonly facts: Readonly<Record<string, unknown>>
}

const MAX_ENTRIES = 100
/** As JSON. Servers write their own errors: what is longer stays in the log. */
const MAX_FACTS = 4096

export class Timeline {
  /** All since the start, those that are gone included. */
  count = 0
  /** The oldest first. */
  readonly entries: TimelineEntry[] = []
  /** Writes to the log it was made over, and keeps what is a change of state, whatever RUSTEZE_LOG_LEVEL says. */
  readonly log: Log
  readonly #wallClock: () => number

  constructor(log: Log, wallClock: () => number) {
    this.#wallClock = wallClock
    const kept = (level: TimelineEntry['level']) => (facts: object, message: string) => {
      log[level](facts, message)
      this.#add(level, facts, message)
    }
    this.log = {
      trace: (facts, message) => log.trace(facts, message),
      debug: (facts, message) => log.debug(facts, message),
      ...{ info: kept('info'), warn: kept('warn'), error: kept('error'), fatal: kept('fatal') },
    }
  }

  /** @returns those after the `count` first ones. */
  after(count: number): readonly TimelineEntry[] {
    return this.entries.filter(({ id }) => id > count)
  }

  #add(level: TimelineEntry['level'], facts: object, message: string): void {
    // Of single clients there may be thousands, and they change nothing for the others.
    if ('client' in facts) return
    const isShort = JSON.stringify(facts).length <= MAX_FACTS
    this.count++
    this.entries.push({
      ...{ id: this.count, at: this.#wallClock(), level, message },
      facts: isShort ? { ...facts } : { more: 'is in the log: too much to be kept here' },
    })
    if (this.entries.length > MAX_ENTRIES) this.entries.shift()
  }
}
