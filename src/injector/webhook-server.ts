// The webhook itself: HTTPS for the API server, which asks POST /mutate what to make of a pod. Whoever reaches the address may ask.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TcpAddress } from '../config/addresses.ts'
import type { Log } from '../operations/log.ts'
import { answerTo, BadReview, type Result } from './admission-review.ts'
import type { Certificate } from './certificate.ts'
import type { SidecarDefinition } from './sidecar-definition.ts'

/** API servers take no larger objects than 3 MiB; the review is a little larger. */
const MAX_BODY_BYTES = 4 * 1024 * 1024
/** Of all requests that are being received: what is honest takes ten thousand bytes. */
const MAX_RECEIVING_BYTES = 16 * 1024 * 1024
/** Time for a whole request to come, and longest silence within one, in ms: API servers send theirs at once. */
const REQUEST_TIMEOUT_MS = 5000
/** API servers keep a few connections open each. One more closes the oldest: nobody can keep them out. */
const MAX_CONNECTIONS = 256

export type Counted = Result | 'invalid'

interface Reply {
  readonly status: number
  readonly body: string
  readonly isJson?: boolean
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface WebhookServerOptions {
  readonly definition: SidecarDefinition
  readonly log: Log
  /** Is told what became of each request to inject. */
  readonly count: (result: Counted) => void
  readonly countFailedHandshake: () => void
}

export class WebhookServer {
  readonly #options: WebhookServerOptions
  readonly #server: Server
  /** The oldest first. */
  readonly #sockets = new Set<Duplex>()
  #receivingBytes = 0
  #isLeaving = false

  constructor(options: WebhookServerOptions) {
    this.#options = options
    this.#server = createServer(
      {
        minVersion: 'TLSv1.2',
        handshakeTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: REQUEST_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 1000,
        // Longer than the API server's own 90 s would be needless, shorter ones meet its next request.
        keepAliveTimeout: 100_000,
      },
      (request, response) => void this.#serve(request, response),
    )
    this.#server.on('connection', (socket) => this.#connected(socket))
    this.#server.on('tlsClientError', () => options.countFailedHandshake())
  }

  /** Presents this certificate to new connections. */
  use({ chain, key }: Certificate): void {
    this.#server.setSecureContext({ cert: chain, key })
  }

  get isListening(): boolean {
    return this.#server.listening
  }

  get address(): TcpAddress {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  /** Rejects when the address cannot be had. */
  async listen({ host, port }: TcpAddress): Promise<void> {
    // Where there is no IPv6, Node takes every address of IPv4 if it is given none.
    this.#server.listen({ port, ...(host !== '::' && { host }) })
    await once(this.#server, 'listening')
    this.#server.on('error', (error) => this.#options.log.warn({ error: String(error) }, 'the webhook has trouble'))
  }

  /** From now on each answer is the last one of its connection, so that the next question goes to another replica. */
  leave(): void {
    this.#isLeaving = true
  }

  /** Gives the answers that are owed, and ends. */
  async close(): Promise<void> {
    this.leave()
    if (!this.#server.listening) return
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connected(socket: Duplex): void {
    const [oldest] = this.#sockets
    if (oldest !== undefined && this.#sockets.size >= MAX_CONNECTIONS) oldest.destroy()
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Whatever a request is like, it ends with an answer, and nothing that fails on the way leaves here. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let reply: Reply
    try {
      reply = await this.#replyTo(request)
    } catch (error) {
      reply = this.#complaint(error)
    }
    if (response.destroyed) return
    // What is left of a request is not read, and would be taken for another one.
    if (this.#isLeaving || !request.complete) response.shouldKeepAlive = false
    const bytes = Buffer.from(reply.isJson ? reply.body : `${reply.body}\n`)
    response.writeHead(reply.status, {
      'content-type': reply.isJson ? 'application/json' : 'text/plain; charset=utf-8',
      'content-length': bytes.length,
    })
    response.end(bytes)
  }

  async #replyTo(request: IncomingMessage): Promise<Reply> {
    const { method, url = '', headers } = request
    if (url.split('?')[0] !== '/mutate') throw new Refusal(404, 'no such path: the webhook is /mutate')
    if (method !== 'POST') throw new Refusal(405, 'the method has to be POST')
    if (!/^application\/json\b/i.test(headers['content-type'] ?? ''))
      throw new Refusal(415, 'the content type has to be application/json')
    const text = await this.#bodyOf(request)
    const { definition, count } = this.#options
    const { result, review } = answerTo(parsed(text), definition)
    count(result)
    return { status: 200, body: JSON.stringify(review), isJson: true }
  }

  async #bodyOf(request: IncomingMessage): Promise<string> {
    const declared = Number(request.headers['content-length'] ?? 0)
    if (declared > MAX_BODY_BYTES) throw new Refusal(413, `a review takes at most ${MAX_BODY_BYTES} bytes`)
    const chunks: Buffer[] = []
    let bytes = 0
    try {
      // Kept open when it is too much: it still gets an answer.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        bytes += chunk.length
        this.#receivingBytes += chunk.length
        chunks.push(chunk)
        if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `a review takes at most ${MAX_BODY_BYTES} bytes`)
        if (this.#receivingBytes > MAX_RECEIVING_BYTES) throw new Refusal(503, 'too much is being received: try again')
      }
    } finally {
      this.#receivingBytes -= bytes
    }
    return Buffer.concat(chunks).toString()
  }

  #complaint(error: unknown): Reply {
    const { log, count } = this.#options
    count('invalid')
    if (error instanceof Refusal) return { status: error.status, body: error.message }
    if (error instanceof BadReview) return { status: 400, body: error.message }
    // It went away before it had asked.
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return { status: 400, body: 'incomplete' }
    log.error({ error: String(error) }, 'the webhook failed to answer')
    return { status: 500, body: 'failed, see the log' }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BadReview('the review is no JSON')
  }
}
