// A link to a TCP server that passes bytes on whatever they mean, can be cut and refused, and can stand still after so many bytes.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export class TcpLink {
  readonly #target: number
  readonly #connections = new Set<Socket>()
  /** So many bytes of the server's are passed on over each connection, and then nothing more. */
  readonly #mostBytes: number
  #server: Server | undefined
  #port = 0

  private constructor(target: number, mostBytes: number) {
    this.#target = target
    this.#mostBytes = mostBytes
  }

  static async start(target: number, mostBytes = Number.POSITIVE_INFINITY): Promise<TcpLink> {
    const link = new TcpLink(target, mostBytes)
    await link.accept()
    return link
  }

  get port(): number {
    return this.#port
  }

  /** Takes connections, from the start and after {@link refuse}. */
  async accept(): Promise<void> {
    const server = createServer((near) => this.#join(near))
    this.#server = server
    await once(server.listen(this.#port, '127.0.0.1'), 'listening')
    const address = server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
  }

  /** Refuses new connections; those there are go on. */
  refuse(): void {
    this.#server?.close()
  }

  cutAll(): void {
    for (const near of this.#connections) near.resetAndDestroy()
  }

  close(): void {
    this.refuse()
    this.cutAll()
  }

  #join(near: Socket): void {
    const far = connect(this.#target, '127.0.0.1')
    let left = this.#mostBytes
    this.#connections.add(near)
    far.on('data', (bytes) => {
      near.write(bytes.subarray(0, left))
      left = Math.max(0, left - bytes.length)
    })
    near.on('data', (bytes) => far.write(bytes))
    // What an error means to one side, the end of the other tells.
    near.on('error', () => {}).on('close', () => far.destroy())
    far.on('error', () => {}).on('close', () => near.destroy())
    near.on('close', () => this.#connections.delete(near))
  }
}
