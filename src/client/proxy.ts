// One client's conversation: reads its requests, hands them to a lane in order, and stops reading when it asks faster than it listens.
import type { BackendConnection } from '../backend/backend-connection.ts'
import { Phase, Request, type WholeBlock } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import type { Command } from '../command/table.ts'
import type { Config } from '../config.ts'
import { encodeRequest, splitInline } from '../resp/request.ts'
import { RequestFramer, Scan } from '../resp/request-framer.ts'
import type { Stream, StreamHandler } from '../runtime/runtime.ts'
import { admit } from './admission.ts'
import { endsBrowser, protocolError } from './bad-input.ts'
import { isBlocked, isHeldBeforeBlocking } from './client-list.ts'
import { Ending } from './ending.ts'
import { InputBuffer } from './input-buffer.ts'
import { Lane } from './lane.ts'
import { ClientMemory } from './memory.ts'
import { Output } from './output.ts'
import { hasRawRoom, passRaw } from './raw-mode.ts'
import { ReplyQueue } from './reply-queue.ts'
import type { Services } from './services.ts'
import { ReplyMode, Session, silence } from './session.ts'
import { SlowReader } from './slow-reader.ts'
import { isTooLargeToCollect, StreamedRequest } from './streamed-request.ts'
import { gatherBlock } from './whole-block.ts'

