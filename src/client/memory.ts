// What all clients have under way, in bytes: as it nears the ceiling each of them may have less, above it who reads least is closed.
import type { Flushable, Turn } from '../runtime/turn.ts'
import type { Proxy } from './proxy.ts'

/** A request's record, beside its bytes: 22 fields and the object's header, measured. */
const REQUEST_RECORD_BYTES = 200
/** Of the ceiling: from here on it is told apart who may have more under way. The rest is for what is under way already. */
const TIGHT_SHARE = 0.5
/** What a client may have unread then: of less Node tells nothing. */
const TIGHT_UNREAD_BYTES = 64 * 1024
/** What its requests may take then: a few dozen, or one that is larger. */
const TIGHT_REQUEST_BYTES = 8 * 1024

/** What one client has under way: replies it has not read, and requests that are not answered. */
export class ClientMemory {
  /** As counted in the sums of all clients. */
  #unreadBytes = 0
  #requestBytes = 0
  #isReleased = false
  /** Once the client is gone: its requests that the server has not answered. */
  #orphans = 0
  readonly #proxy: Proxy
  readonly #all: Memory

  constructor(proxy: Proxy, all: Memory) {
    this.#proxy = proxy
    this.#all = all
  }

  /** Replies that wait for nobody but the client. */
  get unreadBytes(): number {
    return this.#proxy.output.keptBytes + this.#proxy.replies.heldBytes
  }

  /** Above so much unread the client is read no more. */
  get softLimitBytes(): number {
    const { outputSoftLimitBytes } = this.#proxy.config
    return this.#all.isTight ? Math.min(TIGHT_UNREAD_BYTES, outputSoftLimitBytes) : outputSoftLimitBytes
  }

  /** False when the client has enough under way: it is asked for no more until something of that is done. */
  get hasRoom(): boolean {
    const { replies, output, config } = this.#proxy
    return (
      replies.length < config.maxInFlight &&
      replies.heldBytes < config.outputSoftLimitBytes &&
      output.pendingBytes < this.softLimitBytes &&
      (!this.#all.isTight || this.requestBytes < TIGHT_REQUEST_BYTES)
    )
  }

  /** To be called whenever requests were read or replies given out. */
  count(): void {
    if (this.#isReleased) return
    const { unreadBytes, requestBytes } = this
    if (unreadBytes === this.#unreadBytes && requestBytes === this.#requestBytes) return
    this.#all.changed(unreadBytes - this.#unreadBytes, requestBytes - this.#requestBytes)
    this.#unreadBytes = unreadBytes
    this.#requestBytes = requestBytes
  }

  /** The client is gone, and what it had not read. @param inFlight requests that the server still has to answer, to nobody. */
  release(inFlight: number): void {
    this.count()
    this.#isReleased = true
    this.#orphans = inFlight
    this.#all.changed(-this.#unreadBytes, inFlight > 0 ? 0 : -this.#requestBytes)
  }

  /** One of the requests left behind was answered, or lost. */
  orphanDone(): void {
    if (this.#orphans === 0) return
    const share = this.#requestBytes / this.#orphans--
    this.#requestBytes -= share
    this.#all.changed(0, -share)
  }

  /** Of requests that are not answered, with their records. */
  get requestBytes(): number {
    const { replies } = this.#proxy
    return replies.requestBytes + replies.length * REQUEST_RECORD_BYTES
  }
}

export class Memory implements Flushable {
  /** Everybody may have less under way. Asked for each request. */
  isTight = false
  #unreadBytes = 0
  #requestBytes = 0
  #isPlanned = false
  readonly #ceilingBytes: number
  readonly #clients: ReadonlyMap<number, Proxy>
  readonly #turn: Turn

  /** @param ceilingBytes 0 = no ceiling. */
  constructor(ceilingBytes: number, clients: ReadonlyMap<number, Proxy>, turn: Turn) {
    this.#ceilingBytes = ceilingBytes === 0 ? Number.POSITIVE_INFINITY : ceilingBytes
    this.#clients = clients
    this.#turn = turn
  }

  changed(unreadBytes: number, requestBytes: number): void {
    this.#unreadBytes += unreadBytes
    this.#requestBytes += requestBytes
    this.isTight = this.#unreadBytes + this.#requestBytes > this.#ceilingBytes * TIGHT_SHARE
    if (this.#unreadBytes <= this.#ceilingBytes || this.#isPlanned) return
    this.#isPlanned = true
    this.#turn.flushSoon(this)
  }

  /** Closes who has most unread, until what remains is below the ceiling. What waits for the server is no client's fault. */
  flush(): void {
    // The kernel may have taken more since each was counted.
    for (const { memory } of this.#clients.values()) memory.count()
    const byUnread = [...this.#clients.values()].sort((a, b) => b.memory.unreadBytes - a.memory.unreadBytes)
    for (const proxy of byUnread) {
      if (this.#unreadBytes <= this.#ceilingBytes) break
      proxy.services.evictions.memory++
      proxy.close('most unread replies while memory is short (RUSTEZE_MEMORY)')
    }
    this.#isPlanned = false
  }
}
