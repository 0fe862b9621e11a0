// Two connections that are told the same, one to a server and one to the proxy before its twin; what comes back is kept as it comes.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** How long an answer may take; the slowest command of all takes about a second. */
const ANSWER_TIMEOUT_MS = 6000

/** What both sides sent, up to and with the end that was waited for. */
export interface Answers {
  readonly direct: Buffer
  readonly proxied: Buffer
}

export class ConnectionPair {
  readonly #direct: Ear
  readonly #proxied: Ear

  private constructor(direct: Ear, proxied: Ear) {
    this.#direct = direct
    this.#proxied = proxied
  }

  static async open(directPort: number, proxiedPort: number): Promise<ConnectionPair> {
    return new ConnectionPair(await Ear.open(directPort), await Ear.open(proxiedPort))
  }

  /** Sends to both. */
  send(bytes: Buffer): void {
    this.#direct.socket.write(bytes)
    this.#proxied.socket.write(bytes)
  }

  /** Waits until both have sent `end` as the end of a line, or have closed, or time is up; takes what came up to there. */
  async answersUntil(end: string): Promise<Answers> {
    const [direct, proxied] = await Promise.all([this.#direct.until(end), this.#proxied.until(end)])
    return { direct, proxied }
  }

  /** Waits until something more has come from both sides, or will not come: some requests are answered by nothing. */
  async nextAnswer(silenceMs: number): Promise<void> {
    await Promise.all([this.#direct.something(silenceMs), this.#proxied.something(silenceMs)])
  }

  get isOpen(): boolean {
    return !this.#direct.isEnded && !this.#proxied.isEnded
  }

  close(): void {
    this.#direct.socket.destroy()
    this.#proxied.socket.destroy()
  }
}

/** Collects the bytes of one socket. */
class Ear {
  readonly socket: Socket
  isEnded = false
  #chunks: Buffer[] = []
  #receivedBytes = 0
  #noticedBytes = 0
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#receivedBytes += chunk.length
      this.#wake?.()
    })
    const ended = () => {
      this.isEnded = true
      this.#wake?.()
    }
    // A reset is one of the ways in which a server closes.
    for (const event of ['end', 'close', 'error']) socket.on(event, ended)
  }

  static async open(port: number): Promise<Ear> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return new Ear(socket)
  }

  async until(end: string): Promise<Buffer> {
    const mark = Buffer.from(`${end}\r\n`, 'latin1')
    await this.#wait(() => this.#joined().includes(mark), ANSWER_TIMEOUT_MS)
    const all = this.#joined()
    const at = all.indexOf(mark)
    const taken = at < 0 ? all : all.subarray(0, at + mark.length)
    // What MONITOR shows comes behind the end.
    this.#chunks = [all.subarray(taken.length)]
    this.#noticedBytes = this.#receivedBytes
    return taken
  }

  async something(timeoutMs: number): Promise<void> {
    await this.#wait(() => this.#receivedBytes > this.#noticedBytes, timeoutMs)
    this.#noticedBytes = this.#receivedBytes
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  async #wait(isEnough: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!isEnough() && !this.isEnded) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
  }
}
