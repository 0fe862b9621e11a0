// What every part on the backend's side is handed when it is built.
import type { Config } from '../config.ts'
import type { Log } from '../operations/log.ts'
import type { Address, Runtime, TlsOptions } from '../runtime/runtime.ts'
import type { Turn } from '../runtime/turn.ts'
import { BackendConnection, type ConnectionObserver } from './backend-connection.ts'
import type { Identity } from './handshake.ts'

export interface BackendContext {
  readonly runtime: Runtime
  readonly turn: Turn
  readonly log: Log
  readonly config: Config
  /** The proxy's own credentials as they are now; files are read again when they change. */
  readonly ownIdentity: () => Identity
  /** What Sentinels may ask for; undefined when there is none. */
  readonly sentinelPassword: () => string | undefined
  /** Certificates as they are now; undefined without TLS. */
  readonly tls: () => TlsOptions | undefined
}

/** Opens a connection to a server. Events come to `observer`; a failed attempt comes as `closed`. */
export function openConnection(
  context: BackendContext,
  address: Address,
  observer: ConnectionObserver,
): BackendConnection {
  const connection = new BackendConnection(context.runtime, context.turn, observer)
  connection.attach(context.runtime.connect(address, context.tls(), context.config.connectTimeoutMs, connection))
  return connection
}

export function addressText(address: Address): string {
  if ('path' in address) return `unix:${address.path}`
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
