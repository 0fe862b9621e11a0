// Settings of what happens while there is no primary, and of reads on replicas.
import { setting } from '../setting.ts'
import { duration, oneOf, optional, size, wholeNumber, word } from '../setting-types.ts'

export const failoverSettings = {
  holdMs: setting('HOLD', duration(), '5s', {
    sentence: 'How long a command waits while there is no confirmed primary; 0 = fails at once.',
    reason: 'A restart or a failover takes a few seconds; client libraries give up later.',
  }),
  holdCommands: setting('HOLD_COMMANDS', wholeNumber({ min: 1 }), '10000', {
    sentence: 'Most commands that wait; one more is refused.',
    reason: 'One for each of RUSTEZE_CLIENTS.',
  }),
  holdBytes: setting('HOLD_BYTES', size({ min: '1kb' }), '16mb', {
    sentence: 'Most bytes that wait; the newest command is refused.',
    reason: 'Leaves a sidecar with 128 MiB room for everything else.',
  }),
  holdClientCommands: setting('HOLD_CLIENT_COMMANDS', wholeNumber({ min: 1 }), '1000', {
    sentence: 'A client with so many waiting commands is not read from.',
    reason: 'A tenth of RUSTEZE_HOLD_COMMANDS, so that no client takes all of it.',
  }),
  holdClientBytes: setting('HOLD_CLIENT_BYTES', size({ min: '1kb' }), '1mb', {
    sentence: 'A client with so many waiting bytes is not read from.',
    reason: 'A sixteenth of RUSTEZE_HOLD_BYTES, so that no client takes all of it.',
  }),
  maxPauseMs: setting('PAUSE', duration({ minMs: 1 }), '30s', {
    sentence: 'The longest pause that PROXY PAUSE and POST /pause may ask for.',
    reason: 'Enough for a planned failover; who pauses and goes away stops the application no longer.',
  }),
  emptyPrimaryWaitMs: setting('EMPTY_PRIMARY_WAIT', duration(), '10s', {
    sentence: 'How long an empty primary is not taken while another of RUSTEZE_BACKENDS holds data that it lacks.',
    reason: 'A primary that lost its disk comes back before its replica is promoted; Sentinel takes a few seconds.',
  }),
  readFrom: setting('READ_FROM', oneOf('primary', 'prefer-replica', 'replica'), 'primary', {
    sentence:
      'Where reads go: the primary, a fresh replica if there is one, or fresh replicas only. A client always sees its own writes.',
    reason:
      'A replica lags, so another client may read what was true a moment ago; only the application knows if that is right.',
  }),
  replicaMaxLagMs: setting('REPLICA_MAX_LAG', duration({ minMs: 1 }), '5s', {
    sentence: 'A replica is read from only if it has all writes that are older than this.',
    reason: 'A few times RUSTEZE_PROBE, by which lag is measured.',
  }),
  zone: setting('ZONE', optional(word()), '', {
    sentence: 'The zone this runs in: replicas of the same zone are read from first, where EndpointSlices name zones.',
    reason: 'All replicas alike.',
  }),
  uncertain: setting('UNCERTAIN', oneOf('error', 'close'), 'error', {
    sentence: 'What a client gets whose command may have been executed: an UNCERTAIN error, or a closed connection.',
    reason: 'Many client libraries send again after a close, which doubles writes.',
  }),
  subscribersOnFailover: setting('SUBSCRIBERS_ON_FAILOVER', oneOf('keep', 'close'), 'keep', {
    sentence: 'Whether subscribers and tracking clients are carried over to the new connection or closed.',
    reason: 'Failover is a pause; close is for caches that resynchronise when they are disconnected.',
  }),
}
