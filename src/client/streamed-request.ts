// A request too large to be kept: its bytes go to a connection of its client's own as they come.
import type { BackendConnection } from '../backend/backend-connection.ts'
import { Phase, Request } from '../backend/request.ts'
import { type RequestFramer, Scan } from '../resp/request-framer.ts'
import { protocolError } from './bad-input.ts'
import type { InputBuffer } from './input-buffer.ts'
import type { Proxy } from './proxy.ts'

/** The least proto-max-bulk-len a server can have: above it the server may close the connection, so it must not be a shared one. */
const LARGEST_SHARED_ARGUMENT_BYTES = 1024 * 1024
/** A request that is not complete after so many bytes is streamed instead of collected. */
const LARGEST_COLLECTED_BYTES = 64 * 1024

/** True when the request that is not complete yet should not be collected. @param kept bytes of it so far. */
export function isTooLargeToCollect(framer: RequestFramer, kept: number): boolean {
  return framer.longestArgument > LARGEST_SHARED_ARGUMENT_BYTES || kept > LARGEST_COLLECTED_BYTES
}

export class StreamedRequest {
  readonly request: Request
  readonly #proxy: Proxy
  #bytes: number
  #connection: BackendConnection | null = null

  /** @param input holds its beginning, in which `framer` stands. */
  constructor(proxy: Proxy, framer: RequestFramer, { bytes, end }: InputBuffer) {
    const { lane, services, lastRequestAt } = proxy
    const { nameStart, nameEnd, begin, position } = framer
    const isNamed = nameStart >= 0 && nameEnd <= end
    const command = isNamed ? services.commands.find(bytes, nameStart, nameEnd) : services.commands.unknown
    this.#proxy = proxy
    this.request = new Request(lane, command, bytes, begin, position, lastRequestAt)
    this.request.isStreamed = true
    this.#bytes = this.request.byteLength
  }

  /** It has its connection, and what is known of it was sent there. */
  streamTo(connection: BackendConnection): void {
    this.#connection = connection
    connection.onDrained = () => this.#proxy.hasRoom()
  }

  /** True when its next bytes can be passed on. */
  get hasRoom(): boolean {
    // Once it is answered, by an error, what is left of it is only to be skipped.
    if (this.request.phase === Phase.Answered) return true
    const connection = this.#connection
    return connection !== null && connection.pendingBytes < this.#proxy.config.outputSoftLimitBytes
  }

  /** Passes on its next bytes. @returns true when those were the last; the framer then stands behind them. */
  read(framer: RequestFramer, bytes: Buffer, from: number, to: number): boolean {
    const found = framer.scan(bytes, from, to)
    this.#bytes += framer.position - from
    if (this.#bytes > this.#proxy.config.queryLimitBytes)
      this.#proxy.close('its request is too long (RUSTEZE_QUERY_LIMIT)')
    else if (found === Scan.Invalid) {
      this.#connection?.destroy('client broke the protocol')
      protocolError(this.#proxy, framer.error)
    } else {
      if (this.request.phase !== Phase.Answered) this.#connection?.sendBytes(bytes, from, framer.position)
      return found === Scan.Complete
    }
    return false
  }
}
