// What the dashboard shows of clients and of the sidecars themselves.
import type { Rows } from './panel.ts'

export const clientRows: Rows = {
  'Clients, connections and pins': [
    {
      title: 'Clients',
      description: 'That are connected, and the most that all sidecars together allow (RUSTEZE_CLIENTS).',
      unit: 'short',
      queries: { connected: 'sum(rusteze_clients{$pods})', limit: 'sum(rusteze_clients_limit{$pods})' },
    },
    {
      title: 'Clients that came, were turned away or closed',
      description: 'Per second; turned away for RUSTEZE_CLIENTS, closed for want of memory or time.',
      unit: 'short',
      queries: {
        came: 'sum(rate(rusteze_clients_accepted_total{$pods}[$__rate_interval]))',
        'turned away': 'sum(rate(rusteze_clients_turned_away_total{$pods}[$__rate_interval]))',
        'closed: {{reason}}': 'sum by (reason) (rate(rusteze_evicted_clients_total{$pods}[$__rate_interval]))',
      },
    },
    {
      title: 'Connections to servers',
      description: 'Shared by clients, pinned to one, idle, or for control.',
      unit: 'short',
      isStacked: true,
      queries: { '{{kind}}': 'sum by (kind) (rusteze_backend_connections{$pods})' },
    },
    {
      title: 'Pinned clients',
      description: 'Those that have a connection of their own, by the reason, and those that wait for one.',
      unit: 'short',
      isStacked: true,
      queries: {
        '{{reason}}': 'sum by (reason) (rusteze_pinned_clients{$pods})',
        waiting: 'sum(rusteze_pin_waiters{$pods})',
      },
    },
    {
      title: 'Pins per second',
      description: 'Connections lent, by what they were taken for, and clients that waited in vain.',
      unit: 'ops',
      queries: {
        '{{reason}}': 'sum by (reason) (rate(rusteze_pins_taken_total{$pods}[$__rate_interval]))',
        refused: 'sum(rate(rusteze_pins_refused_total{$pods}[$__rate_interval]))',
      },
    },
    {
      title: 'Pins at a time',
      description: 'As the mean over time: what short ones add up to as well.',
      unit: 'short',
      queries: { '{{reason}}': 'sum by (reason) (rate(rusteze_pinned_seconds_total{$pods}[$__rate_interval]))' },
    },
    {
      title: 'Unread replies',
      description: 'What clients have not read yet: RUSTEZE_OUTPUT_SOFT and RUSTEZE_OUTPUT_HARD bound it for each.',
      unit: 'bytes',
      queries: { '{{workload}}': 'sum by (workload) (rusteze_unread_reply_bytes{$pods})' },
    },
    {
      title: 'Pools closed per second',
      description: 'To make room for others (RUSTEZE_POOLS).',
      unit: 'short',
      queries: { '{{workload}}': 'sum by (workload) (rate(rusteze_evicted_pools_total{$pods}[$__rate_interval]))' },
    },
  ],
  Resources: [
    {
      title: 'CPU',
      description: 'Cores: of one sidecar on average, and of the busiest one. It can use little more than one.',
      unit: 'short',
      queries: {
        mean: 'avg(rate(process_cpu_seconds_total{$pods,container="rusteze"}[$__rate_interval]))',
        busiest: 'max(rate(process_cpu_seconds_total{$pods,container="rusteze"}[$__rate_interval]))',
      },
    },
    {
      title: 'Event loop',
      description: 'The part of the time in which it is busy, of the busiest sidecar: near 100% commands wait for it.',
      unit: 'percentunit',
      queries: { busy: 'max(rate(rusteze_event_loop_busy_seconds_total{$pods}[$__rate_interval]))' },
    },
    {
      title: 'Delay of the event loop',
      description: 'How late it ran between two questions of Prometheus, of the worst sidecar.',
      unit: 's',
      queries: { '{{statistic}}': 'max by (statistic) (rusteze_event_loop_delay_seconds{$pods})' },
    },
    {
      title: 'Memory',
      description: 'Resident, of it buffers, and the limit of the container: of the largest sidecar.',
      unit: 'bytes',
      queries: {
        resident: 'max(process_resident_memory_bytes{$pods,container="rusteze"})',
        buffers: 'max(rusteze_buffer_bytes{$pods})',
        limit: 'min(rusteze_memory_limit_bytes{$pods})',
      },
    },
    {
      title: 'Versions',
      description: 'How many sidecars run which version; a restart of a workload brings the one that is installed.',
      unit: 'short',
      isStacked: true,
      queries: { '{{version}}': 'count by (version) (rusteze_build_info{$pods} and on (instance) rusteze_ready)' },
    },
    {
      title: 'Restarts',
      description: 'Times that the process of a sidecar began anew in its pod.',
      unit: 'short',
      queries: {
        '{{workload}}':
          'sum by (workload) (changes(process_start_time_seconds{$pods,container="rusteze"}[$__rate_interval]))',
      },
    },
  ],
}
