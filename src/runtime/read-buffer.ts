// The memory that one connection to a server is read into: reused, larger while much arrives at once, left to whoever still needs it.

/** libuv's own read size. */
const SMALL_BYTES = 64 * 1024
/** With replies of 16 KiB a sixth less memory and time than the small one: fewer replies are cut and have to be joined. */
const LARGE_BYTES = 256 * 1024
/** After so many reads in a row that fit into the small one, the large one is given back. */
const CALM_READS = 100

/** Read buffers with bytes that wait to be written to another socket. */
const needed = new WeakSet<ArrayBufferLike>()

/** Nothing is read into this memory again: a socket has not taken all of it yet. */
export function keepReadBuffer(bytes: Uint8Array): void {
  needed.add(bytes.buffer)
}

export class ReadBuffer {
  #buffer: Buffer | null = null
  #bytes = SMALL_BYTES
  #calmReads = 0

  /** A read brought so many bytes. */
  read(length: number): void {
    if (length === this.#bytes) {
      this.#bytes = LARGE_BYTES
      this.#calmReads = 0
    } else if (this.#bytes === LARGE_BYTES) {
      this.#calmReads = length < SMALL_BYTES ? this.#calmReads + 1 : 0
      if (this.#calmReads === CALM_READS) this.#bytes = SMALL_BYTES
    }
  }

  /** What to read into next; undefined for the same as before. */
  next(): Buffer | undefined {
    const buffer = this.#buffer
    if (buffer !== null && buffer.length === this.#bytes && !needed.has(buffer.buffer)) return undefined
    // Not from Buffer's pool, and not filled: every byte is overwritten before it is read.
    this.#buffer = Buffer.allocUnsafeSlow(this.#bytes)
    return this.#buffer
  }
}
