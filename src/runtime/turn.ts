// Gathers what is to be written during one turn of the event loop, so that each socket gets one write a turn and no timer adds delay.
import type { Runtime } from './runtime.ts'

export interface Flushable {
  flush(): void
}

export class Turn {
  /** When the event under way began, in the runtime's ms: what happens in it needs no clock of its own. */
  now: number
  readonly #runtime: Runtime
  #late: Flushable[] = []
  #soon: Flushable[] = []
  #isScheduled = false
  readonly #end = () => {
    this.#isScheduled = false
    this.settle()
    const late = this.#late
    this.#late = []
    for (const flushable of late) flushable.flush()
  }

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.now = runtime.now()
  }

  /** An event begins. @returns its time. */
  begin(): number {
    this.now = this.#runtime.now()
    return this.now
  }

  /** Flushes when everything that arrived in this turn was handled: requests of many clients become one write to the backend. */
  flushLate(flushable: Flushable): void {
    this.#late.push(flushable)
    this.#schedule()
  }

  /** Flushes when the event being handled is done ({@link settle}): the replies in one read become one write per client. */
  flushSoon(flushable: Flushable): void {
    this.#soon.push(flushable)
    this.#schedule()
  }

  /** To be called at the end of each socket event. */
  settle(): void {
    while (this.#soon.length > 0) {
      const soon = this.#soon
      this.#soon = []
      for (const flushable of soon) flushable.flush()
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#runtime.atEndOfTurn(this.#end)
  }
}
