// Accepts clients, hands each to a Proxy, and keeps their number within bounds.
import * as errors from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import type { Address, Listener, Stream, StreamHandler, Timer } from '../runtime/runtime.ts'
import { Proxy } from './proxy.ts'
import type { Services } from './services.ts'

/** How often idle clients are looked at, in ms. */
const ROUND_MS = 1000

/** A client that is turned away needs no events. */
const turnedAway: StreamHandler = { opened() {}, received() {}, drained() {}, ended() {}, closed() {} }

export class ConnectionManager {
  readonly clients: Map<number, Proxy>
  readonly #services: Services
  readonly #listeners: Listener[] = []
  readonly #timer: Timer
  readonly #accepted: () => void
  /** Clients since the start, and those among them for whom there was no room. */
  accepted = 0
  turnedAway = 0
  /** Of clients that are gone. */
  #goneReceivedBytes = 0
  #goneSentBytes = 0
  #nextId = 1
  #isFullNoted = false

  /** @param accepted hears of each client. */
  constructor(services: Services, clients: Map<number, Proxy>, accepted = () => {}) {
    this.clients = clients
    this.#services = services
    this.#accepted = accepted
    this.#timer = services.runtime.every(ROUND_MS, () => this.#round())
  }

  /** Bytes from all clients since the start. */
  get receivedBytes(): number {
    let sum = this.#goneReceivedBytes
    for (const { receivedBytes } of this.clients.values()) sum += receivedBytes
    return sum
  }

  /** Bytes to all clients since the start. */
  get sentBytes(): number {
    let sum = this.#goneSentBytes
    for (const { output } of this.clients.values()) sum += output.sentBytes
    return sum
  }

  /** Replies that clients have not read, or that wait for earlier ones. */
  get unreadBytes(): number {
    let sum = 0
    for (const { output, replies } of this.clients.values()) sum += output.pendingBytes + replies.heldBytes
    return sum
  }

  async listen(addresses: readonly Address[]): Promise<Address[]> {
    const { runtime } = this.#services
    for (const address of addresses)
      this.#listeners.push(await runtime.listen(address, (stream) => this.#accept(stream)))
    return this.#listeners.map((listener) => listener.address)
  }

  stopListening(): void {
    for (const listener of this.#listeners) listener.close()
    this.#listeners.length = 0
  }

  closeAll(): void {
    this.stopListening()
    this.#timer.cancel()
    for (const proxy of this.clients.values()) proxy.closeAfterReplies()
  }

  /** Closes all that are left, and tells them what became of what they asked. */
  endAll(): void {
    for (const proxy of this.clients.values()) proxy.ending.byStop()
  }

  #accept(stream: Stream): StreamHandler {
    const { config, log } = this.#services
    this.accepted++
    if (this.clients.size >= config.maxClients) {
      if (!this.#isFullNoted)
        log.warn({ clients: this.clients.size }, 'clients are turned away: RUSTEZE_CLIENTS is reached')
      this.#isFullNoted = true
      this.turnedAway++
      stream.write(errorReply(errors.MAX_CLIENTS))
      stream.end()
      return turnedAway
    }
    this.#isFullNoted = false
    const proxy = new Proxy(this.#services, stream, this.#nextId++, (gone) => this.#gone(gone))
    this.clients.set(proxy.session.id, proxy)
    this.#accepted()
    return proxy
  }

  #gone(proxy: Proxy): void {
    this.clients.delete(proxy.session.id)
    this.#goneReceivedBytes += proxy.receivedBytes
    this.#goneSentBytes += proxy.output.sentBytes
  }

  #round(): void {
    const { config, runtime, turn, evictions } = this.#services
    const now = runtime.now()
    if (config.clientIdleMs > 0) {
      for (const proxy of this.clients.values()) {
        // Redis spares subscribers and blocked clients as well.
        if (now - proxy.lastRequestAt > config.clientIdleMs && proxy.isIdle && proxy.session.pinReason === '') {
          evictions.idle++
          proxy.close('idle (RUSTEZE_CLIENT_IDLE)')
        }
      }
    }
    turn.settle()
  }
}
