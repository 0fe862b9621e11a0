// A network in one process: streams between hosts, with latency, finite buffers, half close, resets, partitions and refusals.
import type { Address, Listener, Stream, StreamHandler, Timer } from '../../src/runtime/runtime.ts'
import type { Random } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { type Link, Pipe, type PipeEnd, type PipeStart, preview } from './virtual-pipe.ts'

/** What all parts of one world share. */
export interface World {
  readonly clock: VirtualClock
  readonly random: Random
  /** Something happened that must never happen. */
  violation(text: string): void
  /** Tells what happens, when somebody looks on. */
  trace(line: () => string): void
}

/** How often a connect that meets silence is tried again by TCP, in ms. */
const SYN_RETRY_MS = 1000

export function makeLink(settings: Partial<Link> = {}): Link {
  return {
    minLatencyMs: 0.05,
    maxLatencyMs: 0.2,
    kernelBytes: 256 * 1024,
    cutProbability: 0,
    singleByteProbability: 0,
    isPartitioned: false,
    connect: 'accept',
    ...settings,
  }
}

export function addressKey(address: Address): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`
}

type Accept = (stream: Stream) => StreamHandler

export class VirtualNetwork {
  readonly world: World
  /** Every stream that is not closed. */
  readonly open = new Set<VirtualStream>()
  /** Every stream ever made by a host, in order, to measure it afterwards. */
  readonly all: VirtualStream[] = []
  readonly #listeners = new Map<string, { host: string; accept: Accept }>()
  readonly #links = new Map<string, Link>()
  #nextPort = 40_000

  constructor(world: World) {
    this.world = world
  }

  /** The link that leads to an address, for everybody who has none of his own. */
  link(address: Address): Link {
    const key = addressKey(address)
    const link = this.#links.get(key) ?? makeLink()
    this.#links.set(key, link)
    return link
  }

  setLink(address: Address, link: Link): void {
    this.#links.set(addressKey(address), link)
  }

  listen(host: string, address: Address, accept: Accept): Listener {
    const bound = 'port' in address && address.port === 0 ? { host: address.host, port: this.#nextPort++ } : address
    const key = addressKey(bound)
    if (this.#listeners.has(key)) throw new Error(`listen EADDRINUSE: address already in use ${key}`)
    const listener = { host, accept }
    this.#listeners.set(key, listener)
    this.world.trace(() => `${host} listens on ${key}`)
    return {
      address: bound,
      close: () => {
        if (this.#listeners.get(key) === listener) this.#listeners.delete(key)
      },
    }
  }

  connect(
    from: { host: string; name?: string; link?: Link },
    address: Address,
    timeoutMs: number,
    handler: StreamHandler,
  ): VirtualStream {
    const key = addressKey(address)
    const link = from.link ?? this.link(address)
    const near = new VirtualStream(this, from.host, link, `10.0.0.1:${this.#nextPort++}`, key, from.name)
    near.handler = handler
    this.#pair(near, new VirtualStream(this, key, link, key, near.localAddress, undefined), true)
    this.world.trace(() => `${near.name} connects to ${key}`)
    near.awaitOpening(timeoutMs, () => this.#tryOpen(near, key))
    return near
  }

  /** Ends a partition: what was held up arrives. */
  heal(link: Link): void {
    link.isPartitioned = false
    for (const stream of this.open) if (stream.link === link) stream.healed()
  }

  #tryOpen(near: VirtualStream, key: string): void {
    const { link } = near
    const { clock, random } = this.world
    if (!near.isConnecting) return
    if (link.isPartitioned || link.connect === 'black-hole') {
      clock.after(SYN_RETRY_MS, () => this.#tryOpen(near, key))
      return
    }
    const backMs = random.between(link.minLatencyMs, link.maxLatencyMs)
    const listener = this.#listeners.get(key)
    if (link.connect === 'refuse' || listener === undefined) {
      clock.after(backMs, () => near.isConnecting && near.close('ECONNREFUSED'))
      return
    }
    const far = near.peer!
    far.host = listener.host
    far.name = `${listener.host}<-${near.name}`
    far.accepted()
    far.handler = listener.accept(far)
    far.out.open(clock.nowMs + backMs)
    clock.after(backMs, () => {
      if (!near.isConnecting) return
      near.opened()
      near.out.open(clock.nowMs)
    })
  }

  #pair(near: VirtualStream, far: VirtualStream, isNearLent: boolean): void {
    near.peer = far
    far.peer = near
    const world = this.world
    near.out = new Pipe(world, near.link, near, far, false)
    far.out = new Pipe(world, near.link, far, near, isNearLent)
    near.in = far.out
    far.in = near.out
  }
}

type State = 'idle' | 'connecting' | 'open' | 'closed'

