// What the dashboard shows of commands: how many, and how long they take.
import type { Rows } from './panel.ts'

export const trafficRows: Rows = {
  Traffic: [
    {
      title: 'Commands per second: the ten most frequent',
      description: 'By name, whatever they were answered.',
      unit: 'ops',
      isStacked: true,
      queries: { '{{command}}': 'topk(10, sum by (command) (rate(rusteze_commands_total{$pods}[$__rate_interval])))' },
    },
    {
      title: 'Answers per second',
      description: 'ok and error come from a server, local and refused from the proxy; uncertain: nobody knows.',
      unit: 'ops',
      queries: { '{{outcome}}': 'sum by (outcome) (rate(rusteze_commands_total{$pods}[$__rate_interval]))' },
    },
    {
      title: 'Errors per second: the ten most frequent',
      description: 'Errors of servers and of the proxy, by command.',
      unit: 'ops',
      queries: {
        '{{command}}: {{outcome}}':
          'topk(10, sum by (command, outcome) (rate(rusteze_commands_total{$pods,outcome=~"error|refused|uncertain"}[$__rate_interval])))',
      },
    },
    {
      title: 'Bytes per second',
      description: 'From and to clients.',
      unit: 'binBps',
      queries: {
        'from clients': 'sum(rate(rusteze_client_received_bytes_total{$pods}[$__rate_interval]))',
        'to clients': 'sum(rate(rusteze_client_sent_bytes_total{$pods}[$__rate_interval]))',
      },
    },
  ],
  Latency: [
    {
      title: 'Time until the reply',
      description: 'As clients see it, and the part of it with the server; the rest is the proxy, holds included.',
      unit: 's',
      queries: {
        p50: 'histogram_quantile(0.5, sum by (le) (rate(rusteze_latency_seconds_bucket{$pods}[$__rate_interval])))',
        p99: 'histogram_quantile(0.99, sum by (le) (rate(rusteze_latency_seconds_bucket{$pods}[$__rate_interval])))',
        'server p50':
          'histogram_quantile(0.5, sum by (le) (rate(rusteze_backend_latency_seconds_bucket{$pods}[$__rate_interval])))',
        'server p99':
          'histogram_quantile(0.99, sum by (le) (rate(rusteze_backend_latency_seconds_bucket{$pods}[$__rate_interval])))',
      },
    },
    {
      title: 'Share of the proxy',
      description: 'Of the time of all commands. More than a few percent without a failover: look at the event loop.',
      unit: 'percentunit',
      queries: {
        proxy:
          '1 - sum(rate(rusteze_backend_latency_seconds_sum{$pods}[$__rate_interval])) / sum(rate(rusteze_latency_seconds_sum{$pods}[$__rate_interval]))',
      },
    },
    {
      title: 'Mean time by command: the ten slowest',
      description: 'Of commands that a server answered.',
      unit: 's',
      queries: {
        '{{command}}':
          'topk(10, sum by (command) (rate(rusteze_command_seconds_total{$pods}[$__rate_interval])) / sum by (command) (rate(rusteze_commands_total{$pods,outcome=~"ok|error"}[$__rate_interval])))',
      },
    },
    {
      title: 'Where the time of servers goes: the ten most costly commands',
      description: 'Seconds with the server, per second.',
      unit: 's',
      isStacked: true,
      queries: {
        '{{command}}':
          'topk(10, sum by (command) (rate(rusteze_command_backend_seconds_total{$pods}[$__rate_interval])))',
      },
    },
    {
      title: 'Slow commands per second',
      description: 'That took RUSTEZE_SLOW or longer; the slow log of each sidecar keeps the last ones.',
      unit: 'ops',
      queries: { '{{workload}}': 'sum by (workload) (rate(rusteze_slow_commands_total{$pods}[$__rate_interval]))' },
    },
  ],
}
