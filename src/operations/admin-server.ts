// The admin server: HTTP for probes, metrics and status, on an address of its own. It answers, and steers nothing.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import findMyWay from 'find-my-way'
import type { TcpAddress } from '../config/addresses.ts'
import { type Asker, changeRefusal, localRefusal } from './access.ts'
import type { Definition, Exposition } from './exposition.ts'
import type { Health } from './health.ts'
import { type LivePage, liveRoutes } from './live-routes.ts'
import type { Log } from './log.ts'
import { type Pausing, pauseRoutes } from './pause-routes.ts'

/** Where its answers come from. */
export interface AdminSource<Facts extends object> {
  readonly health: { readonly startup: Health; readonly readiness: Health }
  readonly status: () => Facts
  /** What is read from the status; asked for with the first question: where nobody scrapes it takes no memory. */
  readonly metrics: () => Promise<readonly Definition<Facts>[]>
  /** undefined where there is nothing to pause. */
  readonly pause?: Pausing
  /** Left out where there is no live page. */
  readonly live?: LivePage
  /** Ends the process as SIGTERM does; undefined where that is not allowed. */
  readonly quit: (() => void) | undefined
}

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  /** Goes on with the answer once its head is sent; the body counts for nothing then. */
  readonly stream?: (response: ServerResponse) => void
}

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Whom it is answered: everybody who reaches the address, or programs on this machine. */
  readonly to: 'all' | 'loopback'
  /** There is not enough of it for the pages of other sites. */
  readonly isScarce?: true
  readonly answer: (request: IncomingMessage) => Answer | Promise<Answer>
}

/** Time for a whole request to come, and longest silence of a connection, in ms: kubelet and Prometheus send theirs at once. */
const REQUEST_TIMEOUT_MS = 5000
/** How often connections are looked at for that, in ms. */
const CHECK_MS = 1000
/** For more another connection has to be made: answers that wait for somebody who does not read them are few. */
const MAX_REQUESTS = 100
/** Requests have no body, and few headers. */
const MAX_HEADER_BYTES = 8 * 1024
/** One more closes the oldest: whoever opens thousands cannot keep the kubelet out. */
const MAX_CONNECTIONS = 64
/** For answers that are under way when it closes, in ms. */
const LAST_ANSWERS_MS = 200

const TEXT = 'text/plain; charset=utf-8'

export class AdminServer<Facts extends object> {
  readonly #source: AdminSource<Facts>
  readonly #log: Log
  readonly #router = findMyWay()
  readonly #server: Server
  /** How many requests each has sent, the oldest first. */
  readonly #sockets = new Map<Socket, number>()
  #exposition: Exposition<Facts> | undefined

