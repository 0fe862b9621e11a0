// What the proxy needs of the world: time, chance and sockets. Everything that waits or talks gets them from here, so that tests run it in virtual time.

/** Where a stream leads or listens. The mode is that of a socket file that is listened on; without it, it is its owner's alone. */
export type Address =
  | { readonly host: string; readonly port: number }
  | { readonly path: string; readonly mode?: number }

/** One open byte stream. Calls on a closed stream do nothing. */
export interface Stream {
  /** Hands bytes over; they must not be changed afterwards. */
  write(bytes: Uint8Array): void
  /** The same with bytes that {@link StreamHandler.received} lent: the buffer is lent to nobody else while they are needed. */
  writeLent(bytes: Uint8Array): void
  /** Bytes handed over that the kernel has not taken. */
  readonly pendingBytes: number
  /** Memory that these bytes keep: of lent ones the whole buffer they lie in. */
  readonly keptBytes: number
  /** Stops and restarts the delivery of received bytes. */
  pause(): void
  resume(): void
  /** Closes our half after what was written. */
  end(): void
  /** Closes at once; `closed` follows. */
  destroy(): void
  /** The same, and over TCP what the peer has not got yet is never sent: otherwise the kernel would go on trying for minutes. */
  reset(): void
  /** The peer's address as Redis writes it, `ip:port` or `path:0`. */
  readonly remoteAddress: string
  readonly localAddress: string
}

/** What happens on a stream. No call comes after `closed`, and `closed` comes exactly once. */
export interface StreamHandler {
  /** The connection (TLS included) stands. Only for streams we opened. */
  opened(): void
  /**
   * Bytes [0, length) of `bytes` arrived. On streams we opened the buffer is only lent until the call returns; on streams we
   * accepted it belongs to the handler.
   */
  received(bytes: Buffer, length: number): void
  /** All that was written has been taken by the kernel. */
  drained(): void
  /** The peer closed its half; ours stays open. */
  ended(): void
  /** @param reason what failed, undefined for an orderly close. */
  closed(reason: string | undefined): void
}

export interface Timer {
  cancel(): void
}

export interface Listener {
  readonly address: Address
  close(): void
}

export interface TlsOptions {
  readonly ca: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
  readonly verify: boolean
}

export interface Runtime {
  /** Monotonic time in milliseconds. */
  now(): number
  /** Wall-clock time in milliseconds since 1970. */
  wallClock(): number
  /** In [0, 1). */
  random(): number
  after(ms: number, run: () => void): Timer
  every(ms: number, run: () => void): Timer
  /** Runs when all that has arrived in this turn of the event loop was handled. */
  atEndOfTurn(run: () => void): void
  connect(address: Address, tls: TlsOptions | undefined, timeoutMs: number, handler: StreamHandler): Stream
  /** @throws when the address cannot be had; the error's message names it. */
  listen(address: Address, accept: (stream: Stream) => StreamHandler): Promise<Listener>
}
