// The metrics of any process, of which there are the same everywhere.
import { eventLoopDelay } from './event-loop.ts'
import type { Definition } from './exposition.ts'
import type { ProcessFacts } from './process-facts.ts'

/** The list. */
export const processDefinitions: readonly Definition<ProcessFacts>[] = [
  {
    kind: 'gauge',
    name: 'rusteze_build_info',
    help: 'The version that runs.',
    labels: ['version'],
    read: ({ version }) => ({ [version]: 1 }),
  },
  {
    kind: 'gauge',
    name: 'nodejs_version_info',
    help: 'The version of Node that runs it.',
    labels: ['version'],
    read: ({ node }) => ({ [node]: 1 }),
  },
  {
    kind: 'gauge',
    name: 'process_start_time_seconds',
    help: 'When the process started, in Unix time.',
    read: ({ process }) => process.since / 1000,
  },
  {
    kind: 'counter',
    name: 'process_cpu_seconds_total',
    help: 'CPU time used.',
    read: ({ process }) => process.cpuMs / 1000,
  },
  {
    kind: 'gauge',
    name: 'process_resident_memory_bytes',
    help: 'Resident memory.',
    read: ({ process }) => process.residentBytes,
  },
  {
    kind: 'gauge',
    name: 'rusteze_memory_limit_bytes',
    help: 'Memory that the container may use; missing where there is no limit.',
    read: ({ process }) => process.limitBytes,
  },
  {
    kind: 'gauge',
    name: 'rusteze_buffer_bytes',
    help: 'Memory of buffers: what was read and is to be written, and in the proxy unread replies and commands that wait.',
    read: ({ process }) => process.bufferBytes,
  },
  {
    kind: 'gauge',
    name: 'rusteze_event_loop_delay_seconds',
    help: 'How late the event loop ran, which is how long everything waited: since the last time somebody asked.',
    labels: ['statistic'],
    read: () => ({ ...eventLoopDelay() }),
  },
  {
    kind: 'counter',
    name: 'rusteze_event_loop_busy_seconds_total',
    help: 'Time in which the event loop did not wait; near 1 s per second the proxy is at its limit.',
    read: ({ process }) => process.busyMs / 1000,
  },
]
