// A world without sockets for the whole proxy: clients, one server and the end of a turn are calls, so that only its JavaScript takes time.
import type { Runtime, Stream, StreamHandler } from '../src/runtime/runtime.ts'

const REQUEST = Buffer.from('*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n')
const REPLY = Buffer.from('$3\r\nabc\r\n')
/** Where the first letter of the name stands in an array of up to nine words. */
const NAME_AT = 8
const LETTER_G = 71

const HELLO =
  '*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n' +
  '$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n'
/** What the server says to the proxy's own questions. */
const ANSWERS: Readonly<Record<string, string>> = {
  HELLO,
  PING: '+PONG\r\n',
  COMMAND: '-NOPERM\r\n',
  INFO: '$0\r\n\r\n',
}

/** The server's end of a connection, and the proxy's: what is written here is answered when the world turns. */
class ServerStream implements Stream {
  readonly pendingBytes = 0
  readonly keptBytes = 0
  readonly remoteAddress = '127.0.0.1:6379'
  readonly localAddress = '127.0.0.1:1'
  readonly handler: StreamHandler
  /** GETs without an answer. */
  owed = 0
  others = ''
  constructor(handler: StreamHandler) {
    this.handler = handler
  }
  write(bytes: Buffer): void {
    if (bytes[NAME_AT] === LETTER_G && bytes.length % REQUEST.length === 0) this.owed += bytes.length / REQUEST.length
    else for (const [, name] of bytes.latin1Slice().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) this.others += ANSWERS[name!]
  }
  writeLent(bytes: Buffer): void {
    this.write(bytes)
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  reset(): void {
    this.destroy()
  }
  destroy(): void {
    throw new Error('the proxy closed a connection to the server, or a client')
  }
}

class ClientStream implements Stream {
  readonly pendingBytes = 0
  readonly keptBytes = 0
  readonly remoteAddress = '127.0.0.1:2'
  readonly localAddress = '127.0.0.1:6380'
  receivedBytes = 0
  write(bytes: Buffer): void {
    this.receivedBytes += bytes.length
  }
  writeLent(bytes: Buffer): void {
    this.receivedBytes += bytes.length
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  reset(): void {
    this.destroy()
  }
  destroy(): void {
    throw new Error('the proxy closed a connection to the server, or a client')
  }
}

export class InMemoryWorld {
  readonly runtime: Runtime
  readonly #servers: ServerStream[] = []
  readonly #unopened: ServerStream[] = []
  readonly #clients: { readonly stream: ClientStream; readonly handler: StreamHandler; readonly bytes: Buffer }[] = []
  readonly #pipeline: number
  readonly #replies: Buffer
  #accept: ((stream: Stream) => StreamHandler) | undefined
  #endOfTurn: (() => void)[] = []

  /** @param pipeline requests that each client sends at a time. */
  constructor(clients: number, pipeline: number) {
    this.#pipeline = pipeline
    this.#replies = Buffer.alloc(REPLY.length * clients * pipeline, REPLY)
    this.runtime = {
      now: () => performance.now(),
      wallClock: () => Date.now(),
      random: () => Math.random(),
      after: (ms, run) => {
        const timer = setTimeout(run, ms)
        return { cancel: () => clearTimeout(timer) }
      },
      every: (ms, run) => {
        const timer = setInterval(run, ms)
        return { cancel: () => clearInterval(timer) }
      },
      atEndOfTurn: (run) => this.#endOfTurn.push(run),
      connect: (_address, _tls, _timeoutMs, handler) => {
        const stream = new ServerStream(handler)
        this.#unopened.push(stream)
        return stream
      },
      listen: async (address, accept) => {
        this.#accept = accept
        return { address, close: () => {} }
      },
    }
  }

  /** Once the proxy listens. */
  connectClients(clients: number): void {
    for (let index = 0; index < clients; index++) {
      const stream = new ClientStream()
      const bytes = Buffer.concat(Array.from({ length: this.#pipeline }, () => REQUEST))
      this.#clients.push({ stream, handler: this.#accept!(stream), bytes })
    }
  }

  /** Every client asks. */
  ask(): void {
    for (const { handler, bytes } of this.#clients) handler.received(bytes, bytes.length)
  }

  /** The turn ends, and the server answers all that it was asked. */
  turn(): void {
    const ending = this.#endOfTurn
    this.#endOfTurn = []
    for (const end of ending) end()
    for (const stream of this.#unopened.splice(0)) {
      this.#servers.push(stream)
      stream.handler.opened()
    }
    for (const server of this.#servers) {
      if (server.owed > 0) {
        const bytes = server.owed * REPLY.length
        server.owed = 0
        server.handler.received(this.#replies, bytes)
      }
      if (server.others === '') continue
      const bytes = Buffer.from(server.others)
      server.others = ''
      server.handler.received(bytes, bytes.length)
    }
  }

  /** Replies that clients have got. */
  get answered(): number {
    return this.#clients.reduce((sum, { stream }) => sum + stream.receivedBytes, 0) / REPLY.length
  }
}
