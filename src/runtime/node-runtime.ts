// The real world: Node's sockets, timers and clock behind the Runtime interface.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import type tls from 'node:tls'
import { keepReadBuffer, ReadBuffer } from './read-buffer.ts'
import type { Address, Listener, Runtime, Stream, StreamHandler, TlsOptions } from './runtime.ts'

/** Idle time before the kernel probes a silent peer, in ms. It finds half-open connections within 40 s. */
const KEEP_ALIVE_MS = 30_000

export const nodeRuntime: Runtime = {
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
  atEndOfTurn: (run) => {
    setImmediate(run)
  },
  connect,
  listen,
}

class NodeStream implements Stream {
  readonly #socket: net.Socket
  /** The largest buffer that was lent and not taken at once, until all is. */
  #lentBytes = 0
  constructor(socket: net.Socket) {
    this.#socket = socket
  }
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }
  writeLent(bytes: Uint8Array): void {
    this.#socket.write(bytes)
    // The kernel nearly always takes them at once, and then nobody refers to them any more.
    if (this.#socket.writableLength === 0) return
    keepReadBuffer(bytes)
    this.#lentBytes = Math.max(this.#lentBytes, bytes.buffer.byteLength)
  }
  get pendingBytes(): number {
    return this.#socket.writableLength
  }
  get keptBytes(): number {
    const { writableLength } = this.#socket
    if (writableLength === 0) this.#lentBytes = 0
    return Math.max(writableLength, this.#lentBytes)
  }
  pause(): void {
    this.#socket.pause()
  }
  resume(): void {
    this.#socket.resume()
  }
  end(): void {
    this.#socket.end()
  }
  destroy(): void {
    this.#socket.destroy()
  }
  reset(): void {
    // Neither TLS nor a unix socket can be reset.
    const isTcp = this.#socket.remoteAddress !== undefined && !('encrypted' in this.#socket)
    if (isTcp) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }
  get remoteAddress(): string {
    return addressText(this.#socket.remoteAddress, this.#socket.remotePort)
  }
  get localAddress(): string {
    return addressText(this.#socket.localAddress, this.#socket.localPort)
  }
}

function addressText(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return '/unixsocket:0'
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function attach(socket: net.Socket, handler: StreamHandler): void {
  let reason: string | undefined
  socket.on('drain', () => handler.drained())
  socket.on('end', () => handler.ended())
  socket.on('error', (error: NodeJS.ErrnoException) => {
    reason = error.code ?? error.message
  })
  socket.on('close', () => handler.closed(reason))
}

function connect(
  address: Address,
  tlsOptions: TlsOptions | undefined,
  timeoutMs: number,
  handler: StreamHandler,
): Stream {
  // One reused read buffer per connection instead of a fresh one per read: a fifth more throughput.
  const memory = new ReadBuffer()
  const onread = {
    buffer: () => memory.next(),
    callback: (length: number, bytes: Uint8Array) => {
      handler.received(bytes as Buffer, length)
      memory.read(length)
      return true
    },
  }
  const target =
    'path' in address ? { path: address.path } : { host: address.host, port: address.port, autoSelectFamily: false }
  // Node keeps the one before where none is given, which its types do not know.
  const common = { ...target, onread: onread as net.OnReadOpts, allowHalfOpen: true }
  const socket = tlsOptions === undefined ? net.connect(common) : connectTls(address, tlsOptions, common)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })),
    timeoutMs,
  )
  attach(socket, handler)
  socket.once(tlsOptions === undefined ? 'connect' : 'secureConnect', () => {
    clearTimeout(timer)
    handler.opened()
  })
  socket.once('close', () => clearTimeout(timer))
  return new NodeStream(socket)
}

/** What the files hold is in the way of a connection like any other failure: in the middle of a rotation key and certificate may not match. */
function connectTls(address: Address, options: TlsOptions, common: object): net.Socket {
  // Loaded when it is needed: it is a tenth of an idle proxy's memory.
  const { connect } = process.getBuiltinModule('node:tls')
  try {
    return connect({ ...common, ...secureOptions(address, options) } as tls.ConnectionOptions)
  } catch (error) {
    return new net.Socket().destroy(error as Error)
  }
}

/** How the server at an address has to prove who it is, and what it is shown. */
export function secureOptions(address: Address, options: TlsOptions): tls.ConnectionOptions {
  const host = 'host' in address ? address.host : 'localhost'
  const serverName = options.serverName ?? (net.isIP(host) ? undefined : host)
  return {
    rejectUnauthorized: options.verify,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.certificate === undefined ? {} : { cert: options.certificate }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(options.serverName === undefined
      ? {}
      : {
          checkServerIdentity: (_host: string, certificate: tls.PeerCertificate) =>
            process.getBuiltinModule('node:tls').checkServerIdentity(options.serverName!, certificate),
        }),
  }
}

async function listen(address: Address, accept: (stream: Stream) => StreamHandler): Promise<Listener> {
  // allowHalfOpen: a client that closes its half after a pipeline still gets its replies, as from Redis.
  const server = net.createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, allowHalfOpen: true },
    (socket) => {
      const handler = accept(new NodeStream(socket))
      attach(socket, handler)
      socket.on('data', (bytes: Buffer) => handler.received(bytes, bytes.length))
    },
  )
  if ('path' in address) removeStaleSocket(address.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // 511 is Redis's own tcp-backlog.
    server.listen({ ...address, backlog: 511 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  if ('path' in address) chmodSync(address.path, address.mode ?? 0o600)
  const bound = server.address()
  return {
    address: bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port },
    close: () => server.close(),
  }
}

/** A socket file left behind by a process that was killed would make the listen fail. */
function removeStaleSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path)
}
