// A client's connection died: what it had there is sent again elsewhere, or answered, and the client keeps its own connection if it can.
import { Phase, type Request, RequestQueue } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { UNCERTAIN } from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import type { Lane } from './lane.ts'
import { lossOf } from './loss.ts'

export class ConnectionLoss {
  /** A MULTI without an answer was lost with the connection, and what is lost behind it belongs to it. */
  isBlockLost = false
  readonly #lane: Lane
  /** Requests given back by the dying connection, in order. */
  readonly #returned = new RequestQueue()
  /** One of them had been given to the socket: it is sent again only once. */
  #isLastTry = false

  constructor(lane: Lane) {
    this.#lane = lane
  }

  /** A request without a whole reply, in the order in which they were sent. */
  lost(request: Request, wasSent: boolean): void {
    const { proxy, undecided } = this.#lane
    if (request.isReplyBegun) {
      proxy.close('connection to the backend was lost in the middle of a reply')
      return
    }
    const loss = lossOf(request, wasSent, this.#lane)
    if (loss !== null && request.command.kind === Kind.Exec) proxy.session.endTransaction()
    if (request.block !== null) {
      undecided.addLostBlockPart(request, loss === null)
    } else if (loss === null) this.#return(request, wasSent)
    else this.#answer(request, loss)
  }

  /**
   * All were told: what is sent again waits in front of what was never sent. The other connections to a server that dies may still look
   * alive: what may be lost but once more is not given to one of them before the primary has answered.
   */
  end(): void {
    const { queue, shard, server, undecided } = this.#lane
    this.isBlockLost = false
    queue.prepend(this.#returned)
    if (this.#isLastTry && server === shard) {
      undecided.isAwaitingVerdict = true
      shard.wait(this.#lane)
    }
    this.#isLastTry = false
  }

  /** The client's own connection died, and its state with it. */
  ofPin(): void {
    const { proxy, isRaw, inFlight } = this.#lane
    const { session } = proxy
    session.breakWatch()
    const wantsClose = proxy.config.subscribersOnFailover === 'close'
    const isListening = session.isTracking || session.isSubscribed
    // What the server sent before it hung up is still on its way: a MONITOR, the end of an RDB.
    if (isRaw) proxy.closeAfterReplies()
    else if (session.isIrreplaceable)
      proxy.close('the connection it had for itself was lost, with state that cannot be made again')
    else if (wantsClose && isListening)
      proxy.close('its subscriptions were lost (RUSTEZE_SUBSCRIBERS_ON_FAILOVER=close)')
    // What was lost with it comes back first, by `end`.
    else if (inFlight === 0 && this.#returned.head === null) this.#lane.advance()
  }

  #return(request: Request, wasSent: boolean): void {
    const { undecided, proxy } = this.#lane
    if (wasSent) {
      request.attempts++
      this.#isLastTry = true
    }
    if (undecided.isOpen) undecided.addUnanswered(request)
    else {
      if (wasSent) proxy.services.outcomes.addRetry('connection lost')
      request.phase = Phase.Queued
      this.#returned.push(request)
    }
  }

  #answer(request: Request, loss: string | Buffer): void {
    const { proxy, undecided } = this.#lane
    if (loss === UNCERTAIN && proxy.config.uncertain === 'close') {
      proxy.services.outcomes.addUncertain(request)
      proxy.close(UNCERTAIN)
      return
    }
    const reply = typeof loss === 'string' ? errorReply(loss) : loss
    if (undecided.isOpen) undecided.add(request, reply, true)
    else proxy.replies.answer(request, reply)
  }
}
