// What happens when a client does not read its replies: its connection is read at its pace, and others behind it wait only for a while.
import type { BackendConnection } from '../backend/backend-connection.ts'
import type { Proxy } from './proxy.ts'

/** How long others wait on one connection behind clients that do not read, in ms and in all: then only the hard limit counts. */
const GRACE_MS = 1000

export class SlowReader {
  readonly #proxy: Proxy
  /** Not read until the client has read what came from it. */
  #paused: BackendConnection | null = null

  constructor(proxy: Proxy) {
    this.#proxy = proxy
  }

  /** Replies from this connection went out. */
  check(connection: BackendConnection | null): void {
    const { output, memory, lane, services } = this.#proxy
    if (connection === null || this.#paused !== null || output.pendingBytes < memory.softLimitBytes) return
    const isShared = connection !== lane.pin && connection.inFlight > lane.inFlight
    if (isShared && connection.isWaitOver) return
    this.#paused = connection
    connection.pauseReading()
    if (connection !== lane.pin) connection.retire()
    if (!isShared) return
    services.runtime.after(GRACE_MS, () => {
      connection.isWaitOver = true
      if (this.#paused === connection) this.letGo()
    })
  }

  /** Something was given to the client's socket. */
  written(): void {
    const { output, config, memory, lane, rawPin, ending, services } = this.#proxy
    const { pendingBytes } = output
    memory.count()
    if (pendingBytes > config.outputHardLimitBytes) {
      if (!ending.isClosing) services.evictions.output++
      this.#proxy.close('it did not read its replies (RUSTEZE_OUTPUT_HARD)')
    } else if (ending.isClosing || ending.hasEnded) ending.whenAnswered()
    // What the kernel takes at once is followed by no drain event.
    else if (pendingBytes < memory.softLimitBytes) this.caughtUp()
    else if (rawPin !== null) rawPin.pauseReading()
    else if (lane.inFlight > 0) this.check(lane.current)
  }

  /** The client has read enough to be sent more. */
  caughtUp(): void {
    this.letGo()
    this.#proxy.rawPin?.resumeReading()
    this.#proxy.hasRoom()
  }

  /** Others wait for this client no longer. */
  letGo(): void {
    const paused = this.#paused
    this.#paused = null
    paused?.resumeReading()
  }
}
