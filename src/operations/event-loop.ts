// How late the event loop runs, which is how long everything else has waited. Measured only once somebody asks.
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** A timer of this period is what is measured, in ms: no longer delay is missed, and its 50 wake-ups take 2 ms of CPU a second. */
const RESOLUTION_MS = 20

export interface EventLoopDelay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

let histogram: ReturnType<typeof monitorEventLoopDelay> | undefined

/** In seconds, since the last call; the first one begins to measure. */
export function eventLoopDelay(): EventLoopDelay {
  if (histogram === undefined) {
    histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    histogram.enable()
  }
  const { count } = histogram
  // Its times are those from one tick to the next.
  const seconds = (nanoseconds: number) => (count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000))
  const delay = {
    p50: seconds(histogram.percentile(50)),
    p99: seconds(histogram.percentile(99)),
    max: seconds(histogram.max),
  }
  histogram.reset()
  return delay
}
