// One direction of a virtual connection: what is written, what the kernels hold, and how it arrives, in pieces cut anywhere.
import type { Random } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** How the ways of a network behave. One object per pair of hosts; faults change it while the world runs. */
export interface Link {
  minLatencyMs: number
  maxLatencyMs: number
  /** Bytes the kernels of both ends hold together, per direction. */
  kernelBytes: number
  /** How likely a piece is cut short, and then how likely to a single byte. */
  cutProbability: number
  singleByteProbability: number
  /** Nothing arrives while true; what was sent waits, as TCP would send it again. */
  isPartitioned: boolean
  connect: 'accept' | 'refuse' | 'black-hole'
}

/** What a pipe tells the stream at its receiving end. */
export interface PipeEnd {
  readonly isReading: boolean
  /** Hears of the end though it does not read, if no bytes are in front of it. */
  readonly hearsEnd: boolean
  arrived(bytes: Buffer, length: number): void
  finished(): void
  failed(): void
}

/** What a pipe tells the stream at its sending end. */
export interface PipeStart {
  drained(): void
  /** Every byte and the end were taken by the kernel. */
  flushed(): void
}

interface Segment {
  readonly bytes: Uint8Array
  /** What the bytes were when they were written: they are read again only when they arrive. */
  readonly copy: Buffer
  from: number
  readonly to: number
  readonly arrivesAtMs: number
}

/** Node's own mark for streams: `drained` comes only after so much was pending at once. */
const HIGH_WATER_MARK_BYTES = 64 * 1024
/** The most one read of a socket gives. */
const READ_BYTES = 64 * 1024
const POISON = 0xdb
/** What bytes are lent in, by one pipe at a time. */
const LENT = Buffer.alloc(READ_BYTES, POISON)
/** TCP sends again after at least this time, so a partition ends a little later for those it held up. */
const RETRANSMIT_MS = 200

export class Pipe {
  readonly receiver: PipeEnd
  readonly sender: PipeStart
  /** Bytes written that the kernel has not taken. */
  pendingBytes = 0
  /** Bytes the receiver's handler was given. */
  deliveredBytes = 0
  writtenBytes = 0
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #link: Link
  readonly #violation: (text: string) => void
  readonly #isLent: boolean
  readonly #waiting: { bytes: Uint8Array; copy: Buffer; from: number }[] = []
  readonly #kernel: Segment[] = []
  #kernelBytes = 0
  #lastArrivalMs = 0
  #needsDrain = false
  #isOpen = false
  #endAsked = false
  /** When the end of the stream arrives, once every byte was taken. */
  #finArrivesAtMs: number | undefined
  #endsInFailure = false
  #isFinished = false
  #isCut = false
  #isScheduled = false

  constructor(
    world: { clock: VirtualClock; random: Random; violation: (text: string) => void },
    link: Link,
    sender: PipeStart,
    receiver: PipeEnd,
    isLent: boolean,
  ) {
    this.#clock = world.clock
    this.#random = world.random
    this.#violation = world.violation
    this.#link = link
    this.sender = sender
    this.receiver = receiver
    this.#isLent = isLent
  }

  /** The connection stands: what was written before goes out, and arrives at `earliestMs` or later. */
  open(earliestMs: number): void {
    this.#isOpen = true
    this.#lastArrivalMs = earliestMs
    this.#take()
  }

