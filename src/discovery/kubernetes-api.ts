// Talks to the API server: one request per connection, credentials read anew for each, so that rotated ones are simply used.
// HTTPS is loaded with the first request: a proxy without a Service has no use for its memory.
import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'

/** Where the API server is and how to log in; re-read for each request. */
export interface ApiAccess {
  /** As `https://host:port`. */
  readonly server: string
  /** Options of node:https: CA, client certificate, headers. */
  readonly options: RequestOptions
}

export type ReadAccess = () => Promise<ApiAccess>

/** The API server answered, but not with what was asked for. */
export class ApiError extends Error {
  readonly status: number
  /** From `Retry-After`; undefined without one. */
  readonly retryAfterMs: number | undefined

  constructor(status: number, message: string, retryAfterMs?: number) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

const CONNECT_TIMEOUT_MS = 5000
/** A list that takes longer is asked for again. */
const ANSWER_TIMEOUT_MS = 30_000
/** client-go's interval: a dead peer is noticed even where bookmarks are missing. */
const KEEPALIVE_MS = 15_000
/** An EndpointSlice with the 1000 endpoints it may have takes 0.5 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024

const CONTENT_TYPES = { POST: 'application/json', PUT: 'application/json', PATCH: 'application/json-patch+json' }

interface Change {
  readonly method: keyof typeof CONTENT_TYPES
  readonly object: object
}

export class KubernetesApi {
  readonly #access: ReadAccess
  /** The clock of the API server at its last answer, in ms since 1970, to the second; NaN before the first. */
  clock = Number.NaN

  constructor(access: ReadAccess) {
    this.#access = access
  }

  /** @throws ApiError unless it succeeds, else what the connection failed of. */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await this.#open(path, signal, ANSWER_TIMEOUT_MS)
    return JSON.parse(await textOf(response))
  }

  /** Makes or replaces an object, or applies a JSON patch. @returns what the API server made of it. @throws like {@link get}. */
  async send(method: Change['method'], path: string, object: object, signal: AbortSignal): Promise<unknown> {
    const response = await this.#open(path, signal, ANSWER_TIMEOUT_MS, { method, object })
    return JSON.parse(await textOf(response))
  }

  /**
   * The lines of a watch, until the server ends it.
   * @param heard is called when the server accepts, and with each arrival of bytes.
   * @throws like {@link get}.
   */
  async *lines(path: string, signal: AbortSignal, heard: () => void): AsyncGenerator<string> {
    const response = await this.#open(path, signal, 0)
    heard()
    let rest = ''
    response.setEncoding('utf8')
    for await (const chunk of response as AsyncIterable<string>) {
      heard()
      const [first = '', ...more] = chunk.split('\n')
      rest += first
      if (rest.length > MAX_ANSWER_BYTES) throw new Error('a line of the watch is too long')
      for (const line of more) {
        yield rest
        rest = line
      }
    }
  }

  /** @param bodyTimeoutMs longest silence once the answer has begun; 0 for a watch, which is silent while nothing changes. */
  async #open(path: string, signal: AbortSignal, bodyTimeoutMs: number, change?: Change): Promise<IncomingMessage> {
    const { server, options } = await this.#access()
    signal.throwIfAborted()
    const { method = 'GET' } = change ?? {}
    const headers = { ...options.headers, ...(change && { 'content-type': CONTENT_TYPES[change.method] }) }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = process
        .getBuiltinModule('node:https')
        .request(`${server}${path}`, { ...options, method, headers, agent: false, signal }, resolve)
      const late = () => request.destroy(new Error('no answer from the API server'))
      // The socket's own timeout would count twice while something is unsent, as in a handshake.
      const deadline = setTimeout(late, CONNECT_TIMEOUT_MS)
      request.on('close', () => clearTimeout(deadline))
      request.on('error', reject)
      request.on('timeout', late)
      request.on('response', () => request.setTimeout(bodyTimeoutMs))
      request.on('socket', (socket) => {
        socket.setKeepAlive(true, KEEPALIVE_MS)
        socket.on('secureConnect', () => {
          clearTimeout(deadline)
          request.setTimeout(ANSWER_TIMEOUT_MS)
        })
      })
      request.end(change && JSON.stringify(change.object))
    })
    this.clock = Date.parse(response.headers.date ?? '')
    if (response.statusCode === 200 || response.statusCode === 201) return response
    const seconds = Number(response.headers['retry-after'])
    const message = messageOf(await textOf(response))
    throw new ApiError(response.statusCode!, message, seconds > 0 ? seconds * 1000 : undefined)
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk
    if (text.length > MAX_ANSWER_BYTES) throw new Error('the answer of the API server is too long')
  }
  return text
}

/** The message of a Status object, or the text itself. */
function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: string }
    return message ?? text
  } catch {
    return text.slice(0, 200)
  }
}
