// What one client has asked and no server has been given yet, in order; it counts in the hold of the whole process.
import type { Hold, Holder } from '../backend/hold.ts'
import { type Request, RequestQueue } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { HOLD_FULL_REFUSAL } from './refuse.ts'

const NO_BYTES: Buffer = Buffer.alloc(0)

export class WaitingQueue {
  bytes = 0
  readonly #requests = new RequestQueue()
  readonly #hold: Hold
  readonly #holder: Holder

  /** @param holder ends the wait of what has waited too long. */
  constructor(hold: Hold, holder: Holder) {
    this.#hold = hold
    this.#holder = holder
  }

  get head(): Request | null {
    return this.#requests.head
  }

  get length(): number {
    return this.#requests.length
  }

  /** Takes a request in. Of one too many for the hold only the place is kept, in which it is refused. @param isServing the hold is not needed. */
  push(request: Request, isServing: boolean): void {
    if (this.#isTooMuch(request, isServing)) {
      request.refusal = HOLD_FULL_REFUSAL
      request.replaceFrame(NO_BYTES)
    }
    this.#requests.push(request)
    this.#count(request)
  }

  /** Takes the first one out, to be sent or answered. */
  shift(): void {
    const request = this.#requests.shift()!
    this.bytes -= request.byteLength
    this.#hold.remove(this.#holder, request.byteLength, this.head === null)
  }

  /** Puts what was sent, and has to be sent again, in front. */
  prepend(requests: RequestQueue): void {
    for (let request = requests.head; request !== null; request = request.next) this.#count(request)
    this.#requests.prepend(requests)
  }

  clear(): void {
    while (this.head !== null) this.shift()
  }

  #count(request: Request): void {
    this.bytes += request.byteLength
    this.#hold.add(this.#holder, request.byteLength)
  }

  /** Whole transactions are held or refused whole. */
  #isTooMuch(request: Request, isServing: boolean): boolean {
    const first = request.block === null ? request : request.block.requests[0]!
    if (first !== request) return first.refusal === HOLD_FULL_REFUSAL
    return !isServing && this.#hold.isFull && request.command.kind !== Kind.Unsubscribe
  }
}