  write(bytes: Uint8Array): void {
    if (this.#endAsked || this.#isCut || bytes.length === 0) return
    this.#waiting.push({ bytes, copy: Buffer.from(bytes), from: 0 })
    this.pendingBytes += bytes.length
    this.writtenBytes += bytes.length
    if (this.pendingBytes >= HIGH_WATER_MARK_BYTES) this.#needsDrain = true
    this.#take()
  }

  end(): void {
    this.#endAsked = true
    this.#take()
  }

  /** The sender closed its socket: what the kernel has is still delivered, the rest never was sent. */
  abandon(): void {
    this.#waiting.length = 0
    this.pendingBytes = 0
    this.#needsDrain = false
    this.end()
  }

  /** Nothing that has not arrived yet will, nor the end. */
  cut(): void {
    this.#isCut = true
    this.#waiting.length = 0
    this.#kernel.length = 0
    this.pendingBytes = 0
    this.#kernelBytes = 0
  }

  /** The sender's side broke: the receiver hears of it behind what has arrived, or at once and never sees the rest. */
  reset(): void {
    this.#endsInFailure = true
    this.#waiting.length = 0
    this.pendingBytes = 0
    if (this.#random.chance(0.5)) {
      this.#kernel.length = 0
      this.#kernelBytes = 0
    }
    this.#endAsked = true
    this.#isOpen = true
    this.#finArrivesAtMs ??= this.#arrival()
    this.#schedule(0)
  }

  get isFinished(): boolean {
    return this.#isFinished
  }

  get isFlushed(): boolean {
    return this.#finArrivesAtMs !== undefined
  }

  /** True while bytes wait for a receiver that does not read. */
  get hasUnread(): boolean {
    return this.#kernelBytes > 0
  }

  /** The receiver reads again, or a partition ended. */
  wake(): void {
    this.#schedule(0)
  }

  wakeAfterPartition(): void {
    this.#schedule(this.#random.between(0, RETRANSMIT_MS))
  }

  #take(): void {
    if (!this.#isOpen || this.#isCut) return
    let room = this.#link.kernelBytes - this.#kernelBytes
    while (room > 0) {
      const head = this.#waiting[0]
      if (head === undefined) break
      const count = Math.min(room, head.bytes.length - head.from)
      this.#kernel.push({
        bytes: head.bytes,
        copy: head.copy,
        from: head.from,
        to: head.from + count,
        arrivesAtMs: this.#arrival(),
      })
      head.from += count
      room -= count
      this.#kernelBytes += count
      this.pendingBytes -= count
      if (head.from === head.bytes.length) this.#waiting.shift()
    }
    if (this.pendingBytes === 0) {
      if (this.#needsDrain) {
        this.#needsDrain = false
        this.#clock.after(0, () => this.sender.drained())
      }
      if (this.#endAsked && this.#finArrivesAtMs === undefined) {
        this.#finArrivesAtMs = this.#arrival()
        this.#clock.after(0, () => this.sender.flushed())
      }
    }
    this.#schedule(0)
  }

  #arrival(): number {
    const latencyMs = this.#random.between(this.#link.minLatencyMs, this.#link.maxLatencyMs)
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#clock.nowMs + latencyMs)
    return this.#lastArrivalMs
  }

  #schedule(leastDelayMs: number): void {
    if (this.#isScheduled || this.#isCut || this.#isFinished) return
    const nextMs = this.#kernel[0]?.arrivesAtMs ?? this.#finArrivesAtMs
    if (nextMs === undefined) return
    this.#isScheduled = true
    this.#clock.after(Math.max(leastDelayMs, nextMs - this.#clock.nowMs), () => {
      this.#isScheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    if (this.#isCut || this.#isFinished || this.#link.isPartitioned) return
    const nowMs = this.#clock.nowMs
    const head = this.#kernel[0]
    if (!this.receiver.isReading && (head !== undefined || !this.receiver.hearsEnd)) return
    if (head === undefined) {
      if (this.#finArrivesAtMs !== undefined && this.#finArrivesAtMs <= nowMs) {
        this.#isFinished = true
        if (this.#endsInFailure) this.receiver.failed()
        else this.receiver.finished()
      } else this.#schedule(0)
      return
    }
    const bytes = this.#read(nowMs)
    if (bytes !== undefined) {
      this.deliveredBytes += bytes.length
      this.#kernelBytes -= bytes.length
      this.#give(bytes)
      this.#take()
    }
    // A read that was cut short is followed by the next one in the same or a later turn.
    this.#schedule(this.#random.chance(0.5) ? 0 : this.#random.between(0, 0.05))
  }

  /** Takes what has arrived out of the kernel, cut short by chance. */
  #read(nowMs: number): Buffer | undefined {
    let arrived = 0
    for (const segment of this.#kernel) {
      if (segment.arrivesAtMs > nowMs || arrived >= READ_BYTES) break
      arrived += segment.to - segment.from
    }
    if (arrived === 0) return undefined
    let count = Math.min(arrived, READ_BYTES)
    if (this.#random.chance(this.#link.cutProbability)) {
      count = this.#random.chance(this.#link.singleByteProbability) ? 1 : 1 + this.#random.below(count)
    }
    const read = Buffer.allocUnsafe(count)
    let at = 0
    while (at < count) {
      const head = this.#kernel[0]!
      const end = Math.min(head.to, head.from + count - at)
      const piece = head.bytes.subarray(head.from, end)
      if (head.copy.compare(piece, 0, piece.length, head.from, end) !== 0) {
        this.#violation(`bytes handed to write() were changed before they arrived: ${preview(head.copy)}`)
      }
      read.set(piece, at)
      at += piece.length
      head.from = end
      if (head.from === head.to) this.#kernel.shift()
    }
    return read
  }

  #give(bytes: Buffer): void {
    if (!this.#isLent) {
      this.receiver.arrived(bytes, bytes.length)
      return
    }
    bytes.copy(LENT)
    this.receiver.arrived(LENT, bytes.length)
    LENT.fill(POISON, 0, bytes.length)
  }
}

/** The beginning of some bytes as one line of text. */
export function preview(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 120)).toString('latin1')
  return JSON.stringify(text) + (bytes.length > 120 ? `… (${bytes.length} bytes)` : '')
}
