// A network in one process: hosts that listen and connect, over links with latency, partitions and refusals.
import type { Address, Listener, Stream, StreamHandler } from '../../src/runtime/runtime.ts'
import { type Link, Pipe } from './virtual-pipe.ts'
import { VirtualStream } from './virtual-stream.ts'
import type { World } from './world.ts'

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
