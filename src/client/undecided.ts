// After a refusal: keeps a client's replies back until all it had sent is answered, and then decides what is asked again.
import { Phase, type Request, RequestQueue } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { UNCERTAIN } from '../errors.ts'
import { errorReply, OK, QUEUED } from '../resp/reply.ts'
import type { Lane } from './lane.ts'
import type { RetryReason } from './outcomes.ts'
import type { ReplyQueue } from './reply-queue.ts'

/**
 * The server may accept again in the middle of a pipeline. Asking a refused request again is right only if nothing behind it
 * has run that is not a mere read; else every reply is delivered as the server gave it, the refusal included.
 */
export class Undecided {
  /** True from the first refusal to the decision: meanwhile nothing more of the client is sent. */
  isOpen = false
  /** What is asked again waits until the server that refused it was asked what it is. */
  isAwaitingVerdict = false
  readonly #lane: Lane
  readonly #replies: ReplyQueue
  #requests = new RequestQueue()
  /** EVAL frames for EVALSHA requests whose script the server has lost; few clients ever have one. */
  #healed: Map<Request, Buffer> | null = null
  /** The one that a pause called back. */
  #calledBack: Request | null = null
  /** Something behind the first refusal has run: every reply will be delivered as it is. */
  haveOthersRun = false
  /** EXEC failed for a refusal, or DISCARD came behind one: the transaction is over only if that is delivered. */
  isEndHeld = false
  /** The server refused something, rather than having lost a script. */
  #isRefused = false
  /** The replies to a whole transaction so far: which of them count is known when its EXEC is answered. */
  #block = new RequestQueue()
  #isBlockRefused = false

  constructor(lane: Lane) {
    this.#lane = lane
    this.#replies = lane.proxy.replies
  }

  /** The server refused it: it did not run. */
  addRefused(request: Request, reply: Buffer): void {
    request.refusal = reply
    if (!firstRefusals.has(request)) firstRefusals.set(request, this.#lane.proxy.services.runtime.now())
    this.#isRefused = true
    this.#add(request, reply)
  }

  /** The server has lost its script: it did not run, and runs as `frame` when asked again. */
  addHealed(request: Request, reply: Buffer, frame: Buffer): void {
    this.#healed ??= new Map()
    this.#healed.set(request, frame)
    this.#add(request, reply)
  }

  /** A pause called it back: it did not run, and waits for the end of the pause. */
  addCalledBack(request: Request, reply: Buffer): void {
    this.#calledBack = request
    this.#add(request, reply)
  }

  /** A reply behind a refusal. @param hasRun it may have changed something. */
  add(request: Request, reply: Buffer, hasRun: boolean): void {
    if (hasRun) this.haveOthersRun = true
    this.#add(request, reply)
  }

  /** Lost behind a refusal, and asked again in any case. */
  addUnanswered(request: Request): void {
    this.#requests.push(request)
  }

  /** The reply to one request of a whole transaction. */
  addBlockPart(request: Request, reply: Buffer, isRefused: boolean): void {
    if (isRefused) {
      request.refusal = reply
      this.#isBlockRefused = true
    }
    this.#replies.hold(request, reply)
    this.#block.push(request)
    if (!isLastOfBlock(request)) return
    // A refused command makes EXEC fail as well; then nothing of the block has run.
    const isUnrun = this.#isBlockRefused && (reply[0] === 45 || request.command.kind === Kind.Discard)
    this.#endBlock(request, isUnrun, isUnrun)
  }

  /** @param isAgain the block is asked again; else its EXEC answers -UNCERTAIN. */
  addLostBlockPart(request: Request, isAgain: boolean): void {
    const isLast = isLastOfBlock(request)
    // A transaction that was lost said yes to all but its EXEC.
    const kind = request.block!.requests[0] === request ? OK : QUEUED
    this.#replies.hold(request, isLast ? errorReply(UNCERTAIN) : kind)
    this.#block.push(request)
    if (!isLast) return
    if (isAgain) for (const part of request.block!.requests) part.attempts++
    this.#endBlock(request, isAgain, false)
  }

  /**
   * Everything sent is answered: it is asked again, or answered as the server did.
   * @param wasAtPrimary what a replica refused need not wait for the verdict on the primary.
   */
  decide(wasAtPrimary: boolean): void {
    const { session } = this.#lane.proxy
    const { transaction } = session
    const mustAwaitVerdict = this.#isRefused && wasAtPrimary
    // The client hears of the refusal of a part of it.
    if (this.haveOthersRun && this.isEndHeld) session.endTransaction()
    else if (this.haveOthersRun && transaction !== null) transaction.isDirty = true
    const again = this.#letOut()
    this.forget()
    if (again.head === null) return
    this.isAwaitingVerdict ||= mustAwaitVerdict
    // A transaction whose queueing was refused is begun anew on another connection.
    if (mustAwaitVerdict && transaction !== null) {
      session.breakWatch()
      this.#lane.lease.drop('its transaction was refused')
    }
    this.#lane.queue.prepend(again)
    if (mustAwaitVerdict) this.#lane.shard.wait(this.#lane)
  }

  /** The client left. */
  forget(): void {
    this.isOpen = false
    this.haveOthersRun = false
    this.isEndHeld = false
    this.#isRefused = false
    this.#healed = null
    this.#calledBack = null
    this.#requests.clear()
    this.#block.clear()
  }

  /** Delivers what is final. @returns what is asked again, in order. */
  #letOut(): RequestQueue {
    const again = new RequestQueue()
    for (let request = this.#requests.shift(); request !== null; request = this.#requests.shift()) {
      if (this.haveOthersRun && request.reply !== null) this.#replies.releaseHeld(request)
      else this.#again(request, again)
    }
    return again
  }

