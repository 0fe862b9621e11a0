// What goes to one client's socket: replies gathered per event into one write, and the count of what the client has not read.
import type { Stream } from '../runtime/runtime.ts'
import type { Flushable, Turn } from '../runtime/turn.ts'

function join(pieces: readonly Buffer[], into: Buffer): Buffer {
  let at = 0
  for (const piece of pieces) at += piece.copy(into, at)
  return into
}

export class Output implements Flushable {
  /** Handed to the socket so far. */
  sentBytes = 0
  readonly #stream: Stream
  readonly #turn: Turn
  /** Told after each write. */
  readonly #written: () => void
  #pieces: Buffer[] = []
  #pieceBytes = 0
  /** Lent bytes [runStart, runEnd) that go out next; copied before their lender gets them back. */
  #run: Buffer | null = null
  #runStart = 0
  #runEnd = 0
  #isPlanned = false

  constructor(stream: Stream, turn: Turn, written: () => void) {
    this.#stream = stream
    this.#turn = turn
    this.#written = written
  }

  /** Bytes the client has not read yet. */
  get pendingBytes(): number {
    return this.#stream.pendingBytes + this.#pieceBytes + (this.#runEnd - this.#runStart)
  }

  /** Memory that these bytes keep. */
  get keptBytes(): number {
    return this.#stream.keptBytes + this.#pieceBytes + (this.#runEnd - this.#runStart)
  }

  /** Adds bytes[start, end), lent until the end of the event; replies that lie side by side stay one run. */
  addLent(bytes: Buffer, start: number, end: number): void {
    if (this.#run === bytes && this.#runEnd === start) {
      this.#runEnd = end
      return
    }
    this.#keepRun()
    this.#run = bytes
    this.#runStart = start
    this.#runEnd = end
    this.#plan()
  }

  /** Adds bytes that are nobody else's, or never change. */
  add(bytes: Buffer): void {
    this.#keepRun()
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
    this.#plan()
  }

  flush(): void {
    this.#isPlanned = false
    // A client that keeps up gets its replies without a copy. One that does not would keep a whole read buffer for each.
    if (this.#run !== null && this.#pieceBytes === 0 && this.#stream.pendingBytes === 0) {
      const replies = this.#run.subarray(this.#runStart, this.#runEnd)
      this.#forgetRun()
      this.sentBytes += replies.length
      this.#stream.writeLent(replies)
    } else {
      this.#keepRun()
      const pieces = this.#pieces
      if (pieces.length === 0) return
      const together = pieces.length === 1 ? pieces[0]! : join(pieces, this.#allocate(this.#pieceBytes))
      this.#pieces = []
      this.#pieceBytes = 0
      this.sentBytes += together.length
      this.#stream.write(together)
    }
    this.#written()
  }

  #keepRun(): void {
    const run = this.#run
    if (run === null) return
    const length = this.#runEnd - this.#runStart
    const copy = this.#allocate(length)
    run.copy(copy, 0, this.#runStart, this.#runEnd)
    this.#pieces.push(copy)
    this.#pieceBytes += length
    this.#forgetRun()
  }

  /** What a slow client is kept must not keep all of Buffer's pool that it shares with others. */
  #allocate(length: number): Buffer {
    return this.#stream.pendingBytes === 0 ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length)
  }

  #forgetRun(): void {
    this.#run = null
    this.#runStart = 0
    this.#runEnd = 0
  }

  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#turn.flushSoon(this)
  }
}
