// Settings of how the process runs: what it refuses, how it ends, what it logs.
import { setting } from '../setting.ts'
import { commandNames, duration, oneOf } from '../setting-types.ts'

export const operationSettings = {
  deny: setting(
    'DENY',
    commandNames(),
    'sync psync replconf replicaof slaveof failover shutdown migrate debug script|debug asking',
    {
      sentence: 'Commands that are refused, as command or command|subcommand; none = no command.',
      reason: 'They act on the server as a whole or turn its connection into something else than request and reply.',
    },
  ),
  drainMs: setting('DRAIN', duration(), '25s', {
    sentence: 'How long clients may still be served after SIGTERM.',
    reason: 'Below the 30 s after which Kubernetes kills.',
  }),
  drainIdleMs: setting('DRAIN_IDLE', duration(), '500ms', {
    sentence: 'After SIGTERM a client that has been silent for so long is closed.',
    reason: 'Longer than the pauses between the requests of a busy client.',
  }),
  slowMs: setting('SLOW', duration(), '10ms', {
    sentence: 'Commands that take as long are kept in the slow log, the last 128 of them; 0 = none.',
    reason: 'Many times what a command takes inside a cluster, and the default of Redis’s own slow log.',
  }),
  logLevel: setting('LOG_LEVEL', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'info', {
    sentence: 'The least important lines that are logged.',
    reason: 'Changes of state are logged at info; nothing is logged per command.',
  }),
  logFormat: setting('LOG_FORMAT', oneOf('json', 'pretty', 'auto'), 'auto', {
    sentence: 'Form of the log lines; auto = pretty on a terminal, else json.',
    reason: 'People read terminals, programs read everything else.',
  }),
}
