// Keeps one client's requests in order and lets their replies out strictly in that order, whichever is answered first.
import { Phase, type Request } from '../backend/request.ts'
import type { Outcomes } from './outcomes.ts'
import type { Output } from './output.ts'

const MINUS = 45

/**
 *     head ─▶ Answered  Sent  Held  Queued ◀─ tail       (linked by nextReply)
 *
 * A reply goes to the output when its request is the head; until then it is kept with the request.
 */
export class ReplyQueue {
  head: Request | null = null
  length = 0
  /** Bytes of replies that wait for earlier ones. */
  heldBytes = 0
  /** Bytes of requests that are not answered. */
  requestBytes = 0
  #tail: Request | null = null
  /** Bytes of the head's long reply so far. */
  #partBytes = 0
  readonly #output: Output
  readonly #outcomes: Outcomes

  constructor(output: Output, outcomes: Outcomes) {
    this.#output = output
    this.#outcomes = outcomes
  }

  push(request: Request): void {
    if (this.#tail === null) this.head = request
    else this.#tail.nextReply = request
    this.#tail = request
    this.length++
    request.countedBytes = request.end - request.start
    this.requestBytes += request.countedBytes
  }

  /** The final reply, a server's, in lent bytes. */
  deliver(request: Request, bytes: Buffer, start: number, end: number): void {
    request.phase = Phase.Answered
    this.#outcomes.served(request, bytes[start] === MINUS, end - start)
    if (this.head !== request) {
      this.keep(request, Buffer.from(bytes.subarray(start, end)))
      return
    }
    if (!request.isSilent) this.#output.addLent(bytes, start, end)
    this.#advance(request)
  }

  /** The final reply, ours, in bytes of its own. */
  answer(request: Request, reply: Buffer): void {
    request.phase = Phase.Answered
    this.#outcomes.answered(request, reply)
    if (this.head !== request) {
      this.keep(request, reply)
      return
    }
    if (!request.isSilent) this.#output.add(reply)
    this.#advance(request)
  }

  /** Keeps a reply back: the request may be asked again. */
  hold(request: Request, reply: Buffer): void {
    request.phase = Phase.Held
    this.keep(request, reply)
  }

  /** Forgets a held reply: the request will be asked again. */
  unhold(request: Request): void {
    if (request.reply === null) return
    this.heldBytes -= request.reply.length
    request.reply = null
  }

  /** Makes a held reply final. */
  releaseHeld(request: Request): void {
    request.phase = Phase.Answered
    this.#outcomes.released(request, request.reply!)
    if (this.head === request) this.#letOut()
  }

  /** A part of the head's long reply; `request` must be the head. */
  deliverPart(request: Request, bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (!request.isSilent) this.#output.addLent(bytes, start, end)
    this.#partBytes += end - start
    if (!isLast) {
      request.isReplyBegun = true
      return
    }
    request.phase = Phase.Answered
    this.#outcomes.served(request, false, this.#partBytes)
    this.#partBytes = 0
    this.#advance(request)
  }

  /** Keeps what there is of a reply until its turn comes. */
  keep(request: Request, reply: Buffer): void {
    this.heldBytes += reply.length - (request.reply?.length ?? 0)
    request.reply = reply
  }

  #advance(answered: Request): void {
    this.head = answered.nextReply
    answered.nextReply = null
    this.length--
    this.requestBytes -= answered.countedBytes
    if (this.head === null) this.#tail = null
    else if (this.head.phase === Phase.Answered) this.#letOut()
  }

  /** Lets out the answered requests at the head. */
  #letOut(): void {
    let request = this.head
    while (request !== null && request.phase === Phase.Answered) {
      const reply = request.reply
      if (reply !== null) {
        this.heldBytes -= reply.length
        request.reply = null
        if (!request.isSilent) this.#output.add(reply)
      }
      const next: Request | null = request.nextReply
      request.nextReply = null
      this.length--
      this.requestBytes -= request.countedBytes
      request = next
    }
    this.head = request
    if (request === null) this.#tail = null
  }
}
