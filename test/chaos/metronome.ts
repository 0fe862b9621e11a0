// A client that writes all the time, one write after the other: how long the application stood still is read from it.
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type RawClient } from '../support/raw-client.ts'
import { waitUntil } from '../support/wait-until.ts'

/** Pause between two writes in ms: the finest that the stall is told. */
const PAUSE_MS = 2
const PATIENCE_MS = 60_000

export class Metronome {
  readonly #client: RawClient
  readonly #end: Promise<void>
  #since: number | undefined
  #found: number | undefined
  #isEnding = false

  private constructor(client: RawClient) {
    this.#client = client
    this.#end = this.#goOn()
  }

  static async start(port: number): Promise<Metronome> {
    return new Metronome(await connect(port, PATIENCE_MS))
  }

  /** How long it is from now to the next write that succeeds, in ms. */
  async stall(): Promise<number> {
    this.#found = undefined
    this.#since = performance.now()
    return waitUntil(() => this.#found, { what: 'a write succeeds after the fault', timeoutMs: PATIENCE_MS })
  }

  async end(): Promise<void> {
    this.#isEnding = true
    await this.#end
    await this.#client.close()
  }

  async #goOn(): Promise<void> {
    while (!this.#isEnding) {
      const reply = await this.#client.ask('INCR', 'metronome')
      if (reply.startsWith(':') && this.#since !== undefined) {
        this.#found = performance.now() - this.#since
        this.#since = undefined
      }
      await delay(PAUSE_MS)
    }
  }
}
