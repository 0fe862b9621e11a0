// A virtual world for properties of the whole proxy: the model Redis behind the real proxy, and clients that say exactly what they are told.
import type { Runtime, StreamHandler } from '../../src/runtime/runtime.ts'
import type { ModelConnection } from '../simulator/model-connection.ts'
import { ModelRedis } from '../simulator/model-redis.ts'
import type { ProxySettings, SimulatedProxy } from '../simulator/proxy-place.ts'
import { seededRandom } from '../simulator/random.ts'
import { startRealProxy } from '../simulator/real-proxy.ts'
import { encodeRequest, type Reply, ReplyDecoder } from '../simulator/resp-codec.ts'
import { VirtualClock } from '../simulator/virtual-clock.ts'
import { VirtualNetwork } from '../simulator/virtual-network.ts'
import { virtualRuntime } from '../simulator/virtual-runtime.ts'
import type { VirtualStream } from '../simulator/virtual-stream.ts'

const PROXY = { host: '127.0.0.1', port: 6380 }
const BACKEND = { host: '10.0.0.2', port: 6379 }
/** Virtual ms within which everything has been answered, or never will be. */
const PATIENCE_MS = 20_000
const SETTINGS: ProxySettings = {
  sharedConnections: 1,
  holdMs: 2000,
  connectTimeoutMs: 1000,
  replyTimeoutMs: 2000,
  probeMs: 200,
  backendPingMs: 15_000,
  emptyPrimaryWaitMs: 10_000,
  outputSoftBytes: 65_536,
  outputHardBytes: 1024 * 1024,
  maxInFlight: 4096,
  memoryBytes: 1024 * 1024 * 1024,
  readFrom: 'primary',
  replicaMaxLagMs: 10_000,
}

export class SmallWorld {
  readonly clock = new VirtualClock()
  readonly network: VirtualNetwork
  readonly redis: ModelRedis
  readonly violations: string[] = []
  /** What the proxy gave to each of its sockets, in order of their making. */
  readonly given: string[] = []
  /** Told of each connection the server accepts; what it returns hears the bytes in the connection's place. */
  accepted: (connection: ModelConnection) => StreamHandler = (connection) => connection
  #proxy: SimulatedProxy | undefined

  constructor() {
    const world = {
      clock: this.clock,
      random: seededRandom(1),
      violation: (text: string) => void this.violations.push(text),
      trace: () => {},
    }
    this.network = new VirtualNetwork(world)
    this.redis = new ModelRedis(world, this.#serverRuntime(), BACKEND)
  }

  runtime(host: string): ReturnType<typeof virtualRuntime> {
    return virtualRuntime(host, this.clock, this.network, seededRandom(2))
  }

  async start(settings: Partial<ProxySettings> = {}): Promise<this> {
    await this.redis.start()
    const place = {
      runtime: this.#proxyRuntime(),
      listen: PROXY,
      backends: [BACKEND],
      discover: undefined,
      discoverPrimary: undefined,
      trace: () => {},
      accepted: () => {},
    }
    this.#proxy = await startRealProxy({ ...place, settings: { ...SETTINGS, ...settings } })
    await this.pass(50)
    return this
  }

  client(): SmallClient {
    return new SmallClient(this)
  }

  pass(ms: number): Promise<boolean> {
    return this.clock.run(() => false, this.clock.nowMs + ms)
  }

  /** Lets the world go on until something is true, for as long as it can take. */
  until(condition: () => boolean): Promise<boolean> {
    return this.clock.run(condition, this.clock.nowMs + PATIENCE_MS)
  }

  drain(): Promise<void> {
    return this.#proxy!.drain()
  }

  #serverRuntime(): Runtime {
    const runtime = this.runtime('redis')
    return {
      ...runtime,
      listen: (address, accept) =>
        runtime.listen(address, (stream) => this.accepted(accept(stream) as ModelConnection)),
    }
  }

  #proxyRuntime(): Runtime {
    const runtime = this.runtime('proxy')
    return {
      ...runtime,
      connect: (...how) => {
        const stream = runtime.connect(...how)
        const write = stream.write.bind(stream)
        const index = this.given.push('') - 1
        stream.write = (bytes) => {
          this.given[index] += Buffer.from(bytes).toString('latin1')
          write(bytes)
        }
        return stream
      },
    }
  }
}

export class SmallClient implements StreamHandler {
  readonly stream: VirtualStream
  readonly replies: Reply[] = []
  isClosed = false
  /** Bytes of a reply whose end has not come. */
  unfinishedBytes = 0
  readonly #world: SmallWorld
  readonly #decoder = new ReplyDecoder()

  constructor(world: SmallWorld) {
    this.#world = world
    this.stream = world.network.connect({ host: 'client' }, PROXY, 1000, this)
  }

  /** Sends a pipeline. @returns its replies, fewer when the client was closed or waited in vain. */
  async ask(...requests: readonly (readonly string[])[]): Promise<Reply[]> {
    const before = this.replies.length
    this.send(...requests)
    await this.#world.until(() => this.isClosed || this.replies.length >= before + requests.length)
    return this.replies.slice(before)
  }

  send(...requests: readonly (readonly string[])[]): void {
    this.stream.write(Buffer.concat(requests.map(encodeRequest)))
  }

  received(bytes: Buffer, length: number): void {
    this.#decoder.push(bytes.subarray(0, length))
    this.unfinishedBytes += length
    for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
      this.replies.push(reply)
      this.unfinishedBytes -= this.#decoder.lastBytes.length
    }
  }

  closed(): void {
    this.isClosed = true
  }

  ended(): void {
    this.stream.end()
  }

  opened(): void {}
  drained(): void {}
}
