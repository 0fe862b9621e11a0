// A TCP link between the proxy and a real server that delays, cuts, stalls, refuses, and answers in the server's place.

import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { type Random, seededRandom } from '../simulator/random.ts'
import { type Ending, type Judge, LinkConnection, type LinkState } from './link-connection.ts'

export type LinkOptions = {
  /** The server's port on 127.0.0.1. */
  readonly target: number
  /** Where the link listens; without it, on 127.0.0.1 and a free port. */
  readonly host?: string
  readonly port?: number
  /** Every delay and every length of a run of bytes comes from it. */
  readonly seed: number
}

export async function startFaultLink(options: LinkOptions): Promise<FaultLink> {
  const link = new FaultLink(options)
  await link.accept()
  return link
}

export class FaultLink implements LinkState {
  readonly target: number
  readonly random: Random
  readonly connections = new Set<LinkConnection>()
  /** Each run of bytes towards the proxy arrives so much later, chosen anew for each; order is kept. */
  delay = { leastMs: 0, mostMs: 0 }
  /** The most bytes of a reply that arrive at once; longer ones come in runs of random lengths up to it. */
  mostRunBytes = Number.POSITIVE_INFINITY
  judge: Judge | undefined
  /** Hears of each connection when it is made, to plan its end, say. */
  connected: ((connection: LinkConnection) => void) | undefined
  #isStalled = false
  #isBlackHole = false
  #server: Server | undefined
  readonly #host: string
  #port: number
  #nextNumber = 1

  constructor({ target, host = '127.0.0.1', port = 0, seed }: LinkOptions) {
    this.target = target
    this.#host = host
    this.#port = port
    this.random = seededRandom(seed)
  }

  get port(): number {
    return this.#port
  }

  get isStalled(): boolean {
    return this.#isStalled
  }

  get isBlackHole(): boolean {
    return this.#isBlackHole
  }

  /** Takes connections, from the start and after {@link refuse}. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const connection = new LinkConnection(this, near, this.#nextNumber++)
      this.connections.add(connection)
      near.once('close', () => this.connections.delete(connection))
      this.connected?.(connection)
    })
    this.#server = server
    server.listen(this.#port, this.#host)
    await once(server, 'listening')
    const address = server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
  }

  /** Refuses new connections; those there are go on. */
  refuse(): void {
    this.#server?.close()
    this.#server = undefined
  }

  /** Holds all bytes up in both directions, and loses none. */
  stall(): void {
    this.#isStalled = true
  }

  resume(): void {
    this.#isStalled = false
    for (const connection of this.connections) connection.resume()
  }

  /** Swallows all bytes in both directions; connections are made and nobody ever answers. */
  blackHole(): void {
    this.#isBlackHole = true
  }

  /** Ends a black hole; the connections that lost bytes in it break. */
  endBlackHole(): void {
    this.#isBlackHole = false
    for (const connection of this.connections) if (connection.hasLostBytes) connection.cut('reset')
  }

  cutAll(ending: Ending): void {
    for (const connection of this.connections) connection.cut(ending)
  }

  async close(): Promise<void> {
    const server = this.#server
    this.refuse()
    this.cutAll('reset')
    if (server?.listening) await once(server, 'close')
  }
}