  constructor(source: AdminSource<Facts>, log: Log) {
    this.#source = source
    this.#log = log
    for (const route of this.#routes()) {
      const methods = route.method === 'GET' ? (['GET', 'HEAD'] as const) : (['POST'] as const)
      this.#router.on([...methods], route.path, () => {}, route)
    }
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response)
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: REQUEST_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: CHECK_MS,
      },
      serve,
    )
    this.#server.setTimeout(REQUEST_TIMEOUT_MS)
    // Nothing is read of a body: there is nothing to tell the asker to go on with.
    this.#server.on('checkContinue', serve)
    this.#server.on('connection', (socket) => this.#connected(socket))
  }

  /** Rejects when the address cannot be had. */
  static async start<Facts extends object>(
    address: TcpAddress,
    source: AdminSource<Facts>,
    log: Log,
  ): Promise<AdminServer<Facts>> {
    const admin = new AdminServer(source, log)
    await admin.#listen(address)
    return admin
  }

  /** The one it listens on. */
  get address(): TcpAddress {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  async #listen({ host, port }: TcpAddress): Promise<void> {
    const server = this.#server
    // Where there is no IPv6, Node takes every address of IPv4 if it is given none.
    server.listen({ port, ...(host !== '::' && { host }) })
    await once(server, 'listening')
    server.on('error', (error) => this.#log.warn({ error: String(error) }, 'the admin server has trouble'))
  }

  /** Lets answers that are under way go out, and ends. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#source.live?.events.close()
    const timer = setTimeout(() => this.#server.closeAllConnections(), LAST_ANSWERS_MS)
    await closed
    clearTimeout(timer)
  }

  #routes(): Route[] {
    const { health, status, pause, live } = this.#source
    return [
      { method: 'GET', path: '/startup', to: 'all', answer: () => probe(health.startup) },
      { method: 'GET', path: '/livez', to: 'all', answer: () => probe({ isWell: true, reason: 'alive' }) },
      { method: 'GET', path: '/readyz', to: 'all', answer: () => probe(health.readiness) },
      { method: 'GET', path: '/metrics', to: 'all', answer: (request) => this.#metrics(request) },
      { method: 'GET', path: '/status', to: 'loopback', answer: () => json(status()) },
      { method: 'POST', path: '/quitquitquit', to: 'loopback', answer: () => this.#quit() },
      ...(pause === undefined ? [] : pauseRoutes(pause)),
      ...(live === undefined ? [] : liveRoutes(live)),
    ]
  }

  async #metrics({ headers }: IncomingMessage): Promise<Answer> {
    const { metrics, status } = this.#source
    const [{ Exposition, formats }, definitions] = await Promise.all([import('./exposition.ts'), metrics()])
    this.#exposition ??= new Exposition(definitions, status)
    const format = /application\/openmetrics-text/i.test(headers.accept ?? '')
      ? formats.openMetrics
      : formats.prometheus
    return { status: 200, body: await this.#exposition.text(format), headers: { 'content-type': format } }
  }

  #quit(): Answer {
    const { quit } = this.#source
    if (quit === undefined) return { status: 403, body: 'RUSTEZE_ADMIN_QUIT is off' }
    // After this answer.
    setImmediate(quit)
    return { status: 202, body: 'draining' }
  }

  /** Whatever a request is like, it ends with an answer, and nothing that fails on the way leaves here. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request
    const count = (this.#sockets.get(socket) ?? MAX_REQUESTS) + 1
    if (count > MAX_REQUESTS) {
      socket.destroy()
      return
    }
    this.#sockets.set(socket, count)
    let answer: Answer
    try {
      answer = await this.#answerTo(request)
    } catch (error) {
      this.#log.error({ error: String(error) }, 'the admin server failed to answer')
      answer = { status: 500, body: 'failed, see the log' }
    }
    if (count === MAX_REQUESTS) response.shouldKeepAlive = false
    send(request, response, answer)
  }

  #answerTo(request: IncomingMessage): Answer | Promise<Answer> {
    const routeFor = (method: string) =>
      this.#router.find(method as 'GET', request.url ?? '')?.store as Route | undefined
    const route = routeFor(request.method ?? '')
    if (route !== undefined) {
      const refusal = refusalOf(route, request)
      return refusal === undefined ? route.answer(request) : { status: 403, body: refusal }
    }
    const allow = ['GET', 'HEAD', 'POST'].filter((method) => routeFor(method) !== undefined).join(', ')
    if (allow === '') return { status: 404, body: 'no such path' }
    return { status: 405, body: `the method has to be one of ${allow}`, headers: { allow } }
  }

  #connected(socket: Socket): void {
    const [oldest] = this.#sockets.keys()
    if (oldest !== undefined && this.#sockets.size >= MAX_CONNECTIONS) oldest.destroy()
    this.#sockets.set(socket, 0)
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

function refusalOf(
  { method, to, isScarce }: Route,
  { headers, headersDistinct, socket }: IncomingMessage,
): string | undefined {
  if (to === 'all') return undefined
  const { remoteAddress, localAddress } = socket
  const asker: Asker = { remoteAddress, localAddress, headers, hosts: headersDistinct.host ?? [] }
  return localRefusal(asker) ?? (method === 'GET' && !isScarce ? undefined : changeRefusal(asker))
}

function probe({ isWell, reason }: Health): Answer {
  return { status: isWell ? 200 : 503, body: reason }
}

export function json(value: unknown): Answer {
  return { status: 200, body: JSON.stringify(value, null, 2), headers: { 'content-type': 'application/json' } }
}

function send(request: IncomingMessage, response: ServerResponse, { status, body, headers, stream }: Answer): void {
  const isText = headers?.['content-type'] === undefined
  // A body that was sent is not read: the connection ends with the answer.
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
  response.shouldKeepAlive &&= length === '0' && encoding === undefined
  const bytes = Buffer.from(isText ? `${body}\n` : body)
  response.writeHead(status, {
    'content-type': TEXT,
    ...(stream === undefined && { 'content-length': bytes.length }),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    ...headers,
  })
  if (stream === undefined || request.method === 'HEAD') response.end(bytes)
  else stream(response)
}
