// Decides when a proxy that was told to stop may do so: when its clients are done with it, or time is up.
import type { ConnectionManager } from '../client/connection-manager.ts'
import type { Config } from '../config.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'

/** How often clients are looked at, in ms. */
const CHECK_MS = 20
/** Kept back of the time for the last replies, in ms. */
const LAST_REPLIES_MS = 500

/**
 * The listener stays open: an application that is still shutting down may open connections. Clients that have been silent for a
 * while and are owed nothing are closed; all that is left is closed after its replies, and at the deadline it hears which of them will not come.
 */
export class Drain {
  readonly #runtime: Runtime
  readonly #config: Config
  readonly #manager: ConnectionManager
  readonly #done: (clientsLeft: number) => void
  readonly #startedAt: number
  readonly #timer: Timer
  #idleSince: number
  #isHastened = false
  #isDone = false

  constructor(runtime: Runtime, config: Config, manager: ConnectionManager, done: (clientsLeft: number) => void) {
    this.#runtime = runtime
    this.#config = config
    this.#manager = manager
    this.#done = done
    this.#startedAt = runtime.now()
    this.#idleSince = this.#startedAt
    this.#timer = runtime.every(CHECK_MS, () => this.#check())
  }

  /** The second signal: no waiting for clients to leave, only for the replies they are owed. */
  hasten(): void {
    this.#isHastened = true
    this.#manager.closeAll()
    this.#check()
  }

  #check(): void {
    if (this.#isDone) return
    const now = this.#runtime.now()
    const { clients } = this.#manager
    const left = this.#startedAt + this.#config.drainMs - now
    if (left <= 0) {
      const remaining = clients.size
      this.#manager.endAll()
      this.#finish(remaining)
      return
    }
    if (this.#isHastened || left <= LAST_REPLIES_MS) this.#manager.closeAll()
    else {
      for (const proxy of clients.values()) {
        const isDoneWithUs = proxy.isIdle && proxy.session.transaction === null
        if (isDoneWithUs && now - Math.max(proxy.lastRequestAt, this.#startedAt) >= this.#config.drainIdleMs)
          proxy.closeAfterReplies()
      }
    }
    if (clients.size > 0) this.#idleSince = now
    else if (this.#isHastened || now - this.#idleSince >= this.#config.drainIdleMs) this.#finish(0)
  }

  #finish(clientsLeft: number): void {
    this.#isDone = true
    this.#timer.cancel()
    this.#done(clientsLeft)
  }
}
