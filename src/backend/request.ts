// One request on its way: from its client's queue over a backend connection and back to its place among the client's replies.
import type { Command } from '../command/table.ts'
import { Arguments } from '../resp/request.ts'
import type { Address } from '../runtime/runtime.ts'

/** How far a request has come. */
export const Phase = {
  /** Not given to a socket: the server cannot have seen it. */
  Queued: 0,
  /** Given to a socket and not answered: the server may have run it. */
  Sent: 1,
  /** Answered, but the answer is kept back until it is known whether it will be asked again. */
  Held: 2,
  /** Answered for good; waits at most for earlier replies of its client. */
  Answered: 3,
} as const
export type Phase = (typeof Phase)[keyof typeof Phase]

/** A transaction that arrived whole and travels as one write over a shared connection. */
export interface WholeBlock {
  /** MULTI, the queued commands and EXEC (or DISCARD), in order. */
  readonly requests: Request[]
}

/** Whoever sent a request and hears of it. */
export interface RequestOwner {
  /** The client's; null for our own requests. */
  readonly proxy: { readonly session: { readonly id: number } } | null
  /** Where its requests go now. */
  readonly server: { readonly address: Address } | null
  /** The whole reply is bytes[start, end); the bytes are lent until the call returns. */
  replied(request: Request, bytes: Buffer, start: number, end: number): void
  /** A further part of a reply too long to be collected; lent like above. `replied` is not called for such a reply. */
  repliedInPart(request: Request, bytes: Buffer, start: number, end: number, isLast: boolean): void
  /** The connection died before the whole reply came. @param wasSent false when no byte of it had been given to the socket. */
  lost(request: Request, wasSent: boolean): void
  /** Called once per owner after all its lost requests were told. */
  connectionLost(): void
}

/** The largest integer of V8's that needs no memory of its own. */
const MAX_WAITED_US = 2 ** 31 - 1

export class Request {
  owner: RequestOwner
  readonly command: Command
  /** The frame is bytes[start, end); the bytes belong to the request and are never changed. */
  bytes: Buffer
  start: number
  end: number
  /** When its last byte arrived, in the runtime's milliseconds. */
  readonly arrivedAt: number
  phase: Phase = Phase.Queued
  /** From its arrival until it was given to a socket last, in µs: an integer, which needs no memory of its own. */
  #waitedUs = 0
  /** How often it was sent again after its connection died. */
  attempts = 0
  /** CLIENT REPLY OFF or SKIP: its reply is swallowed. */
  isSilent = false
  /** Part of its reply has been given to the client: no other reply can take its place any more. */
  isReplyBegun = false
  /** Set for requests too large to keep: their bytes go from the client to a connection as they come. */
  isStreamed = false
  /** The transaction it travels in, when that arrived whole. */
  block: WholeBlock | null = null
  /** Acknowledgements still to come (SUBSCRIBE answers once per channel); -1 until the first one. */
  acknowledgementsLeft = -1
  /** Its bytes as its client's memory counts them, whatever is sent in their place. */
  countedBytes = 0
  /** Words of the request, where acknowledgements are counted. */
  argumentCount = 0
  /** The reply while it is held or waits for its turn. */
  reply: Buffer | null = null
  /** The server's last refusal: what its client hears should it never be taken. */
  refusal: Buffer | null = null
  /** The next one in its lane's queue or its connection's FIFO: it is in one of them at most. */
  next: Request | null = null
  /** The next one of the same client, in the order of its replies. */
  nextReply: Request | null = null

  constructor(owner: RequestOwner, command: Command, bytes: Buffer, start: number, end: number, arrivedAt: number) {
    this.owner = owner
    this.command = command
    this.bytes = bytes
    this.start = start
    this.end = end
    this.arrivedAt = arrivedAt
  }

  /** It is given to a socket now. */
  noteSent(now: number): void {
    this.#waitedUs = Math.min((now - this.arrivedAt) * 1000, MAX_WAITED_US) | 0
  }

  /** From its arrival until it was given to a socket last. */
  get waitedMs(): number {
    return this.#waitedUs * 0.001
  }

  /** Its arguments, found anew each time: nothing for the hot path. */
  get words(): Arguments {
    return new Arguments(this.bytes, this.start, this.end)
  }

  /** Its subcommand, where it has one that is in the table, else its command. */
  get subcommand(): Command {
    const { command } = this
    return command.subcommands?.get(this.words.word(1)) ?? command
  }

  /** Another frame is sent in its place. */
  replaceFrame(frame: Buffer): void {
    this.bytes = frame
    this.start = 0
    this.end = frame.length
  }

  get byteLength(): number {
    return this.end - this.start
  }
}

/** First in, first out; linked through the requests themselves, so that queueing makes no objects. */
export class RequestQueue {
  head: Request | null = null
  tail: Request | null = null
  length = 0

  push(request: Request): void {
    request.next = null
    if (this.tail === null) this.head = request
    else this.tail.next = request
    this.tail = request
    this.length++
  }

  shift(): Request | null {
    const request = this.head
    if (request === null) return null
    this.head = request.next
    if (this.head === null) this.tail = null
    request.next = null
    this.length--
    return request
  }

  /** Puts all of `earlier` in front, in its order, and empties it. */
  prepend(earlier: RequestQueue): void {
    if (earlier.tail === null) return
    earlier.tail.next = this.head
    if (this.tail === null) this.tail = earlier.tail
    this.head = earlier.head
    this.length += earlier.length
    earlier.clear()
  }

  clear(): void {
    this.head = null
    this.tail = null
    this.length = 0
  }
}
