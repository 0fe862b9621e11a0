// One connection to a Redis server: requests go out in order, and each reply belongs to the oldest request without one.
import { ReplyFramer, Type } from '../resp/reply-framer.ts'
import type { Runtime, Stream, StreamHandler } from '../runtime/runtime.ts'
import type { Flushable, Turn } from '../runtime/turn.ts'
import { Outbox } from './outbox.ts'
import { Phase, type Request, type RequestOwner, RequestQueue } from './request.ts'

/** A reply not complete after this many bytes is passed on in parts instead of being collected. */
const LONG_REPLY_BYTES = 64 * 1024
/** Node's own mark for sockets: only what has so much pending at once is told when it has drained. */
const HIGH_WATER_MARK_BYTES = 64 * 1024

export const ConnectionState = {
  /** Not usable yet: TCP, TLS or the handshake is under way. */
  Opening: 0,
  /** Verified as a connection to the primary; takes requests. */
  Ready: 1,
  /** Takes no new requests, closes when those it has are answered. */
  Retiring: 2,
  Closed: 3,
} as const
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState]

/**
 * Sees each whole frame before it is matched with a request. Set on connections lent to one client only.
 * @returns true when the frame is no reply to the oldest request, or has been dealt with.
 */
export type FrameTap = (bytes: Buffer, start: number, end: number) => boolean

/** What the owner of a connection (a pool, the prober) wants to know of it. */
export interface ConnectionObserver {
  /** The socket stands: the handshake can begin. */
  opened(connection: BackendConnection): void
  /** Comes once, after every request on it was told that it is lost. */
  closed(connection: BackendConnection, reason: string): void
  /** A retiring connection could go, or a busy one became idle. */
  idle(connection: BackendConnection): void
}

/**
 * Invariant: a request leaves the FIFO only when its whole reply was read or the socket is dead. Bytes that answer nobody
 * destroy the connection: from then on no reply could be trusted.
 */
export class BackendConnection implements StreamHandler, Flushable {
  state: ConnectionState = ConnectionState.Opening
  /** The shard's generation when it was verified. */
  generation = 0
  /** The server's id for this connection (CLIENT ID). */
  id = 0
  /** Clients whose ordinary commands go here, when it is shared. */
  lanes = 0
  /** Time of the last bytes received, in the runtime's ms. */
  lastHeardAt: number
  /** Since when no client has it, when it is kept for the next one. */
  idleSince = 0
  /** A PING of ours is unanswered. */
  isPinged = false
  /** Clients have waited long enough behind others that do not read. */
  isWaitOver = false
  /** Time since which the oldest request waits for its reply. */
  waitingSince = 0
  tap: FrameTap | null = null
  /** Set once bytes pass in both directions without being understood (MONITOR, subscriptions made inside MULTI). */
  raw: ((bytes: Buffer) => void) | null = null
  /** Called when everything written was taken by the kernel. */
  onDrained: (() => void) | null = null
  readonly sent = new RequestQueue()
  readonly #runtime: Runtime
  readonly #turn: Turn
  /** Whoever keeps it in its books: another pool, once its user, protocol or database changed. */
  observer: ConnectionObserver
  readonly #framer = new ReplyFramer()
  readonly #outbox = new Outbox()
  #stream: Stream | null = null
  /** From here on the bytes of `sent` are still in the outbox. */
  #firstUnsent: Request | null = null
  #isFlushPlanned = false
  /** The beginning of a reply whose end has not arrived. */
  #partial: Buffer[] = []
  #partialBytes = 0
  #isPassingInParts = false
  #closeReason = 'closed by the server'

  constructor(runtime: Runtime, turn: Turn, observer: ConnectionObserver) {
    this.#runtime = runtime
    this.#turn = turn
    this.observer = observer
    this.lastHeardAt = runtime.now()
  }

  /** Hands over the stream that delivers its events to this object. */
  attach(stream: Stream): void {
    this.#stream = stream
  }

  get isReady(): boolean {
    return this.state === ConnectionState.Ready
  }

  get inFlight(): number {
    return this.sent.length
  }

  /** The oldest unanswered request of one owner; a PING of ours may lie before it. */
  headOf(owner: RequestOwner): Request | null {
    let head = this.sent.head
    while (head !== null && head.owner !== owner) head = head.next
    return head
  }

