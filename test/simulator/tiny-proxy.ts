// A proxy of a hundred lines for the simulator's own tests: right for pipelines, and wrong in one way on demand.
import type { Runtime, Stream, StreamHandler } from '../../src/runtime/runtime.ts'
import type { ProxyPlace, SimulatedProxy } from './proxy-place.ts'
import { encode, encodeRequest, ReplyDecoder, RequestDecoder } from './resp-codec.ts'
import { TinyWatch } from './tiny-watch.ts'

/** The bugs that can be planted. */
export type Bug =
  | 'none'
  | 'sends again'
  | 'says refused'
  | 'acknowledges early'
  | 'swaps replies'
  | 'mixes clients'
  | 'forgets requests'
  | 'drops clients'
  | 'reuses buffers'
  | 'keeps lent bytes'
  | 'shares sessions'
  | 'drains rudely'
  | 'loses WATCH'
  | 'splits blocks'
  | 'fakes WAIT'
  | 'keeps former primaries'
  | 'asks the new primary again'
  | 'keeps removed servers'

/** Stands behind the words of a request whose reply the client must not see. */
const ANSWERED = 'answered'

/** One client, one backend connection that is opened again when it is lost. */
class Conversation implements StreamHandler {
  readonly #client: Stream
  readonly #proxy: TinyProxy
  readonly #requests = new RequestDecoder()
  #replies = new ReplyDecoder()
  #backend: Stream | undefined
  #isOpen = false
  #hasEnded = false
  #isClosed = false
  #queued: string[][] = []
  #sent: string[][] = []
  #swapped: Buffer | undefined

  constructor(client: Stream, proxy: TinyProxy) {
    this.#client = client
    this.#proxy = proxy
  }

  opened(): void {}
  drained(): void {}

  received(bytes: Buffer, length: number): void {
    this.#requests.push(bytes.subarray(0, length))
    for (let words = this.#requests.next(); words !== undefined; words = this.#requests.next()) {
      this.#queued.push(this.#spoil(words))
    }
    this.#forward()
  }

  /** What a bug makes of a request. */
  #spoil(words: string[]): string[] {
    const { bug } = this.#proxy
    const [name] = words
    if (bug === 'acknowledges early' && name === 'SET' && this.#sent.length + this.#queued.length === 0) {
      this.#client.write(Buffer.from(encode.ok))
      return [...words, ANSWERED]
    }
    if (bug === 'loses WATCH' && name === 'WATCH') return ['SELECT', '0']
    if (bug === 'splits blocks' && name === 'MULTI') return ['SELECT', '0']
    if (bug === 'fakes WAIT' && name === 'WAIT') return ['INCR', `waits:${this.#proxy.waits++}`]
    if (bug === 'shares sessions' && (name === 'SELECT' || name === 'AUTH')) {
      for (const other of this.#proxy.conversations) if (other !== this) other.slipIn([...words, ANSWERED])
    }
    return words
  }

  /** Sends what this client never asked for. */
  slipIn(words: string[]): void {
    this.#queued.push(words)
    this.#forward()
  }

