// One end of a connection in the virtual network: opens, pauses, closes by halves, is reset, and never calls its handler after the end.
import type { Stream, StreamHandler, Timer } from '../../src/runtime/runtime.ts'
import type { VirtualNetwork } from './virtual-network.ts'
import { type Link, type Pipe, type PipeEnd, type PipeStart, preview } from './virtual-pipe.ts'

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

  get keptBytes(): number {
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
