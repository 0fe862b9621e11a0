// Collects the frames for one backend connection during a turn and writes them at once.
import type { Stream } from '../runtime/runtime.ts'

/** Pieces up to this size are copied together; larger ones are cheaper written as they are. */
const COPY_BELOW_BYTES = 16 * 1024

export class Outbox {
  #bytes: Buffer[] = []
  #starts: number[] = []
  #ends: number[] = []
  byteLength = 0

  get isEmpty(): boolean {
    return this.byteLength === 0
  }

  /** Adds bytes[start, end); frames that lie side by side become one piece. */
  add(bytes: Buffer, start: number, end: number): void {
    const last = this.#bytes.length - 1
    this.byteLength += end - start
    if (last >= 0 && this.#ends[last] === start && this.#bytes[last] === bytes) {
      this.#ends[last] = end
      return
    }
    this.#bytes.push(bytes)
    this.#starts.push(start)
    this.#ends.push(end)
  }

  writeTo(stream: Stream): void {
    const count = this.#bytes.length
    let at = 0
    while (at < count) {
      let size = 0
      let to = at
      while (to < count) {
        const length = this.#ends[to]! - this.#starts[to]!
        if (length > COPY_BELOW_BYTES) break
        size += length
        to++
      }
      if (to > at + 1) {
        const together = Buffer.allocUnsafe(size)
        let filled = 0
        for (; at < to; at++) {
          filled += this.#bytes[at]!.copy(together, filled, this.#starts[at], this.#ends[at])
        }
        stream.write(together)
      } else {
        stream.write(this.#bytes[at]!.subarray(this.#starts[at], this.#ends[at]))
        at++
      }
    }
    this.clear()
  }

  clear(): void {
    this.#bytes = []
    this.#starts = []
    this.#ends = []
    this.byteLength = 0
  }
}