  ended(): void {
    this.#hasEnded = true
    // As Redis does: who closes while he waits does not wait any more.
    if ([...this.#sent, ...this.#queued].some(([name]) => name === 'BLPOP')) this.destroy()
    this.endIfDone()
  }

  closed(): void {
    this.#isClosed = true
    this.#proxy.conversations.delete(this)
    this.#backend?.destroy()
  }

  /** Closes the client if nothing is owed to it. */
  endIfDone(): void {
    if ((this.#hasEnded || this.#proxy.isDraining) && this.#queued.length + this.#sent.length === 0) this.#client.end()
  }

  destroy(): void {
    this.#client.destroy()
  }

  /** Another server is the primary. */
  switched(): void {
    const { bug } = this.#proxy
    const { isListed } = this.#proxy.primary
    if (bug === 'keeps former primaries' || (bug === 'keeps removed servers' && !isListed)) return
    this.#backend?.destroy()
    this.#forward()
  }

  #forward(): void {
    if (this.#queued.length === 0 || this.#isClosed) return
    if (!this.#proxy.primary.isListed && this.#proxy.bug !== 'keeps removed servers') return
    if (this.#backend === undefined) this.#connect()
    if (!this.#isOpen) return
    for (const words of this.#queued.splice(0)) {
      this.#sent.push(words)
      const frame = encodeRequest(words.filter((word) => word !== ANSWERED))
      if (this.#proxy.bug === 'reuses buffers') {
        frame.copy(this.#proxy.scratch)
        this.#backend!.write(this.#proxy.scratch.subarray(0, frame.length))
      } else this.#backend!.write(frame)
    }
  }

  #connect(): void {
    this.#replies = new ReplyDecoder()
    this.#backend = this.#proxy.runtime.connect(this.#proxy.primary.address, undefined, 500, {
      opened: () => {
        this.#isOpen = true
        this.#forward()
      },
      received: (bytes, length) => this.#receivedReplies(bytes, length),
      drained: () => {},
      ended: () => this.#backend?.destroy(),
      closed: () => this.#lost(),
    })
  }

  #receivedReplies(bytes: Buffer, length: number): void {
    if (this.#proxy.bug === 'keeps lent bytes') {
      this.#sent = []
      this.#client.write(bytes.subarray(0, length))
      return
    }
    this.#replies.push(bytes.subarray(0, length))
    while (this.#replies.next() !== undefined) {
      const words = this.#sent.shift()
      if (words?.at(-1) !== ANSWERED) this.#give(Buffer.from(this.#replies.lastBytes))
    }
    this.endIfDone()
  }

  #give(reply: Buffer): void {
    const { bug, runtime } = this.#proxy
    const isHit = runtime.random() < 0.02
    if (this.#swapped !== undefined) {
      const first = this.#swapped
      this.#swapped = undefined
      this.#client.write(reply)
      this.#client.write(first)
    } else if (bug === 'swaps replies' && isHit && this.#sent.length > 0) this.#swapped = reply
    else if (bug === 'mixes clients' && isHit) this.#client.write(this.#proxy.lastReply)
    else this.#client.write(reply)
    this.#proxy.lastReply = reply
  }

  #lost(): void {
    this.#backend = undefined
    this.#isOpen = false
    const { bug, runtime } = this.#proxy
    if (bug === 'drops clients') this.#client.destroy()
    const lost = this.#sent.splice(0)
    if (bug === 'sends again' || bug === 'asks the new primary again') this.#queued.unshift(...lost)
    else if (bug === 'forgets requests') this.#isClosed = true
    else {
      const error = bug === 'says refused' ? 'MASTERDOWN it did not run' : 'UNCERTAIN it may have run'
      for (const words of lost) if (words.at(-1) !== ANSWERED) this.#client.write(Buffer.from(encode.error(error)))
    }
    this.endIfDone()
    runtime.after(50, () => this.#forward())
  }
}

class TinyProxy implements SimulatedProxy {
  readonly runtime: Runtime
  readonly primary: TinyWatch
  readonly bug: Bug
  readonly conversations = new Set<Conversation>()
  readonly scratch = Buffer.alloc(1024 * 1024)
  isDraining = false
  waits = 0
  /** What was given last, to whomever. */
  lastReply: Buffer = Buffer.from(encode.ok)

  constructor(place: ProxyPlace, bug: Bug) {
    this.runtime = place.runtime
    this.primary = new TinyWatch(place, () => {
      for (const conversation of this.conversations) conversation.switched()
    })
    this.bug = bug
  }

  async drain(): Promise<void> {
    this.isDraining = true
    for (const conversation of this.conversations) {
      if (this.bug === 'drains rudely') conversation.destroy()
      else conversation.endIfDone()
    }
    await new Promise<void>((resolve) => {
      const wait = (): void => {
        if (this.conversations.size > 0) this.runtime.after(10, wait)
        else {
          this.primary.close()
          resolve()
        }
      }
      wait()
    })
  }
}

export async function startTinyProxy(place: ProxyPlace, bug: Bug): Promise<SimulatedProxy> {
  const proxy = new TinyProxy(place, bug)
  await place.runtime.listen(place.listen, (stream) => {
    const conversation = new Conversation(stream, proxy)
    proxy.conversations.add(conversation)
    return conversation
  })
  return proxy
}
