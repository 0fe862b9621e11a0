// Where a server is, as everyone else sees it: behind a link on loopback, or in a network of its own.
import type { Link } from './link.ts'

/** Which packets are lost while a server is cut off: all, those to it, or those from it. */
export type Lost = 'all' | 'inward' | 'outward'

export interface Place {
  /** Where the proxy reaches it. */
  readonly host: string
  readonly port: number
  /** Where the other servers reach it, on the same host. */
  readonly serverPort: number
  /** What the server binds to. */
  readonly bind: string
  /** Begins the server's command line. */
  readonly wrapper: readonly string[]
  /** Between the proxy and the server. */
  readonly link: Link
  /** Loses packets between here and the proxy. */
  cutOffProxy(lost: Lost): Promise<void>
  /** Undoes all cuts. */
  rejoin(): Promise<void>
  close(): Promise<void>
}

/** A place that can be cut off from others than the proxy, and can move. */
export interface NetworkPlace extends Place {
  cutOffServers(places: readonly NetworkPlace[], lost: Lost): Promise<void>
  /** To an address that nobody has had. */
  move(): Promise<void>
}