  #again(request: Request, queue: RequestQueue): void {
    const frame = this.#healed?.get(request)
    const reason = request === this.#calledBack ? 'called back by a pause' : retryReason(request, frame !== undefined)
    this.#lane.proxy.services.outcomes.addRetry(reason)
    this.#replies.unhold(request)
    request.phase = Phase.Queued
    if (frame !== undefined) {
      request.replaceFrame(frame)
      request.attempts++
    }
    queue.push(request)
  }

  #add(request: Request, reply: Buffer): void {
    this.isOpen = true
    this.#replies.hold(request, reply)
    this.#requests.push(request)
  }

  #endBlock(exec: Request, isUnrun: boolean, isRefused: boolean): void {
    const parts = this.#block
    this.#block = new RequestQueue()
    this.#isBlockRefused = false
    if (!this.isOpen && !isUnrun) {
      for (let part = parts.shift(); part !== null; part = parts.shift()) this.#replies.releaseHeld(part)
      return
    }
    this.isOpen = true
    if (isRefused) this.#isRefused = true
    if (!isUnrun && exec.command.kind !== Kind.Discard && !exec.block!.requests.every(isHarmless)) {
      this.haveOthersRun = true
    }
    for (let part = parts.shift(); part !== null; part = parts.shift()) this.#requests.push(part)
  }
}

/** Beside the requests, since few are ever refused; in the runtime's ms. */
const firstRefusals = new WeakMap<Request, number>()

/** When a request with a refusal began to wait for a server that takes it: a blocking one may have come long before. */
export function refusedSince(request: Request): number {
  return firstRefusals.get(request) ?? request.arrivedAt
}

/** To be asked while the reply is held. */
function retryReason(request: Request, isHealed: boolean): RetryReason {
  if (isHealed) return 'script sent along'
  if (request.refusal !== null && request.reply === request.refusal) return 'refused'
  return request.attempts > 0 ? 'connection lost' : 'behind a refusal'
}

function isHarmless({ command }: Request): boolean {
  return command.repeatable || command.kind !== Kind.Ordinary
}

function isLastOfBlock(request: Request): boolean {
  const { requests } = request.block!
  return requests[requests.length - 1] === request
}
