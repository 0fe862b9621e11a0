// What all clients have under way, in bytes: as it nears the ceiling each of them may have less, above it who reads least is closed.
import type { Flushable, Turn } from '../runtime/turn.ts'
import type { Proxy } from './proxy.ts'

/** A request's record, beside its bytes: 21 fields and the object's header, measured. */
const REQUEST_RECORD_BYTES = 200
/** Of the ceiling: from here on it is told apart who may have more under way. The rest is for what is under way already. */
const TIGHT_SHARE = 0.5
/** What a client may have under way then: of less that is unread Node tells nothing. */
const TIGHT_CLIENT_BYTES = 64 * 1024
/** Of the ceiling: what has to be added before clients are looked at again in vain. */
const STEP_SHARE = 1 / 16

/** What one client has under way: replies it has not read, and requests that are not answered. */
export class ClientMemory {
  /** As counted in the sum of all clients. */
  #bytes = 0
  #isReleased = false
  readonly #proxy: Proxy
  readonly #all: Memory

  constructor(proxy: Proxy, all: Memory) {
    this.#proxy = proxy
    this.#all = all
  }

  /** Replies that wait for nobody but the client. */
  get unreadBytes(): number {
    return this.#proxy.output.pendingBytes + this.#proxy.replies.heldBytes
  }

  /** Above so much unread the client is read no more. */
  get softLimitBytes(): number {
    const { outputSoftLimitBytes } = this.#proxy.config
    return this.#all.isTight ? Math.min(TIGHT_CLIENT_BYTES, outputSoftLimitBytes) : outputSoftLimitBytes
  }

  /** False when the client has enough under way: it is asked for no more until something of that is done. */
  get hasRoom(): boolean {
    const { replies, output, config } = this.#proxy
    return (
      replies.length < config.maxInFlight &&
      replies.heldBytes < config.outputSoftLimitBytes &&
      output.pendingBytes < config.outputSoftLimitBytes &&
      (!this.#all.isTight || this.#underWayBytes < TIGHT_CLIENT_BYTES)
    )
  }

  /** To be called whenever requests were read or replies given out. */
  count(): void {
    const bytes = this.#underWayBytes
    if (bytes === this.#bytes || this.#isReleased) return
    const grown = bytes - this.#bytes
    this.#bytes = bytes
    this.#all.changed(grown)
  }

  /** The client is gone, and what it had under way with it. */
  release(): void {
    if (!this.#isReleased) this.#all.changed(-this.#bytes)
    this.#isReleased = true
  }

  get #underWayBytes(): number {
    const { output, replies } = this.#proxy
    return output.pendingBytes + replies.heldBytes + replies.requestBytes + replies.length * REQUEST_RECORD_BYTES
  }
}

export class Memory implements Flushable {
  /** Everybody may have less under way. Asked for each request. */
  isTight = false
  #bytes = 0
  #shedAboveBytes: number
  #isPlanned = false
  readonly #ceilingBytes: number
  readonly #clients: ReadonlyMap<number, Proxy>
  readonly #turn: Turn

  /** @param ceilingBytes 0 = no ceiling. */
  constructor(ceilingBytes: number, clients: ReadonlyMap<number, Proxy>, turn: Turn) {
    this.#ceilingBytes = ceilingBytes === 0 ? Number.POSITIVE_INFINITY : ceilingBytes
    this.#shedAboveBytes = this.#ceilingBytes
    this.#clients = clients
    this.#turn = turn
  }

  changed(bytes: number): void {
    this.#bytes += bytes
    this.isTight = this.#bytes > this.#ceilingBytes * TIGHT_SHARE
    if (this.#bytes <= this.#shedAboveBytes || this.#isPlanned) return
    this.#isPlanned = true
    this.#turn.flushSoon(this)
  }

  /** Closes who has most unread, until what remains is below the ceiling. What waits for the server is nobody's fault. */
  flush(): void {
    // The kernel may have taken more since each was counted.
    for (const { memory } of this.#clients.values()) memory.count()
    const byUnread = [...this.#clients.values()].sort((a, b) => b.memory.unreadBytes - a.memory.unreadBytes)
    for (const proxy of byUnread) {
      if (this.#bytes <= this.#ceilingBytes || proxy.memory.unreadBytes === 0) break
      proxy.close('most unread replies while memory is short (RUSTEZE_MEMORY)')
    }
    this.#shedAboveBytes = Math.max(this.#ceilingBytes, this.#bytes + this.#ceilingBytes * STEP_SHARE)
    this.#isPlanned = false
  }
}
