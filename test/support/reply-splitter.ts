// Finds where one whole RESP2 or RESP3 reply ends: a second opinion, written for tests apart from the proxy's framer.

const cr = 0x0d
const lf = 0x0a

/** How many further frames follow the header of an aggregate, for each of the count it names. */
const framesPerCount: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 }
const bulkTypes = '$=!'
const lineTypes = '+-:_#,('

/** A byte stream that is no RESP, or a frame the servers never send. */
export class MalformedReply extends Error {}

/**
 * Bytes go in as they arrive, whole replies come out. It keeps its place in an unfinished reply, so a long one that
 * comes in many pieces is looked at once.
 */
export class ReplySplitter {
  #bytes: Buffer = Buffer.alloc(0)
  /** What has arrived and is not yet part of `#bytes`; joined only once enough is there to get on. */
  #arrived: Buffer[] = []
  #arrivedBytes = 0
  #offset = 0
  #framesLeft = 1
  /** Less than this in all, and the reply cannot be whole. */
  #neededBytes = 1

  push(chunk: Buffer): void {
    this.#arrived.push(chunk)
    this.#arrivedBytes += chunk.length
  }

  /** The bytes that are in no reply taken so far. */
  get bufferedBytes(): number {
    return this.#bytes.length + this.#arrivedBytes
  }

  /** Takes the next whole reply with the attributes before it, or tells by `undefined` that it is not all there. */
  next(): Buffer | undefined {
    if (this.bufferedBytes < this.#neededBytes) return undefined
    this.#join()
    while (this.#framesLeft > 0) {
      if (!this.#passOneFrame()) return undefined
    }
    return this.takeBytes(this.#offset)
  }

  /** Takes this many bytes, whatever they are; `undefined` while fewer are there. */
  takeBytes(count: number): Buffer | undefined {
    if (this.bufferedBytes < count) return undefined
    this.#join()
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    this.#offset = 0
    this.#framesLeft = 1
    this.#neededBytes = 1
    return taken
  }

  #join(): void {
    if (this.#arrived.length === 0) return
    this.#bytes = Buffer.concat([this.#bytes, ...this.#arrived])
    this.#arrived = []
    this.#arrivedBytes = 0
  }

  /** Moves over one header, and for a string over its bytes; false where it has not arrived. */
  #passOneFrame(): boolean {
    const lineEnd = this.#bytes.indexOf('\r\n', this.#offset, 'latin1')
    if (lineEnd < 0) {
      this.#neededBytes = this.#bytes.length + 1
      return false
    }
    const type = String.fromCharCode(this.#bytes[this.#offset] ?? 0)
    const line = this.#bytes.toString('latin1', this.#offset + 1, lineEnd)
    let end = lineEnd + 2
    let following = 0
    if (bulkTypes.includes(type)) {
      const length = countIn(line)
      if (length >= 0) end = this.#endOfBulk(end + length)
      if (end > this.#bytes.length) {
        this.#neededBytes = end
        return false
      }
    } else if (type in framesPerCount) {
      following = Math.max(0, countIn(line)) * (framesPerCount[type] ?? 1)
      // An attribute is no reply: the one that it speaks of follows.
      if (type === '|') following += 1
    } else if (!lineTypes.includes(type)) {
      throw new MalformedReply(`no reply begins with ${JSON.stringify(type)} (then ${JSON.stringify(line)})`)
    }
    this.#offset = end
    this.#framesLeft += following - 1
    return true
  }

  #endOfBulk(dataEnd: number): number {
    const isClosed = this.#bytes[dataEnd] === cr && this.#bytes[dataEnd + 1] === lf
    if (dataEnd + 2 <= this.#bytes.length && !isClosed) throw new MalformedReply('no CRLF after a string')
    return dataEnd + 2
  }
}

function countIn(line: string): number {
  if (!/^(-1|\d+)$/.test(line)) throw new MalformedReply(`${JSON.stringify(line)} is no length`)
  return Number(line)
}
