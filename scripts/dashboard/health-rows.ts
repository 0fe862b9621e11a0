// What the dashboard shows first: whether all is well.
import type { Rows } from './panel.ts'

const number = { isNumber: true, width: 4, unit: 'short' } as const

export const healthRows: Rows = {
  'Is it well?': [
    {
      ...number,
      title: 'Sidecars',
      description: 'Those that Prometheus reaches.',
      queries: { sidecars: 'count(rusteze_ready{$pods})' },
    },
    {
      ...number,
      title: 'Without a primary',
      description: 'Shards whose primary is not confirmed: their commands wait.',
      redFrom: 1,
      queries: { shards: 'sum(rusteze_shards{$pods,state!="serving"})' },
    },
    {
      ...number,
      title: 'Primaries too many',
      description: 'Servers that say they are masters, without the one that is needed: the most that a sidecar sees.',
      redFrom: 1,
      queries: { masters: 'max(rusteze_masters{$pods} - on (instance) sum by (instance) (rusteze_shards{$pods}))' },
    },
    {
      ...number,
      title: 'Commands that wait',
      description: 'For a primary, for a connection, or for others of their client.',
      queries: { commands: 'sum(rusteze_held_commands{$pods})' },
    },
    {
      ...number,
      title: 'Uncertain commands',
      description: 'Answered with -UNCERTAIN in the time that is shown: they may have been executed.',
      redFrom: 1,
      queries: { commands: 'sum(increase(rusteze_uncertain_commands_total{$pods}[$__range]))' },
    },
    {
      ...number,
      title: 'Clients',
      description: 'That are connected to sidecars.',
      queries: { clients: 'sum(rusteze_clients{$pods})' },
    },
    {
      title: 'Primary',
      description: 'How many sidecars hold which server for the primary; two curves at a time: they disagree.',
      unit: 'short',
      isStacked: true,
      queries: { '{{server}}': 'sum by (server) (rusteze_primary{$pods})' },
    },
    {
      title: 'Held commands',
      description: 'What waits, and how long the oldest has waited; RUSTEZE_HOLD ends the wait.',
      unit: 'short',
      queries: {
        commands: 'sum(rusteze_held_commands{$pods})',
        'age of the oldest, s': 'max(rusteze_oldest_held_command_age_seconds{$pods})',
        'sidecars that are paused': 'sum(rusteze_paused{$pods})',
      },
    },
  ],
}
