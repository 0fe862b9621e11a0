// One client's conversation: reads its requests, hands them to a lane in order, and stops reading when it asks faster than it listens.
import type { BackendConnection } from '../backend/backend-connection.ts'
import { Phase, Request, type WholeBlock } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import type { Command } from '../command/table.ts'
import type { Config } from '../config.ts'
import * as errors from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import { Arguments, encodeRequest, splitInline } from '../resp/request.ts'
import { RequestFramer, Scan } from '../resp/request-framer.ts'
import type { Stream, StreamHandler } from '../runtime/runtime.ts'
import { admit } from './admission.ts'
import { isBlocked } from './client-list.ts'
import { deniedName } from './denial.ts'
import { Lane } from './lane.ts'
import { Output } from './output.ts'
import { ReplyQueue } from './reply-queue.ts'
import type { Services } from './services.ts'
import { ReplyMode, Session, silence } from './session.ts'
import { SlowReader } from './slow-reader.ts'
import { isWholeBlock } from './whole-block.ts'

/** The least proto-max-bulk-len a server can have: above it the server may close the connection, so it must not be a shared one. */
const LARGEST_SHARED_ARGUMENT_BYTES = 1024 * 1024
/** A request that is not complete after so many bytes is streamed instead of collected. */
const LARGEST_COLLECTED_BYTES = 64 * 1024
/** How long a client that we closed may take to close its half, in ms. */
const LINGER_MS = 1000

const NO_BYTES: Buffer = Buffer.alloc(0)

export class Proxy implements StreamHandler {
  readonly services: Services
  readonly config: Config
  readonly session: Session
  readonly output: Output
  readonly replies: ReplyQueue
  readonly slowReader = new SlowReader(this)
  readonly stream: Stream
  readonly connectedAt: number
  lastRequestAt: number
  lastCommand: Command | null = null
  /** The lane to the first shard; with one shard it is the only one. */
  readonly #lane: Lane
  readonly #lanes: Lane[]
  readonly #closed: (proxy: Proxy) => void
  readonly #framer = new RequestFramer()
  /** Received and not handed on yet: bytes [framer.begin, inputEnd). */
  #input: Buffer = NO_BYTES
  #inputEnd = 0
  /** The client is not read: it has too much under way. */
  #isStalled = false
  #isReading = false
  /** The whole transaction being handed on. */
  #block: WholeBlock | null = null
  /** The request that is too large to be collected, until its last byte came. */
  #streaming: Request | null = null
  /** Bytes of it so far. */
  #streamedBytes = 0
  #streamPin: BackendConnection | null = null
  #rawPin: BackendConnection | null = null
  #isClosing = false
  #isClosed = false
  #hasEnded = false

