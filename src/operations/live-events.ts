// What the live page is told while it is open, as server-sent events: made once for all who look, and not at all when nobody does.
import type { ServerResponse } from 'node:http'
import type { Timer } from '../runtime/runtime.ts'
import { History, type Sample, type Sampled } from './history.ts'
import type { Status } from './status.ts'
import type { Timeline, TimelineEntry } from './timeline.ts'

/** What has happened before the page was opened. */
export interface Beginning {
  readonly samples: readonly Sample[]
  readonly timeline: readonly TimelineEntry[]
}

/** How it is, and what is new since the one before. */
export interface Moment extends Beginning {
  /** In ms since 1970. */
  readonly at: number
  readonly status: Status
}

/** Between two moments, in ms. */
const MOMENT_MS = 1000
/** Of slow commands the newest. */
const SLOW_COMMANDS = 20
/** People who look, each with a few pages. */
export const MAX_STREAMS = 8
/** Several times the past as a whole. */
const MAX_UNREAD_BYTES = 1024 * 1024

/** Where it looks. */
export interface Observed extends Sampled {
  readonly timeline: Timeline
  readonly status: () => Status
}

export class LiveEvents {
  readonly #observed: Observed
  readonly #history: History
  readonly #streams = new Set<ServerResponse>()
  #timer: Timer | undefined
  /** How much of it was told. */
  #samples = 0
  #entries = 0

  constructor(observed: Observed) {
    this.#observed = observed
    this.#history = new History(observed)
  }

  get isFull(): boolean {
    return this.#streams.size >= MAX_STREAMS
  }

  /** @param stream its head was sent. */
  add(stream: ServerResponse): void {
    if (this.isFull) stream.destroy()
    if (stream.destroyed) return
    const { runtime, timeline } = this.#observed
    this.#timer ??= runtime.every(MOMENT_MS, () => this.#tell())
    // Those who look already hear first what the new one is told as the past.
    this.#tell()
    this.#streams.add(stream)
    stream.once('close', () => this.#remove(stream))
    // A proxy that restarts is back in a moment.
    stream.write('retry: 1000\n\n')
    stream.write(event('beginning', { samples: this.#history.samples, timeline: timeline.entries } satisfies Beginning))
    stream.write(event('moment', this.#moment()))
  }

  /** Ends all streams. */
  close(): void {
    this.#history.close()
    for (const stream of this.#streams) stream.end()
  }

  #remove(stream: ServerResponse): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #tell(): void {
    const text = event('moment', this.#moment())
    for (const stream of this.#streams) {
      // Who does not read is cut off, and begins anew: nothing may be left out on the way.
      if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy()
      else stream.write(text)
    }
  }

  #moment(): Moment {
    const { runtime, timeline, status } = this.#observed
    const history = this.#history
    const { slowLog, ...rest } = status()
    const newSamples = history.count - this.#samples
    const moment: Moment = {
      at: runtime.wallClock(),
      status: { ...rest, slowLog: { ...slowLog, entries: slowLog.entries.slice(0, SLOW_COMMANDS) } },
      samples: newSamples === 0 ? [] : history.samples.slice(-newSamples),
      timeline: timeline.after(this.#entries),
    }
    this.#samples = history.count
    this.#entries = timeline.count
    return moment
  }
}

function event(name: string, data: Beginning | Moment): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