  get pendingBytes(): number {
    return (this.#stream?.pendingBytes ?? 0) + this.#outbox.byteLength
  }

  /** Queues a request's frame for this turn's write. Its reply will come to the request's owner. */
  send(request: Request): void {
    if (this.sent.head === null) this.waitingSince = request.arrivedAt
    request.phase = Phase.Sent
    this.sent.push(request)
    this.#firstUnsent ??= request
    this.#outbox.add(request.bytes, request.start, request.end)
    this.#planFlush()
  }

  /** Takes out the oldest request: its whole reply was read. A server may have answered even what it was not sent yet. */
  finishHead(): Request | null {
    const request = this.sent.shift()
    if (request === this.#firstUnsent) this.#firstUnsent = this.sent.head
    return request
  }

  /** Writes further bytes of a request that is streamed, or of a raw conversation. */
  sendBytes(bytes: Buffer, start: number, end: number): void {
    if (end === start || this.state === ConnectionState.Closed) return
    this.#outbox.add(bytes, start, end)
    this.#planFlush()
  }

  flush(): void {
    this.#isFlushPlanned = false
    if (this.state === ConnectionState.Closed || this.#outbox.isEmpty) return
    const now = this.#runtime.now()
    for (let request = this.#firstUnsent; request !== null; request = request.next) request.noteSent(now)
    this.#firstUnsent = null
    this.#outbox.writeTo(this.#stream!)
    // Less than Node's mark is followed by no event, even if more of it lay in the outbox a moment ago.
    if (this.#stream!.pendingBytes < HIGH_WATER_MARK_BYTES) this.onDrained?.()
  }

  pauseReading(): void {
    this.#stream?.pause()
  }

  resumeReading(): void {
    this.#stream?.resume()
  }

  /** Takes no new request and closes once the ones it has are answered. */
  retire(): void {
    if (this.state === ConnectionState.Closed) return
    this.state = ConnectionState.Retiring
    if (this.sent.length === 0) this.destroy('retired')
  }

  destroy(reason: string): void {
    if (this.state === ConnectionState.Closed) return
    this.#closeReason = reason
    // A request whose client is told that it is lost must not reach the server later, behind what that client does next.
    if (this.sent.length > 0) this.#stream?.reset()
    else this.#stream?.destroy()
    this.#close()
  }

  opened(): void {
    this.observer.opened(this)
    this.#turn.settle()
  }

  drained(): void {
    this.onDrained?.()
    this.#turn.settle()
  }

  ended(): void {
    this.destroy('closed by the server')
    this.#turn.settle()
  }

  closed(reason: string | undefined): void {
    if (reason !== undefined) this.#closeReason = reason
    this.#close()
    this.#turn.settle()
  }

  received(bytes: Buffer, length: number): void {
    if (this.state === ConnectionState.Closed) return
    this.lastHeardAt = this.#turn.begin()
    if (this.raw !== null) this.raw(Buffer.from(bytes.subarray(0, length)))
    else this.#frames(bytes, length)
    this.#turn.settle()
  }

  #frames(bytes: Buffer, length: number): void {
    const framer = this.#framer
    let at = 0
    while (framer.scan(bytes, at, length)) {
      const end = framer.position
      if (this.#isPassingInParts) this.#lastPart(bytes, at, end)
      else if (this.#partialBytes > 0) this.#joined(bytes, at, end)
      else this.#frame(bytes, at, end)
      at = end
      if (this.state === ConnectionState.Closed) return
      if (this.raw !== null) {
        if (at < length) this.raw(Buffer.from(bytes.subarray(at, length)))
        return
      }
    }
    if (framer.isBroken) {
      this.destroy('the server sent bytes that are no reply')
      return
    }
    if (at < length) this.#keepPart(bytes, at, length)
    if (this.sent.head === null) {
      if (this.state === ConnectionState.Retiring && !framer.isInside) this.destroy('retired')
      else this.observer.idle(this)
    } else this.waitingSince = this.lastHeardAt
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    if (this.tap?.(bytes, start, end)) return
    // Pushes answer nobody; on a connection of many clients there is nobody they could be meant for.
    if (bytes[start] === Type.Push) return
    const request = this.finishHead()
    if (request === null) {
      this.destroy('the server sent a reply nobody asked for')
      return
    }
    request.owner.replied(request, bytes, start, end)
  }

  /** A reply whose beginning came in earlier reads. */
  #joined(bytes: Buffer, start: number, end: number): void {
    this.#partial.push(bytes.subarray(start, end))
    const whole = Buffer.concat(this.#partial, this.#partialBytes + end - start)
    this.#partial = []
    this.#partialBytes = 0
    this.#frame(whole, 0, whole.length)
  }

  #keepPart(bytes: Buffer, start: number, end: number): void {
    if (this.#isPassingInParts) {
      const request = this.sent.head!
      request.owner.repliedInPart(request, bytes, start, end, false)
      return
    }
    this.#partial.push(Buffer.from(bytes.subarray(start, end)))
    this.#partialBytes += end - start
    // Pushes and frames a tap looks at are collected whole: they may answer nobody.
    if (this.#partialBytes <= LONG_REPLY_BYTES || this.tap !== null || this.#framer.type === Type.Push) return
    const request = this.sent.head
    if (request === null) {
      this.destroy('the server sent a reply nobody asked for')
      return
    }
    const whole = Buffer.concat(this.#partial)
    this.#partial = []
    this.#partialBytes = 0
    this.#isPassingInParts = true
    request.owner.repliedInPart(request, whole, 0, whole.length, false)
  }

  #lastPart(bytes: Buffer, start: number, end: number): void {
    this.#isPassingInParts = false
    const request = this.finishHead()!
    request.owner.repliedInPart(request, bytes, start, end, true)
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    this.#turn.flushLate(this)
  }

  #close(): void {
    if (this.state === ConnectionState.Closed) return
    this.state = ConnectionState.Closed
    this.#outbox.clear()
    const owners = new Set<RequestOwner>()
    // Phases first: what becomes of a request may depend on how far later ones have come.
    for (let request = this.#firstUnsent; request !== null; request = request.next) request.phase = Phase.Queued
    this.#firstUnsent = null
    for (let request = this.sent.shift(); request !== null; request = this.sent.shift()) {
      owners.add(request.owner)
      request.owner.lost(request, request.phase === Phase.Sent)
    }
    this.observer.closed(this, this.#closeReason)
    for (const owner of owners) owner.connectionLost()
  }
}
