// A simulated client: it sends pipelines, and holds every reply against the request it must answer.
import type { StreamHandler } from '../../src/runtime/runtime.ts'
import type { ClientWorld, Request } from './client-world.ts'
import type { Write } from './ledger.ts'
import { tokensIn } from './model-store.ts'
import type { Random } from './random.ts'
import { encodeRequest, type Reply, ReplyDecoder, show, textsOf } from './resp-codec.ts'
import type { Link } from './virtual-pipe.ts'
import type { VirtualStream } from './virtual-stream.ts'

interface Pending {
  readonly request: Request
  readonly sentAtMs: number
  /** How far into the client's bytes the request reaches. */
  readonly endsAt: number
  readonly answer: (reply: Reply) => void
}

/** The connection ended before everything was answered. */
export class Disconnected extends Error {}

export class SimulatedClient implements StreamHandler {
  readonly world: ClientWorld
  readonly index: number
  readonly random: Random
  readonly name: string
  /** True while a disconnection is no failure of the proxy: the client itself leaves, or reads too slowly. */
  mayBeDisconnected = false
  /** What the session is for the server, as far as acknowledged commands tell. */
  db = 0
  user = 'default'
  protocol: 2 | 3 = 2
  /** Handles what is no reply: RESP3 pushes and the messages of a RESP2 subscriber. */
  onMessage: ((message: Reply) => void) | undefined
  /** How often it has connected: for the proxy each time it is another client. */
  connections = 0
  stream: VirtualStream | undefined
  #decoder = new ReplyDecoder()
  #pending: Pending[] = []
  #sentBytes = 0
  #answeredBytes = 0
  #tokens = 0
  #isConnected = false
  #isFinishing = false
  #isOver = false
  #wakers: (() => void)[] = []

  constructor(world: ClientWorld, index: number, random: Random, name: string) {
    this.world = world
    this.index = index
    this.random = random
    this.name = name
  }