  constructor(services: Services, stream: Stream, id: number, closed: (proxy: Proxy) => void) {
    this.services = services
    this.config = services.config
    this.stream = stream
    this.#closed = closed
    this.connectedAt = services.runtime.now()
    this.lastRequestAt = this.connectedAt
    this.session = new Session(id, services.ownIdentity(), services.config.backendDatabase, !services.needsPassword)
    this.#framer.unauthenticated = services.needsPassword
    this.output = new Output(stream, services.turn, () => this.#written())
    this.replies = new ReplyQueue(this.output)
    this.#lane = new Lane(this, services.router.shards[0]!)
    this.#lanes = [this.#lane]
  }

  get lane(): Lane {
    return this.#lane
  }

  /** The client gave the proxy's password: Redis's lower limits for strangers end. */
  admitted(): void {
    this.#framer.unauthenticated = false
  }

  /** Requests and reply bytes under way: what CLIENT LIST and the drain look at. */
  get isIdle(): boolean {
    return this.replies.length === 0 && this.#inputEnd === 0 && this.output.pendingBytes === 0
  }

  opened(): void {}

  received(bytes: Buffer, length: number): void {
    if (this.#isClosing) return
    this.lastRequestAt = this.services.runtime.now()
    if (this.#inputEnd === 0) this.#read(bytes, 0, length)
    else {
      const from = this.#collect(bytes, length)
      if (!this.#isStalled) this.#read(this.#input, from, this.#inputEnd)
    }
    this.services.turn.settle()
  }

  ended(): void {
    this.#hasEnded = true
    // Redis closes a client that waits in a blocking command or listens; every other one still gets what it asked for.
    const isListening = this.#lane.isRaw || (this.session.subscriptions?.count ?? 0) > 0
    if (isListening || isBlocked(this)) this.#destroy()
    else this.#endWhenAnswered()
    this.services.turn.settle()
  }

  closed(): void {
    this.#gone()
    this.services.turn.settle()
  }

  drained(): void {
    this.#caughtUp()
    this.services.turn.settle()
  }

  /** Goes on reading if it had stopped and may again. */
  hasRoom(): void {
    if (this.#hasEnded || this.#isClosing) this.#endWhenAnswered()
    if (!this.#isStalled || this.#isReading || this.#isClosing || !this.#mayRead()) return
    this.#isStalled = false
    this.stream.resume()
    if (this.#inputEnd > 0) this.#read(this.#input, this.#framer.position, this.#inputEnd)
  }

  /** Bytes that answer no request: messages, invalidations, raw traffic. */
  push(bytes: Buffer, start: number, end: number): void {
    this.output.addLent(bytes, start, end)
  }

  /** From here on the client speaks to its connection directly. */
  goRaw(pin: BackendConnection): void {
    this.#rawPin = pin
    pin.onDrained = () => this.hasRoom()
  }

  /** Passes on one request, of which nobody here will see the reply. @returns false when it is refused: the server is made to say so, at the right place among its replies. */
  passRaw(pin: BackendConnection, command: Command, bytes: Buffer, start: number, end: number): boolean {
    const refused = deniedName(this.config.deny, command, bytes, start, end)
    if (refused === undefined) {
      pin.sendBytes(bytes, start, end)
      return true
    }
    const unknown = encodeRequest([errors.denied(refused)])
    pin.sendBytes(unknown, 0, unknown.length)
    return false
  }

  /** A large request has its connection: its bytes go there as they come. */
  streamTo(pin: BackendConnection): void {
    this.#streamPin = pin
    pin.onDrained = () => this.hasRoom()
  }

  /** True while not all bytes of this request have come. */
  isStreaming(request: Request): boolean {
    return this.#streaming === request
  }

  /** Closes the client after what it is owed, without reading more. */
  closeAfterReplies(): void {
    this.#isClosing = true
    this.#endWhenAnswered()
  }

  /** Closes the client now. @param reason for the log, in words. */
  close(reason: string): void {
    if (this.#isClosed) return
    this.services.log.warn(
      { client: this.session.id, address: this.stream.remoteAddress, reason },
      'client closed by the proxy',
    )
    this.output.flush()
    this.#destroy()
  }

  #destroy(): void {
    this.#isClosing = true
    this.stream.destroy()
    this.#gone()
  }

  #gone(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isClosing = true
    this.slowReader.caughtUp()
    for (const lane of this.#lanes) lane.leave()
    this.#closed(this)
  }

  #endWhenAnswered(): void {
    if (this.replies.length > 0 || this.#isClosed || (this.#isStalled && !this.#isClosing)) return
    this.output.flush()
    this.stream.end()
    if (!this.#isClosing) return
    // Closing while the client's bytes lie unread would reset the connection, and its last replies might be lost with it.
    this.stream.resume()
    this.services.runtime.after(LINGER_MS, () => this.stream.destroy())
    this.#gone()
  }

  #written(): void {
    const { pendingBytes } = this.output
    if (pendingBytes > this.config.outputHardLimitBytes) this.close('it did not read its replies (RUSTEZE_OUTPUT_HARD)')
    else if (this.#isClosing || this.#hasEnded) this.#endWhenAnswered()
    // What the kernel takes at once is followed by no drain event.
    else if (pendingBytes < this.config.outputSoftLimitBytes) this.#caughtUp()
    else if (this.#rawPin !== null) this.#rawPin.pauseReading()
    else if (this.#lane.inFlight > 0) this.slowReader.check(this.#lane.current)
  }

  /** The client has read enough of its replies to be sent more. */
  #caughtUp(): void {
    this.slowReader.caughtUp()
    this.#rawPin?.resumeReading()
    this.hasRoom()
  }

  #mayRead(): boolean {
    const { config } = this
    if (this.#streaming !== null) {
      // Once it is answered, by an error, what is left of it is only to be skipped.
      if (this.#streaming.phase === Phase.Answered) return true
      return this.#streamPin !== null && this.#streamPin.pendingBytes < config.outputSoftLimitBytes
    }
    for (const lane of this.#lanes) {
      if (lane.queue.length >= config.holdClientCommands || lane.queuedBytes >= config.holdClientBytes) return false
    }
    return (
      (this.#rawPin === null || this.#rawPin.pendingBytes < config.outputSoftLimitBytes) &&
      this.replies.length < config.maxInFlight &&
      this.replies.heldBytes < config.outputSoftLimitBytes &&
      this.output.pendingBytes < config.outputSoftLimitBytes
    )
  }

  #stall(): void {
    this.#isStalled = true
    this.stream.pause()
  }

  /** Adds bytes behind those kept. @returns where the new ones begin. */
  #collect(bytes: Buffer, length: number): number {
    const framer = this.#framer
    const keep = framer.isInside && this.#streaming === null ? framer.begin : framer.position
    const kept = this.#inputEnd - keep
    const needed = kept + length
    if (keep > 0 || needed > this.#input.length) {
      // Doubled, so that a request that comes byte by byte is not copied for each of them; never reused, requests point into it.
      const roomy = Buffer.allocUnsafeSlow(needed > this.#input.length ? Math.max(needed * 2, 256) : this.#input.length)
      this.#input.copy(roomy, 0, keep, this.#inputEnd)
      this.#input = roomy
      framer.rebase(keep)
    }
    bytes.copy(this.#input, kept, 0, length)
    this.#inputEnd = needed
    return framer.position
  }

  #read(bytes: Buffer, from: number, to: number): void {
    this.#isReading = true
    const framer = this.#framer
    let at = from
    if (this.#streaming !== null) at = this.#readStreamed(bytes, at, to)
    while (at >= 0 && !this.#isClosing) {
      if (this.#block === null && !this.#mayRead()) {
        this.#stall()
        break
      }
      const found = framer.scan(bytes, at, to)
      at = framer.position
      if (found === Scan.Complete) {
        const command = this.services.commands.find(bytes, framer.nameStart, framer.nameEnd)
        if (this.#rawPin === null) this.#submit(command, bytes, framer.begin, at, to)
        else this.passRaw(this.#rawPin, command, bytes, framer.begin, at)
      } else if (found === Scan.Inline) this.#submitInline(bytes.latin1Slice(framer.begin, at))
      else if (found === Scan.Partial) break
      else if (found === Scan.Invalid) this.#protocolError(framer.error)
      if (at >= to) break
    }
    this.#isReading = false
    this.#keepRest(bytes, to)
  }

  /** Keeps what has not been handed on, and begins to stream what is too large to be kept. */
  #keepRest(bytes: Buffer, to: number): void {
    const framer = this.#framer
    if (this.#isClosing) return
    const from = framer.isInside && this.#streaming === null ? framer.begin : framer.position
    if (from >= to) {
      this.#input = NO_BYTES
      this.#inputEnd = 0
      framer.rebase(to)
      return
    }
    this.#input = bytes
    this.#inputEnd = to
    if (!framer.isInside || this.#streaming !== null || this.#isStalled) return
    if (framer.longestArgument > LARGEST_SHARED_ARGUMENT_BYTES || to - from > LARGEST_COLLECTED_BYTES)
      this.#beginStreaming()
  }

  #submit(command: Command, bytes: Buffer, start: number, end: number, to: number): void {
    const { services } = this
    const lane = this.#lane
    const request = new Request(lane, command, bytes, start, end, this.lastRequestAt)
    this.lastCommand = command
    if (command.subcommands !== undefined) this.#noteSubcommand(request)
    if (this.session.replyMode !== ReplyMode.On) this.#silence(request)
    this.replies.push(request)
    if (command.kind !== Kind.Ordinary || this.#block !== null || !this.session.isAdmitted) {
      if (!this.session.isAdmitted && !admit(this, request)) return
      if (this.#isAnsweredHere(request, to)) return
    }
    const shards = services.router.shards
    if (shards.length === 1) lane.submit(request)
    else this.#laneOf(request).submit(request)
    // What comes behind QUIT is not even read.
    if (command.kind === Kind.Quit && this.#rawPin === null) this.closeAfterReplies()
  }

  /** CLIENT LIST names `client|list`, not the container. */
  #noteSubcommand({ command, bytes, start, end }: Request): void {
    this.lastCommand = command.subcommands?.get(new Arguments(bytes, start, end).word(1)) ?? command
  }

  /** Deals with what has to be seen before a lane has it: whole transactions, browsers. */
  #isAnsweredHere(request: Request, to: number): boolean {
    const { kind } = request.command
    const lane = this.#lane
    if (this.#block !== null) {
      request.block = this.#block
      this.#block.requests.push(request)
      if (kind === Kind.Exec || kind === Kind.Discard) this.#block = null
      return false
    }
    const { needsPin, isWatchBroken } = this.session
    const isFree = lane.pin === null && lane.queue.head === null && !needsPin && this.config.sharedConnections > 0
    if (kind === Kind.Multi && isFree && !isWatchBroken) {
      if (isWholeBlock(this.services.commands, request.bytes, request.end, to)) {
        this.#block = { requests: [request] }
        request.block = this.#block
      }
      return false
    }
    if (kind === Kind.Unknown) {
      const name = new Arguments(request.bytes, request.start, request.end).word(0)
      if (name !== 'post' && name !== 'host:') return false
      this.services.log.warn({ client: this.session.id }, 'client closed: it speaks HTTP')
      this.#isClosing = true
      this.replies.answer(request, NO_BYTES)
      this.closeAfterReplies()
      return true
    }
    return false
  }

  #silence(request: Request): void {
    silence(request, true)
    if (this.session.replyMode === ReplyMode.SkipNext) this.session.replyMode = ReplyMode.On
  }

  #laneOf(request: Request): Lane {
    const shard = this.services.router.route(request)
    const known = this.#lanes.find((lane) => lane.shard === shard)
    if (known !== undefined) return known
    const lane = new Lane(this, shard)
    this.#lanes.push(lane)
    return lane
  }

  #submitInline(line: string): void {
    const words = splitInline(line)
    if (words === null) {
      this.#protocolError('unbalanced quotes in request')
      return
    }
    if (words.length === 0) return
    const frame = encodeRequest(words)
    const name = Buffer.from(words[0]!, 'latin1')
    const command = this.services.commands.find(name, 0, name.length)
    if (this.#rawPin === null) this.#submit(command, frame, 0, frame.length, frame.length)
    else this.passRaw(this.#rawPin, command, frame, 0, frame.length)
  }

  /** Redis answers what it does not understand with its own text, after everything asked before, and closes. */
  #protocolError(what: string): void {
    const request = new Request(this.#lane, this.services.commands.unknown, NO_BYTES, 0, 0, this.lastRequestAt)
    this.replies.push(request)
    this.replies.answer(request, errorReply(errors.protocolError(what)))
    this.closeAfterReplies()
  }

  #beginStreaming(): void {
    const framer = this.#framer
    const isNamed = framer.nameStart >= 0 && framer.nameEnd <= this.#inputEnd
    const { commands } = this.services
    const command = isNamed ? commands.find(this.#input, framer.nameStart, framer.nameEnd) : commands.unknown
    const request = new Request(this.#lane, command, this.#input, framer.begin, framer.position, this.lastRequestAt)
    request.isStreamed = true
    if (this.session.replyMode !== ReplyMode.On) this.#silence(request)
    this.#streaming = request
    this.#streamedBytes = request.byteLength
    this.#stall()
    if (this.#rawPin === null) {
      this.replies.push(request)
      this.#lane.submitSlowly(request)
    } else {
      this.#streamPin = this.#rawPin
      const isPassed = this.passRaw(this.#rawPin, command, this.#input, framer.begin, framer.position)
      if (!isPassed) request.phase = Phase.Answered
    }
    this.hasRoom()
  }

  /** Passes on a large request's next bytes. @returns where the next request begins, -1 when this one goes on. */
  #readStreamed(bytes: Buffer, from: number, to: number): number {
    const framer = this.#framer
    const request = this.#streaming!
    const found = framer.scan(bytes, from, to)
    this.#streamedBytes += framer.position - from
    if (this.#streamedBytes > this.config.queryLimitBytes) {
      this.close('its request is too long (RUSTEZE_QUERY_LIMIT)')
      return -1
    }
    if (found === Scan.Invalid) {
      this.#streamPin?.destroy('client broke the protocol')
      this.#protocolError(framer.error)
      return -1
    }
    const isAnswered = request.phase === Phase.Answered
    if (!isAnswered) this.#streamPin?.sendBytes(bytes, from, framer.position)
    if (found === Scan.Complete) {
      this.#streaming = null
      this.#streamPin = null
      return framer.position
    }
    if (!this.#mayRead()) this.#stall()
    return -1
  }
}