/** One end of a connection. The one that connected is lent its bytes, the accepted one owns them. */
export class VirtualStream implements Stream, PipeEnd, PipeStart {
  host: string
  name: string
  readonly link: Link
  readonly localAddress: string
  readonly remoteAddress: string
  handler: StreamHandler | undefined
  peer: VirtualStream | undefined
  out!: Pipe
  in!: Pipe
  /** The most bytes that ever waited for the kernel. */
  mostPendingBytes = 0
  /** Bytes the handler had been given when it first closed its half, undefined while it has not. */
  deliveredWhenEnded: number | undefined
  readonly #network: VirtualNetwork
  #state: State = 'idle'
  #isAccepted = false
  #isPaused = false
  #isEnded = false
  #isRefused = false
  #timer: Timer | undefined

  constructor(
    network: VirtualNetwork,
    host: string,
    link: Link,
    local: string,
    remote: string,
    name: string | undefined,
  ) {
    this.#network = network
    this.host = host
    this.link = link
    this.localAddress = local
    this.remoteAddress = remote
    this.name = name ?? `${host}#${network.all.length}`
  }

  get isConnecting(): boolean {
    return this.#state === 'connecting'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  get pendingBytes(): number {
    return this.out.pendingBytes
  }

  get isReading(): boolean {
    return this.#state === 'open' && !this.#isPaused
  }

  /** Node goes on reading an accepted socket that is paused until it has something to keep; one with `onread` it does not. */
  get hearsEnd(): boolean {
    return this.#isAccepted && this.#state === 'open'
  }

  /** Bytes of ours that the peer's handler was given before it began to close. */
  get bytesReadByPeer(): number {
    return this.peer!.deliveredWhenEnded ?? this.out.deliveredBytes
  }

  write(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    this.out.write(bytes)
    this.mostPendingBytes = Math.max(this.mostPendingBytes, this.out.pendingBytes)
    if (this.peer!.isClosed) this.#refuse()
  }

  writeLent(bytes: Uint8Array): void {
    this.write(Buffer.from(bytes))
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.in.wake()
  }

  end(): void {
    if (this.#state === 'closed') return
    this.deliveredWhenEnded ??= this.in.deliveredBytes
    this.#isEnded = true
    this.out.end()
    this.#network.world.clock.after(0, () => this.flushed())
  }

  destroy(): void {
    if (this.#state === 'closed') return
    this.deliveredWhenEnded ??= this.in.deliveredBytes
    this.#leave(this.in.hasUnread)
    this.close(undefined)
  }

  /** Breaks the connection: the peer sees a reset. */
  reset(): void {
    if (this.#state === 'closed') return
    this.#leave(true)
    this.close('ECONNRESET')
  }

  awaitOpening(timeoutMs: number, tryOpen: () => void): void {
    this.#enter('connecting')
    const { clock, random } = this.#network.world
    this.#timer = clock.after(timeoutMs, () => this.close('ETIMEDOUT'))
    clock.after(random.between(this.link.minLatencyMs, this.link.maxLatencyMs), tryOpen)
  }

  accepted(): void {
    this.#isAccepted = true
    this.#enter('open')
  }

  opened(): void {
    this.#timer?.cancel()
    this.#state = 'open'
    this.#network.world.trace(() => `${this.name} opened`)
    this.handler!.opened()
    this.in.wake()
  }

  arrived(bytes: Buffer, length: number): void {
    this.#network.world.trace(() => `${this.name} receives ${preview(bytes.subarray(0, length))}`)
    this.handler!.received(bytes, length)
  }

  finished(): void {
    this.#network.world.trace(() => `${this.name} sees the end`)
    this.handler!.ended()
    this.flushed()
  }

  failed(): void {
    this.out.cut()
    this.close('ECONNRESET')
  }

  drained(): void {
    if (this.#state === 'open') this.handler!.drained()
  }

  /** As Node's streams do, one that ended in both directions closes by itself. */
  flushed(): void {
    if (this.#state !== 'open' || !this.in.isFinished) return
    if (this.out.isFlushed || (this.#isEnded && this.peer!.isClosed)) this.close(undefined)
  }

  healed(): void {
    this.in.wakeAfterPartition()
    if (this.#isRefused) this.#refuse()
  }

  close(reason: string | undefined): void {
    if (this.#state === 'closed') return
    if (this.#state === 'connecting') {
      // Whoever was accepted already hears that nobody is there any more.
      if (this.peer!.#state === 'open') this.out.reset()
      else this.out.cut()
    }
    this.#timer?.cancel()
    this.#state = 'closed'
    this.in.cut()
    this.#network.open.delete(this)
    const { clock, trace } = this.#network.world
    trace(() => `${this.name} closed${reason === undefined ? '' : ` (${reason})`}`)
    clock.after(0, () => this.handler!.closed(reason))
  }

  #enter(state: State): void {
    this.#state = state
    this.#network.open.add(this)
    this.#network.all.push(this)
  }

  #leave(isBroken: boolean): void {
    if (this.#state === 'connecting') return
    if (isBroken) this.out.reset()
    else this.out.abandon()
  }

  /** What is sent to a closed socket comes back as a reset, whether one reads or not. */
  #refuse(): void {
    this.#isRefused = true
    const { clock, random } = this.#network.world
    clock.after(2 * random.between(this.link.minLatencyMs, this.link.maxLatencyMs), () => {
      if (this.#state === 'open' && !this.link.isPartitioned) this.failed()
    })
  }
}
