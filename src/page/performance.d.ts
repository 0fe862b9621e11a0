// What the types of the status need of Node's `performance`, which the browser's stands in the way of.

interface Performance {
  readonly eventLoopUtilization: typeof import('node:perf_hooks').performance.eventLoopUtilization
}
