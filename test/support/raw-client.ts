// A client that sends bytes and reads bytes, to see exactly what an application would.

import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { ReplySplitter } from './reply-splitter.ts'

export type Target = number | { readonly path: string } | { readonly host: string; readonly port: number }

/** A string or bytes are sent as they are; a list is sent as one command. */
export type Sendable = string | Uint8Array | readonly (string | Uint8Array)[]

/** Longer than any hold or blocked script in the tests, shorter than a test may take. */
const defaultTimeoutMs = 10_000

/** One command as an array of bulk strings. */
export function encodeCommand(parts: readonly (string | Uint8Array)[]): Buffer {
  const pieces = [Buffer.from(`*${parts.length}\r\n`)]
  for (const part of parts) {
    const bytes = Buffer.from(part)
    pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(pieces)
}

/** Connects by TCP to a port on 127.0.0.1 or another host, or to a unix socket. */
export async function connect(target: Target, timeoutMs: number = defaultTimeoutMs): Promise<RawClient> {
  const where = typeof target === 'number' ? { host: '127.0.0.1', port: target } : target
  // Half open, because some tests close their side and then read what is owed to them.
  const socket = connectSocket({ ...where, allowHalfOpen: true, noDelay: true })
  await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) })
  return new RawClient(socket, timeoutMs)
}

/** One connection. Reads are one at a time and in order; bytes that nobody has read yet are kept. */
export class RawClient {
  readonly #socket: Socket
  readonly #timeoutMs: number
  readonly #splitter = new ReplySplitter()
  #isEnded = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket
    this.#timeoutMs = timeoutMs
    socket.on('data', (chunk: Buffer) => {
      this.#splitter.push(chunk)
      this.#wake?.()
    })
    socket.on('end', () => this.#finish())
    socket.on('close', () => this.#finish())
    socket.on('error', (error) => {
      this.#failure = error
      this.#finish()
    })
  }

  /** Our address as the other side sees it, such as CLIENT LIST names it. */
  get localAddress(): string {
    return `${this.#socket.localAddress}:${this.#socket.localPort}`
  }

  /** The socket itself, for tests that pause it, reset it or look at what is unsent. */
  get socket(): Socket {
    return this.#socket
  }

  /** Whether the other side has closed, with bytes perhaps still unread here. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  send(data: Sendable): void {
    this.#socket.write(typeof data === 'string' || data instanceof Uint8Array ? data : encodeCommand(data))
  }

  /** Sends one command and reads one reply, as text. */
  async ask(...parts: (string | Uint8Array)[]): Promise<string> {
    this.send(parts)
    return (await this.readReply()).toString('latin1')
  }

  async readExactly(count: number): Promise<Buffer> {
    return this.#read(() => this.#splitter.takeBytes(count), `${count} bytes`)
  }

  /** The bytes of one whole reply or push, with the attributes before it. */
  async readReply(): Promise<Buffer> {
    return this.#read(() => this.#splitter.next(), 'a reply')
  }

  /** Everything that comes until the other side closes, be it by a reset. */
  async readUntilClose(): Promise<Buffer> {
    const everything = () => (this.#isEnded ? this.#splitter.takeBytes(this.#splitter.bufferedBytes) : undefined)
    return this.#read(everything, 'the end')
  }

  /** Closes our side; the other may still send. */
  end(): void {
    this.#socket.end()
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return
    const closed = once(this.#socket, 'close')
    this.#socket.destroy()
    await closed
  }

  #finish(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  async #read(take: () => Buffer | undefined, what: string): Promise<Buffer> {
    if (this.#wake) throw new Error('a read is already waiting')
    const deadline = performance.now() + this.#timeoutMs
    for (;;) {
      const taken = take()
      if (taken) return taken
      const there = `${this.#splitter.bufferedBytes} bytes were there`
      if (this.#isEnded) throw new Error(`closed before ${what} came; ${there}`, { cause: this.#failure })
      const remainingMs = deadline - performance.now()
      if (remainingMs <= 0) throw new Error(`waited ${this.#timeoutMs} ms for ${what}; ${there}`)
      await this.#change(remainingMs)
    }
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), timeoutMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }
}
