// What one client sent and nobody has been handed yet, such as the beginning of a request.
import type { RequestFramer } from '../resp/request-framer.ts'

const NO_BYTES: Buffer = Buffer.alloc(0)
const LEAST_ROOM_BYTES = 256

/** Positions are those of the framer, which looks for requests in it. */
export class InputBuffer {
  bytes: Buffer = NO_BYTES
  /** 0 when there is nothing. */
  end = 0
  readonly #framer: RequestFramer

  constructor(framer: RequestFramer) {
    this.#framer = framer
  }

  /** Adds bytes behind those kept, of which those before `keep` are dropped. @returns where the new ones begin. */
  add(bytes: Buffer, length: number, keep: number): number {
    const kept = this.end - keep
    const needed = kept + length
    if (keep > 0 || needed > this.bytes.length) {
      // Doubled, so that a request that comes byte by byte is not copied for each of them; never reused, requests point into it.
      const size = needed > this.bytes.length ? Math.max(needed * 2, LEAST_ROOM_BYTES) : this.bytes.length
      const roomy = Buffer.allocUnsafeSlow(size)
      this.bytes.copy(roomy, 0, keep, this.end)
      this.bytes = roomy
      this.#framer.rebase(keep)
    }
    bytes.copy(this.bytes, kept, 0, length)
    this.end = needed
    return this.#framer.position
  }

  /** Keeps what was read just now, up to `to`. */
  keep(bytes: Buffer, to: number): void {
    this.bytes = bytes
    this.end = to
  }

  /** Everything up to `to` was handed on. */
  clear(to: number): void {
    this.bytes = NO_BYTES
    this.end = 0
    this.#framer.rebase(to)
  }
}
