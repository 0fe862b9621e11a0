// Settings of the connections to the servers: how many, for how long, and how they are watched.
import { setting } from '../setting.ts'
import { duration, wholeNumber } from '../setting-types.ts'

export const connectionSettings = {
  sharedConnections: setting('SHARED_CONNECTIONS', wholeNumber({ max: 1024 }), '2', {
    sentence: 'Connections that all clients of a pool share; 0 = each client has its own.',
    reason: 'A second one keeps others going while the first is held up by a big reply.',
  }),
  maxPools: setting('POOLS', wholeNumber({ min: 1 }), '64', {
    sentence:
      'Most pools, one for each database, user and protocol; the idle and least recently used are closed first.',
    reason: "More than the 16 databases of Redis's default in both protocols, with room for users.",
  }),
  maxPins: setting('PINS', wholeNumber(), '0', {
    sentence: 'Most connections lent to one client each, as for WATCH, MULTI or BLPOP; 0 = as many as clients.',
    reason: 'What works with Redis directly is never refused.',
  }),
  pinWaitMs: setting('PIN_WAIT', duration(), '1s', {
    sentence: 'How long a client waits for a free one when RUSTEZE_PINS are lent; 0 = not at all.',
    reason: 'A transaction takes milliseconds, so a longer wait would only hide a bound that is too low.',
  }),
  pinIdleMs: setting('PIN_IDLE', duration(), '60s', {
    sentence: 'How long a connection that was given back is kept for the next client that needs one.',
    reason: 'Spares periodic jobs the handshake and gives the server back its connections after a peak.',
  }),
  connectTimeoutMs: setting('CONNECT_TIMEOUT', duration({ minMs: 1 }), '1s', {
    sentence: 'How long opening a connection to the server may take, login included.',
    reason: 'Many times a round trip inside a cluster, and short enough for several tries within RUSTEZE_HOLD.',
  }),
  replyTimeoutMs: setting('REPLY_TIMEOUT', duration({ minMs: 1 }), '2s', {
    sentence: 'After so long without a reply the server is probed on another connection; nothing is cut.',
    reason: 'Slow scripts and forks pass; a dead server is found well within RUSTEZE_HOLD.',
  }),
  replyLimitMs: setting('REPLY_LIMIT', duration(), '0', {
    sentence: 'After so long without a reply the connection is destroyed, whatever a probe says; 0 = never.',
    reason: 'Redis sets no limit to a command either.',
  }),
  backendPingMs: setting('BACKEND_PING', duration({ minMs: 1 }), '15s', {
    sentence: 'Sends a PING on a connection that has been idle for so long.',
    reason: "Well below the usual values of the server's timeout and of idle limits in networks.",
  }),
  probeMs: setting('PROBE', duration({ minMs: 1 }), '1s', {
    sentence: 'How often the server is asked for its role.',
    reason: 'Bounds the time in which a server that was demoted unnoticed could still take a write.',
  }),
}
