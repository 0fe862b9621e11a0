// How one client's conversation ends: at once, or after it was sent what it is owed.
import { Phase } from '../backend/request.ts'
import { NOT_SENT_AT_STOP, UNCERTAIN_AT_STOP } from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import type { Proxy } from './proxy.ts'

/** How long a client that we closed may take to close its half, in ms. */
const LINGER_MS = 1000

export class Ending {
  /** Nothing more of the client is read. */
  isClosing = false
  /** The client has closed its half. */
  hasEnded = false
  #isOver = false
  readonly #proxy: Proxy
  readonly #over: () => void

  /** @param over called once, when nothing more can be sent. */
  constructor(proxy: Proxy, over: () => void) {
    this.#proxy = proxy
    this.#over = over
  }

  /** Ends it after what the client is owed, without reading more. */
  afterReplies(): void {
    this.isClosing = true
    this.whenAnswered()
  }

  /** Ends it now, and says so in the log. @param reason in words. */
  now(reason: string): void {
    if (this.#isOver) return
    const { services, session, stream, output } = this.#proxy
    services.log.warn({ client: session.id, address: stream.remoteAddress, reason }, 'client closed by the proxy')
    output.flush()
    this.abruptly()
  }

  /** The proxy stops: the client hears what became of each request without a reply. */
  byStop(): void {
    const { replies, config } = this.#proxy
    for (let request = replies.head; request !== null && !request.isReplyBegun; request = replies.head) {
      // What the server said of it, even if it could have been asked again.
      if (request.phase === Phase.Held) replies.releaseHeld(request)
      else if (request.phase === Phase.Queued || this.#proxy.isStreaming(request))
        replies.answer(request, errorReply(NOT_SENT_AT_STOP))
      else if (config.uncertain === 'close') break
      else replies.answer(request, errorReply(UNCERTAIN_AT_STOP))
    }
    this.now('the proxy stops')
  }

  /** Ends it now. */
  abruptly(): void {
    this.isClosing = true
    this.#proxy.stream.destroy()
    this.over()
  }

  /** Ends it if one side wanted that and nothing is left to be answered. */
  whenAnswered(): void {
    if (!this.isClosing && !this.hasEnded) return
    const { replies, output, stream, isStalled, services } = this.#proxy
    if (replies.length > 0 || this.#isOver || (isStalled && !this.isClosing)) return
    output.flush()
    stream.end()
    if (!this.isClosing) return
    // Closing while the client's bytes lie unread would reset the connection, and its last replies might be lost with it.
    stream.resume()
    services.runtime.after(LINGER_MS, () => stream.destroy())
    this.over()
  }

  /** The connection is gone, or will be. */
  over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.isClosing = true
    this.#over()
  }
}