  token(): string {
    return `<t${this.index}.${++this.#tokens}>`
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** Bytes of requests that the proxy has read and not answered yet. */
  get owedBytes(): number {
    return this.stream === undefined ? 0 : Math.max(0, this.stream.bytesReadByPeer - this.#answeredBytes)
  }

  async connect(link?: Link): Promise<void> {
    this.#decoder = new ReplyDecoder()
    this.connections++
    this.#isFinishing = false
    this.mayBeDisconnected = false
    this.#pending = []
    this.#sentBytes = 0
    this.#answeredBytes = 0
    this.db = 0
    this.user = 'default'
    this.protocol = 2
    this.onMessage = undefined
    const from = { host: 'client', name: `client ${this.index}`, ...(link === undefined ? {} : { link }) }
    this.stream = this.world.network.connect(from, this.world.proxyAddress, 60_000, this)
    this.#isOver = false
    await this.#until(() => this.#isConnected || this.#isOver)
    if (!this.#isConnected) throw new Disconnected()
  }

  /** Sends requests as one run of bytes. Resolves with the last reply of each, in order. */
  async pipeline(requests: readonly Request[]): Promise<Reply[]> {
    const replies: Reply[] = []
    const bytes = requests.map((request) => this.#enqueue(request, (reply) => replies.push(reply)))
    const expected = requests.filter(({ replies: count = 1 }) => count > 0).length
    const { stream } = this
    stream!.write(Buffer.concat(bytes))
    await this.#until(() => replies.length === expected || this.#isOver)
    if (replies.length < expected) throw new Disconnected()
    return replies
  }

  async request(words: readonly string[], more: Omit<Request, 'words'> = {}): Promise<Reply> {
    const replies = await this.pipeline([{ words, ...more }])
    return replies[0] ?? { kind: 'null', text: '', items: [] }
  }

  /** Sends without waiting for the replies, and only the first part of the bytes if told so. */
  send(requests: readonly Request[], portion = 1): void {
    if (this.#isOver) throw new Disconnected()
    const bytes = Buffer.concat(requests.map((request) => this.#enqueue(request, () => {})))
    this.stream!.write(bytes.subarray(0, Math.ceil(bytes.length * portion)))
  }

  async sleep(milliseconds: number): Promise<void> {
    let isOver = false
    this.world.clock.after(milliseconds, () => {
      isOver = true
      this.#wake()
    })
    await this.#until(() => isOver)
  }

  async untilIdle(): Promise<void> {
    await this.#until(() => this.#pending.length === 0 || !this.#isConnected)
  }

  /** Leaves without a word. */
  async leave(how: 'destroy' | 'reset'): Promise<void> {
    this.mayBeDisconnected = true
    if (how === 'destroy') this.stream!.destroy()
    else this.stream!.reset()
    await this.#until(() => !this.#isConnected)
  }

  /** Closes its half, and waits until the proxy has answered everything and closed the other. */
  async finish(): Promise<void> {
    this.#isFinishing = true
    this.stream?.end()
    await this.#until(() => !this.#isConnected)
  }

  opened(): void {
    this.#isConnected = true
    this.#wake()
  }

  received(bytes: Buffer, length: number): void {
    this.#decoder.push(bytes.subarray(0, length))
    try {
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) this.#take(reply)
    } catch (error) {
      this.#complain(`received bytes that are no reply: ${(error as Error).message}`)
      this.mayBeDisconnected = true
      this.stream!.reset()
    }
    this.#wake()
  }

  drained(): void {
    this.#wake()
  }

  ended(): void {
    this.stream!.end()
  }

  closed(reason: string | undefined): void {
    this.#isConnected = false
    this.#isOver = true
    const { stream, world } = this
    if (!this.mayBeDisconnected) {
      const owed = this.#pending.filter(
        ({ endsAt, request }) => endsAt <= stream!.bytesReadByPeer && request.isBlocking !== true,
      )
      if (owed.length > 0) {
        const { words } = owed[0]!.request
        this.#complain(
          `was closed (${reason ?? 'orderly'}) while ${owed.length} replies were owed, first to ${words[0]}`,
        )
      } else if (!world.isDraining && (this.#pending.length > 0 || !this.#isFinishing)) {
        this.#complain(`was disconnected (${reason ?? 'orderly'})`)
      }
    }
    this.#wake()
  }

  /** What is still unanswered, in words; '' when nothing is. */
  describePending(): string {
    const [first] = this.#pending
    if (first === undefined) return ''
    const age = (this.world.clock.nowMs - first.sentAtMs).toFixed(0)
    return `${this.#pending.length} requests unanswered, the first is ${first.request.words.slice(0, 2).join(' ')}, sent ${age} ms ago`
  }

  #enqueue(request: Request, answer: (reply: Reply) => void): Buffer {
    const bytes = encodeRequest(request.words)
    this.#sentBytes += bytes.length
    const count = request.replies ?? 1
    for (let left = count; left > 0; left--) {
      const isLast = left === 1
      this.#pending.push({
        request,
        sentAtMs: this.world.clock.nowMs,
        endsAt: this.#sentBytes,
        answer: isLast ? answer : () => {},
      })
    }
    return bytes
  }

  #take(reply: Reply): void {
    if (this.#isOver) return
    if (this.onMessage !== undefined && isMessage(reply)) {
      this.onMessage(reply)
      return
    }
    let pending = this.#pending.shift()
    if (pending === undefined) {
      this.#complain(`got a reply to nothing: ${show(reply)}`)
      return
    }
    // One error answers a request that would have had several replies.
    if (reply.kind === 'error') while (this.#pending[0]?.request === pending.request) pending = this.#pending.shift()!
    this.#answeredBytes = pending.endsAt
    this.world.replied(this.world.clock.nowMs - pending.sentAtMs)
    this.#judge(pending, reply)
    pending.answer(reply)
  }

  #judge({ request, sentAtMs }: Pending, reply: Reply): void {
    const { world } = this
    const what = request.words.join(' ').slice(0, 80)
    if (request.isShared !== true) {
      const foreign = textsOf(reply)
        .flatMap(tokensIn)
        .find((token) => !token.startsWith(`<t${this.index}.`))
      if (foreign !== undefined) this.#complain(`was given ${foreign} of another client in answer to ${what}`)
    }
    this.#decideFate(request, reply)
    if (reply.kind === 'error') {
      const isRight = request.mayFail?.test(reply.text) === true || world.isExcused(sentAtMs, world.clock.nowMs)
      if (!isRight)
        this.#complain(`was told -${reply.text.slice(0, 120)} in answer to ${what}, and no fault explains it`)
    } else if (request.expect?.(reply) === false) this.#complain(`sent ${what} and was answered ${show(reply)}`)
  }

  #decideFate({ write, fate, decides, opens }: Request, reply: Reply): void {
    if (opens !== undefined) opens.isOpened = reply.kind === 'status'
    if (write !== undefined) write.fate = fate?.(reply) ?? fateOf(reply)
    for (const [at, queued] of (decides ?? []).entries()) {
      if (queued?.fate !== 'queued') continue
      if (reply.kind === 'array') queued.fate = fateOf(reply.items[at] ?? reply)
      else queued.fate = reply.kind === 'error' ? fateOf(reply) : 'refused'
    }
  }

  #complain(text: string): void {
    this.world.violation(`client ${this.index} (${this.name}) ${text}`)
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wakers.push(resolve)
      })
    }
  }

  #wake(): void {
    const wakers = this.#wakers
    this.#wakers = []
    for (const wake of wakers) wake()
  }
}

function isMessage(reply: Reply): boolean {
  return (reply.kind === 'push' || reply.kind === 'array') && reply.items[0]?.text === 'message'
}

function fateOf(reply: Reply): Write['fate'] {
  if (reply.kind === 'error') return reply.text.startsWith('UNCERTAIN') ? 'uncertain' : 'refused'
  return reply.kind === 'status' && reply.text === 'QUEUED' ? 'queued' : 'acknowledged'
}
