// One reply too long to be collected: its parts go to the client as they come, unless its turn or its fate is not known yet.
import type { Request } from '../backend/request.ts'
import { judge } from './judge.ts'
import type { Lane } from './lane.ts'
import { settle } from './settle.ts'

/** Enough of its beginning for those who look at what kind of reply it is. */
const HEAD_BYTES = 64

export class LongReply {
  readonly #lane: Lane
  readonly #request: Request
  /** Earlier requests are unanswered, or it may be asked again: it has to be collected all the same. */
  readonly #isCollected: boolean
  /** All parts so far, or the beginning of the first. */
  readonly #kept: Buffer[] = []

  constructor(lane: Lane, request: Request) {
    this.#lane = lane
    this.#request = request
    this.#isCollected = lane.proxy.replies.head !== request || request.block !== null || lane.undecided.isOpen
  }

  add(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#isCollected) this.#collect(bytes, start, end, isLast)
    else this.#passOn(bytes, start, end, isLast)
  }

  #collect(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    this.#kept.push(Buffer.from(bytes.subarray(start, end)))
    if (!isLast) return
    const whole = Buffer.concat(this.#kept)
    judge(this.#lane, this.#request, whole, 0, whole.length)
  }

  #passOn(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    const { proxy, current } = this.#lane
    if (this.#kept.length === 0) this.#kept.push(Buffer.from(bytes.subarray(start, Math.min(end, start + HEAD_BYTES))))
    proxy.replies.deliverPart(this.#request, bytes, start, end, isLast)
    if (isLast) settle(this.#lane, this.#request, this.#kept[0]!, 0, this.#kept[0]!.length)
    else proxy.slowReader.check(current)
  }
}
