// A client that writes all the time, one write after the other: how long the application stood still is read from it.
import { setTimeout as delay } from 'node:timers/promises'
import type { RunningCrowd } from '../faults/crowd.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { waitUntil } from '../support/wait-until.ts'

/** Pause between two writes in ms: the finest that the stall is told. */
const PAUSE_MS = 2
/** Longer than the proxy's hold: what takes longer hangs. */
const PATIENCE_MS = 70_000

export class Metronome {
  readonly #client: RawClient
  readonly #crowd: RunningCrowd
  readonly #end: Promise<void>
  /** When each write was answered with success, in ms of `performance.now()`. */
  readonly #beats: number[] = []
  /** When the last write that succeeded was asked for. */
  #lastAskedAt = 0
  #isEnding = false

  private constructor(client: RawClient, crowd: RunningCrowd) {
    this.#client = client
    this.#crowd = crowd
    this.#end = this.#goOn()
  }

  /** @param crowd hears of what is wrong; once it has anything to complain about, nobody waits for a beat any more. */
  static async start(port: number, crowd: RunningCrowd): Promise<Metronome> {
    return new Metronome(await connect(port, PATIENCE_MS), crowd)
  }

  /** When the first write after `time` was answered with success, be it long ago; both in ms of `performance.now()`. */
  async beatSince(time: number): Promise<number> {
    const beat = () => this.#beats.find((each) => each > time) ?? (this.#crowd.problems.length > 0 ? time : undefined)
    return waitUntil(beat, { what: 'a write succeeds after the fault', timeoutMs: PATIENCE_MS })
  }

  /** Whether a write succeeded between the two. */
  hasBeatBetween(from: number, to: number): boolean {
    return this.#beats.some((each) => each > from && each < to)
  }

  /** Waits for a write that was asked for from now on: whatever was lost before, its client has been told. */
  async nextBeat(): Promise<void> {
    const now = performance.now()
    const isBeaten = () => this.#lastAskedAt > now || this.#crowd.problems.length > 0
    await waitUntil(isBeaten, { what: 'a write succeeds', timeoutMs: PATIENCE_MS })
  }

  async end(): Promise<void> {
    this.#isEnding = true
    await this.#client.close()
    await this.#end
  }

  async #goOn(): Promise<void> {
    try {
      while (!this.#isEnding) {
        const askedAt = performance.now()
        const reply = await this.#client.ask('INCR', 'metronome')
        if (reply.startsWith(':')) {
          this.#beats.push(performance.now())
          this.#lastAskedAt = askedAt
        }
        await delay(PAUSE_MS)
      }
    } catch (error) {
      if (this.#isEnding) return
      const what = this.#client.isEnded ? 'was disconnected' : 'is still waiting for a reply'
      this.#crowd.complain(`the metronome ${what}: ${error}`)
    }
  }
}
