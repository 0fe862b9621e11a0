// The last commands that took long, with the shares of the proxy and of the server. Never a key or a value, nor a name a client made up.
import { addressText } from '../backend/backend-context.ts'
import type { Request } from '../backend/request.ts'

/** The newest are kept: enough to see what happened, in some 20 KB. */
const MAX_ENTRIES = 128

/** A plain object. */
export interface SlowCommand {
  /** Counted from 1 since the start. */
  readonly id: number
  /** When it was answered, in ms since 1970. */
  readonly at: number
  /** `get`, `config|get`; `unknown` for a name that is in no table. */
  readonly command: string
  /** CLIENT ID. */
  readonly client: number
  readonly totalMs: number
  /** Until it was given to the socket of the server, waiting included, and all attempts but the last. */
  readonly proxyMs: number
  readonly backendMs: number
  /** undefined for one too large to be collected. */
  readonly requestBytes: number | undefined
  readonly replyBytes: number
  /** The server's address. */
  readonly backend: string
}

export class SlowLog {
  /** All since the start, those that are gone included. */
  count = 0
  readonly #entries: SlowCommand[] = []

  /** The newest first. */
  get entries(): SlowCommand[] {
    return this.#entries.toReversed()
  }

  add(request: Request, replyBytes: number, totalMs: number, at: number): void {
    const { owner, subcommand, isStreamed, byteLength, waitedMs } = request
    this.count++
    this.#entries.push({
      id: this.count,
      at,
      command: subcommand.name,
      client: owner.proxy!.session.id,
      totalMs,
      proxyMs: waitedMs,
      backendMs: totalMs - waitedMs,
      requestBytes: isStreamed ? undefined : byteLength,
      replyBytes,
      backend: addressText(owner.server!.address),
    })
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift()
  }

  clear(): void {
    this.#entries.length = 0
  }
}
