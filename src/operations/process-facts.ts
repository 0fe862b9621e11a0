// What can be told of any process: its version, its CPU time and its memory.

import { version } from '../version.ts'
import { containerMemory } from './memory-ceiling.ts'

export type ProcessFacts = ReturnType<typeof processFacts>

/** Times are in ms since 1970, durations in ms. */
export function processFacts() {
  const { user, system } = process.cpuUsage()
  const memory = process.memoryUsage()
  return {
    version,
    node: process.version,
    process: {
      since: performance.timeOrigin,
      cpuMs: (user + system) / 1000,
      busyMs: performance.eventLoopUtilization().active,
      residentBytes: memory.rss,
      bufferBytes: memory.arrayBuffers,
      /** What the container may use; undefined where there is no limit. */
      limitBytes: containerMemory(),
    },
  }
}