export class Proxy implements StreamHandler {
  readonly services: Services
  readonly config: Config
  readonly session: Session
  readonly output: Output
  readonly replies: ReplyQueue
  readonly memory: ClientMemory
  readonly slowReader = new SlowReader(this)
  readonly ending: Ending
  readonly stream: Stream
  /** The client is not read: it has too much under way. */
  isStalled = false
  /** The connection to which the client speaks directly, once replies cannot be told from messages. */
  rawPin: BackendConnection | null = null
  readonly connectedAt: number
  lastRequestAt: number
  receivedBytes = 0
  lastCommand: Command | null = null
  /** The lane to the first shard; with one shard it is the only one. */
  readonly #lane: Lane
  readonly #lanes: Lane[]
  readonly #framer = new RequestFramer()
  readonly #input = new InputBuffer(this.#framer)
  #isReading = false
  /** The whole transaction being handed on. */
  #block: WholeBlock | null = null
  /** The request that is too large to be collected, until its last byte came. */
  #streamed: StreamedRequest | null = null
  constructor(services: Services, stream: Stream, id: number, closed: (proxy: Proxy) => void) {
    this.services = services
    this.config = services.config
    this.stream = stream
    this.connectedAt = services.runtime.now()
    this.lastRequestAt = this.connectedAt
    this.session = new Session(id, services.ownIdentity(), services.config.backendDatabase, !services.needsPassword)
    this.#framer.unauthenticated = services.needsPassword
    this.output = new Output(stream, services.turn, () => this.slowReader.written())
    this.replies = new ReplyQueue(this.output, services.outcomes)
    this.memory = new ClientMemory(this, services.memory)
    this.#lane = new Lane(this, services.router.shards[0]!)
    this.#lanes = [this.#lane]
    this.ending = new Ending(this, () => {
      this.slowReader.letGo()
      this.memory.release(this.#lanes.reduce((sum, { inFlight }) => sum + inFlight, 0))
      for (const lane of this.#lanes) lane.leave()
      closed(this)
    })
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
    return this.replies.length === 0 && this.#input.end === 0 && this.output.pendingBytes === 0
  }

  opened(): void {}

  received(bytes: Buffer, length: number): void {
    if (this.ending.isClosing) return
    this.lastRequestAt = this.services.turn.begin()
    this.receivedBytes += length
    if (this.#input.end === 0) this.#read(bytes, 0, length)
    else {
      const from = this.#input.add(bytes, length, this.#firstNeeded)
      if (!this.isStalled) this.#read(this.#input.bytes, from, this.#input.end)
    }
    this.memory.count()
    this.services.turn.settle()
  }

  ended(): void {
    this.ending.hasEnded = true
    // Redis closes a client that waits in a blocking command or listens; every other one still gets what it asked for.
    const isListening = this.#lane.isRaw || this.session.isSubscribed
    if (isListening || isBlocked(this) || isHeldBeforeBlocking(this)) this.ending.abruptly()
    else this.ending.whenAnswered()
    this.services.turn.settle()
  }

  closed(): void {
    this.ending.over()
    this.services.turn.settle()
  }

  drained(): void {
    this.memory.count()
    this.slowReader.caughtUp()
    this.services.turn.settle()
  }

  /** Goes on reading if it had stopped and may again. */
  hasRoom(): void {
    this.ending.whenAnswered()
    if (!this.isStalled || this.#isReading || this.ending.isClosing || !this.#mayRead()) return
    this.isStalled = false
    this.stream.resume()
    if (this.#input.end > 0) this.#read(this.#input.bytes, this.#framer.position, this.#input.end)
  }

  /** Bytes that answer no request: messages, invalidations, raw traffic. */
  push(bytes: Buffer, start: number, end: number): void {
    this.output.addLent(bytes, start, end)
  }

  /** From here on the client speaks to its connection directly. */
  goRaw(pin: BackendConnection): void {
    this.rawPin = pin
    pin.onDrained = () => this.hasRoom()
  }

  /** A large request has its connection: its bytes go there as they come. */
  streamTo(pin: BackendConnection): void {
    this.#streamed?.streamTo(pin)
  }

  /** True while not all bytes of this request have come. */
  isStreaming(request: Request): boolean {
    return this.#streamed?.request === request
  }

  /** Closes the client after what it is owed, without reading more. */
  closeAfterReplies(): void {
    this.ending.afterReplies()
  }

  /** Closes the client now. @param reason for the log, in words. */
  close(reason: string): void {
    this.ending.now(reason)
  }

  #mayRead(): boolean {
    const { config } = this
    if (this.#streamed !== null) return this.#streamed.hasRoom
    for (const lane of this.#lanes) {
      if (lane.queue.length >= config.holdClientCommands || lane.queue.bytes >= config.holdClientBytes) return false
    }
    return this.memory.hasRoom && hasRawRoom(this)
  }

  #stall(): void {
    this.isStalled = true
    this.stream.pause()
  }

  /** Where what has been received and not handed on begins. */
  get #firstNeeded(): number {
    return this.#framer.isInside && this.#streamed === null ? this.#framer.begin : this.#framer.position
  }

  #read(bytes: Buffer, from: number, to: number): void {
    this.#isReading = true
    const framer = this.#framer
    let at = from
    if (this.#streamed !== null) at = this.#readStreamed(this.#streamed, bytes, at, to)
    while (at >= 0 && !this.ending.isClosing) {
      if (this.#block === null && !this.#mayRead()) {
        this.#stall()
        break
      }
      const found = framer.scan(bytes, at, to)
      at = framer.position
      if (found === Scan.Complete) {
        const command = this.services.commands.find(bytes, framer.nameStart, framer.nameEnd)
        this.#submit(command, bytes, framer.begin, at, to)
      } else if (found === Scan.Inline) this.#submitInline(bytes.latin1Slice(framer.begin, at))
      else if (found === Scan.Partial) break
      else if (found === Scan.Invalid) protocolError(this, framer.error)
      if (at >= to) break
    }
    this.#isReading = false
    this.#keepRest(bytes, to)
  }

  /** Keeps what has not been handed on, and begins to stream what is too large to be kept. */
  #keepRest(bytes: Buffer, to: number): void {
    if (this.ending.isClosing) return
    const kept = to - this.#firstNeeded
    if (kept <= 0) {
      this.#input.clear(to)
      return
    }
    this.#input.keep(bytes, to)
    const isCollected = this.#framer.isInside && this.#streamed === null && !this.isStalled
    if (isCollected && isTooLargeToCollect(this.#framer, kept)) this.#beginStreaming()
  }

  #submit(command: Command, bytes: Buffer, start: number, end: number, to: number): void {
    const { services, rawPin } = this
    if (rawPin !== null) {
      passRaw(rawPin, this.config.deny, command, bytes, start, end)
      return
    }
    const lane = this.#lane
    const request = new Request(lane, command, bytes, start, end, this.lastRequestAt)
    this.lastCommand = command
    // CLIENT LIST names `client|list`, not the container.
    if (command.subcommands !== undefined) this.lastCommand = request.subcommand
    if (this.session.replyMode !== ReplyMode.On) this.#silence(request)
    this.replies.push(request)
    if (command.kind !== Kind.Ordinary || this.#block !== null || !this.session.isAdmitted) {
      if (!this.session.isAdmitted && !admit(this, request)) return
      if (command.kind === Kind.Unknown && endsBrowser(this, request)) return
      this.#block = gatherBlock(this.#block, lane, request, to)
    }
    const shards = services.router.shards
    if (shards.length === 1) lane.submit(request)
    else this.#laneOf(request).submit(request)
    // What comes behind QUIT is not even read.
    if (command.kind === Kind.Quit && this.rawPin === null) this.closeAfterReplies()
  }

  #silence(request: Request): void {
    silence(request, true)
    if (this.session.replyMode === ReplyMode.SkipNext) this.session.replyMode = ReplyMode.On
  }

  #laneOf(request: Request): Lane {
    const shard = this.services.router.route(request)
    let lane = this.#lanes.find((known) => known.shard === shard)
    if (lane === undefined) {
      lane = new Lane(this, shard)
      this.#lanes.push(lane)
    }
    request.owner = lane
    return lane
  }

  #submitInline(line: string): void {
    const words = splitInline(line)
    if (words === null) {
      protocolError(this, 'unbalanced quotes in request')
      return
    }
    if (words.length === 0) return
    const frame = encodeRequest(words)
    const name = Buffer.from(words[0]!, 'latin1')
    const command = this.services.commands.find(name, 0, name.length)
    this.#submit(command, frame, 0, frame.length, frame.length)
  }

  #beginStreaming(): void {
    const streamed = new StreamedRequest(this, this.#framer, this.#input)
    const { request } = streamed
    if (this.session.replyMode !== ReplyMode.On) this.#silence(request)
    this.#streamed = streamed
    this.#stall()
    if (this.rawPin === null) {
      this.replies.push(request)
      this.#lane.submitSlowly(request)
    } else {
      streamed.streamTo(this.rawPin)
      const { command, bytes, start, end } = request
      if (!passRaw(this.rawPin, this.config.deny, command, bytes, start, end)) request.phase = Phase.Answered
    }
    this.hasRoom()
  }

  /** @returns where the next request begins, -1 when this one goes on. */
  #readStreamed(streamed: StreamedRequest, bytes: Buffer, from: number, to: number): number {
    if (streamed.read(this.#framer, bytes, from, to)) {
      this.#streamed = null
      return this.#framer.position
    }
    if (!this.ending.isClosing && !this.#mayRead()) this.#stall()
    return -1
  }
}
