// What the dashboard shows of Redis: failovers, servers, and how they are found.
import type { Rows } from './panel.ts'

export const failoverRows: Rows = {
  Failovers: [
    {
      title: 'Switches',
      description: 'Primaries that sidecars have accepted: promoted, moved, or the same one returned.',
      unit: 'short',
      queries: { '{{reason}}': 'sum by (reason) (increase(rusteze_switches_total{$pods}[$__rate_interval]))' },
    },
    {
      title: 'Time without a primary',
      description: 'The part of the time, as the mean and as the worst of the sidecars.',
      unit: 'percentunit',
      queries: {
        mean: 'avg(rate(rusteze_without_primary_seconds_total{$pods}[$__rate_interval]))',
        worst: 'max(rate(rusteze_without_primary_seconds_total{$pods}[$__rate_interval]))',
      },
    },
    {
      title: 'Last interruption',
      description: 'How long the last time without a primary took that is over, and how many there were.',
      unit: 's',
      queries: {
        longest: 'max(rusteze_last_interruption_seconds{$pods})',
        median: 'quantile(0.5, rusteze_last_interruption_seconds{$pods})',
      },
    },
    {
      title: 'Generation',
      description: 'Primaries accepted since the start of a sidecar; it rises with each interruption.',
      unit: 'short',
      queries: {
        '{{workload}}': 'max by (workload) (rusteze_generation{$pods})',
        '{{workload}}: interruptions': 'max by (workload) (rusteze_interruptions_total{$pods})',
      },
    },
    {
      title: 'Sent again',
      description: 'Requests that were given to a server once more, each of which cannot have run or changes nothing.',
      unit: 'short',
      queries: { '{{reason}}': 'sum by (reason) (increase(rusteze_retries_total{$pods}[$__rate_interval]))' },
    },
    {
      title: 'Uncertain, by command',
      description: 'Their connection broke before the reply; they were not sent again.',
      unit: 'short',
      queries: {
        '{{command}}':
          'sum by (command) (increase(rusteze_commands_total{$pods,outcome="uncertain"}[$__rate_interval]))',
      },
    },
    {
      title: 'How full the hold is',
      description: 'Of the fullest sidecar; at 100% commands are refused.',
      unit: 'percentunit',
      queries: { '{{workload}}': 'max by (workload) (rusteze_hold_ratio{$pods})' },
    },
    {
      title: 'Held bytes',
      description: 'Of the commands that wait.',
      unit: 'bytes',
      queries: { '{{workload}}': 'sum by (workload) (rusteze_held_bytes{$pods})' },
    },
  ],
  'Servers and discovery': [
    {
      title: 'Servers',
      description: 'By what they said last of themselves, as the mean of the sidecars.',
      unit: 'short',
      isStacked: true,
      queries: { '{{role}}': 'avg by (role) (rusteze_servers{$pods})' },
    },
    {
      title: 'Replicas that may be read from',
      description: 'Where RUSTEZE_READ_FROM asks for them: the fewest that a sidecar has.',
      unit: 'short',
      queries: { '{{workload}}': 'min by (workload) (rusteze_fresh_replicas{$pods})' },
    },
    {
      title: 'Lag of replicas',
      description: 'Writes that a replica lacks.',
      unit: 'bytes',
      queries: { '{{server}}': 'max by (server) (rusteze_replica_lag_bytes{$pods})' },
    },
    {
      title: 'Age of replicas',
      description: 'Of the newest write that a replica is not known to have, where replicas are read from.',
      unit: 's',
      queries: { '{{server}}': 'max by (server) (rusteze_replica_lag_seconds{$pods})' },
    },
    {
      title: 'Source of addresses',
      description: 'How many sidecars are told by which source, if it can be asked.',
      unit: 'short',
      isStacked: true,
      queries: { '{{source}}': 'sum by (source) (rusteze_discovery_up{$pods})' },
    },
    {
      title: 'Endpoints',
      description: 'Addresses by what Kubernetes says of their pods, as the mean of the sidecars.',
      unit: 'short',
      isStacked: true,
      queries: { '{{state}}': 'avg by (state) (rusteze_discovery_endpoints{$pods})' },
    },
    {
      title: 'Age of what is known',
      description: 'Time since the source last proved it: of the worst sidecar.',
      unit: 's',
      queries: { '{{workload}}': 'max by (workload) (rusteze_discovery_age_seconds{$pods})' },
    },
    {
      title: 'Lists and ends of watches',
      description:
        'Asked of the API server; all at once again and again: it is overloaded, or a proxy in between cuts.',
      unit: 'short',
      queries: {
        'list: {{result}}': 'sum by (result) (increase(rusteze_discovery_lists_total{$pods}[$__rate_interval]))',
        'watch: {{reason}}':
          'sum by (reason) (increase(rusteze_discovery_watch_restarts_total{$pods}[$__rate_interval]))',
      },
    },
  ],
}
