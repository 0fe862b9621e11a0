// THE list of settings: variable, type, default and its reason. Help, README and the frozen Config are all made from it.
import { type BackendAddress, listenAddresses } from './config/addresses.ts'
import { backendLocation } from './config/backend-location.ts'
import { checkTogether } from './config/cross-checks.ts'
import { renderHelp } from './config/help.ts'
import type { ConfigError, Environment, SettingDefinition, ValuesOf } from './config/read-settings.ts'
import { readSettings } from './config/read-settings.ts'
import { serviceName } from './config/service-name.ts'
import type { SettingType } from './config/setting-types.ts'
import {
  commandNames,
  duration,
  filePath,
  oneOf,
  onOff,
  optional,
  secret,
  size,
  wholeNumber,
  word,
} from './config/setting-types.ts'

type Words = Pick<SettingDefinition<unknown>, 'sentence' | 'reason'>

function setting<T>(variable: string, type: SettingType<T>, byDefault: string, words: Words): SettingDefinition<T> {
  return { variable: `RUSTEZE_${variable}`, type, default: byDefault, ...words }
}

const listening = {
  listen: setting('LISTEN', listenAddresses(), '127.0.0.1:6380', {
    sentence: 'Where clients connect: host:port, [v6]:port or unix:/path (mode 0600), separated by commas.',
    reason: "Only this pod or machine can connect, and the port is free beside Redis's own.",
  }),
  clientPasswordFile: setting('CLIENT_PASSWORD_FILE', optional(filePath()), '', {
    sentence: 'File with the password that clients must give to the proxy.',
    reason: 'On loopback the server decides alone who may do what.',
  }),
  isProtected: setting('PROTECTED', onOff(), 'on', {
    sentence: 'Refuses to listen beyond loopback without RUSTEZE_CLIENT_PASSWORD_FILE.',
    reason: 'An open port would lend the credentials of the backend to everyone.',
  }),
  maxClients: setting('CLIENTS', wholeNumber({ min: 1 }), '10000', {
    sentence: "Most clients at a time; one more gets Redis's own error.",
    reason: "Redis's own default of maxclients.",
  }),
  clientIdleMs: setting('CLIENT_IDLE', duration(), '0', {
    sentence: 'Closes a client that has been silent for so long; 0 = never.',
    reason: 'As Redis does by default.',
  }),
}

const backend = {
  service: setting('SERVICE', optional(serviceName()), '', {
    sentence: 'The Service of Kubernetes that leads to the servers, primary and replicas: [namespace/]service[:port].',
    reason:
      'Without it the servers are those of RUSTEZE_BACKENDS. The namespace is that of the pod, the port is found by its name.',
  }),
  backends: setting('BACKENDS', backendLocation(), '127.0.0.1:6379', {
    sentence:
      'The servers, primary and replicas, separated by commas: host, host:port, [v6]:port, unix:/path, or all in one redis://user:password@host:port,host:port/0 (rediss:// for TLS).',
    reason: 'Where a Redis on the same machine listens.',
  }),
  backendUsername: setting('BACKEND_USERNAME', optional(word()), '', {
    sentence: 'User as whom the proxy logs in.',
    reason: "The server's default user.",
  }),
  backendUsernameFile: setting('BACKEND_USERNAME_FILE', optional(filePath()), '', {
    sentence: 'File with the user name, re-read when it changes.',
    reason: 'Only mounted Secrets need it.',
  }),
  backendPassword: setting('BACKEND_PASSWORD', optional(secret()), '', {
    sentence: 'Password of that user, used exactly as written.',
    reason: 'A server without a password needs none.',
  }),
  backendPasswordFile: setting('BACKEND_PASSWORD_FILE', optional(filePath()), '', {
    sentence: 'File with the password, such as a mounted Secret, re-read when it changes without dropping clients.',
    reason: 'Only mounted Secrets need it.',
  }),
  backendTls: setting('BACKEND_TLS', onOff(), 'off', {
    sentence: 'Encrypts the connections to the server; rediss:// switches it on as well.',
    reason: 'As Redis itself, which listens without TLS by default.',
  }),
  backendTlsCaFile: setting('BACKEND_TLS_CA_FILE', optional(filePath()), '', {
    sentence: "File with the PEM certificates that may sign the server's, re-read when it changes.",
    reason: "Node's own list of public authorities.",
  }),
  backendTlsCertFile: setting('BACKEND_TLS_CERT_FILE', optional(filePath()), '', {
    sentence: 'File with the PEM certificate that the proxy shows to the server, re-read when it changes.',
    reason: 'Only a server that asks for client certificates needs it.',
  }),
  backendTlsKeyFile: setting('BACKEND_TLS_KEY_FILE', optional(filePath()), '', {
    sentence: 'File with the PEM key of that certificate, re-read when it changes.',
    reason: 'Goes with RUSTEZE_BACKEND_TLS_CERT_FILE.',
  }),
  backendTlsServerName: setting('BACKEND_TLS_SERVER_NAME', optional(word()), '', {
    sentence: "Name that the server's certificate must carry.",
    reason: 'The host of RUSTEZE_BACKENDS.',
  }),
  backendTlsVerify: setting('BACKEND_TLS_VERIFY', onOff(), 'on', {
    sentence: "Checks the server's certificate; off is for tests only.",
    reason: 'Without the check anyone in between can read and answer.',
  }),
}

const connections = {
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

const bounds = {
  outputSoftLimitBytes: setting('OUTPUT_SOFT', size({ min: '64kb' }), '1mb', {
    sentence: 'A client with more unread replies than this is not read from until it has caught up.',
    reason:
      'Above what a client that reads leaves behind (Node tells nothing of less than 64 KiB), and small enough for hundreds of slow ones.',
  }),
  outputHardLimitBytes: setting('OUTPUT_HARD', size({ min: '1kb' }), '64mb', {
    sentence: 'A client with more unread replies than this is closed.',
    reason: "Above the 32mb at which Redis's own default closes a subscriber.",
  }),
  queryLimitBytes: setting('QUERY_LIMIT', size({ min: '1mb' }), '1gb', {
    sentence: 'A client that sends a longer request than this is closed.',
    reason: "Redis's own default of client-query-buffer-limit.",
  }),
  maxInFlight: setting('IN_FLIGHT', wholeNumber({ min: 1 }), '4096', {
    sentence: 'A client with so many unanswered requests is not read from until replies have come.',
    reason: 'Deeper than pipelines are in practice, and a bound for what one client can queue.',
  }),
  memoryLimitBytes: setting('MEMORY', size(), '0', {
    sentence:
      'Memory for unread replies and waiting commands, above which clients with most unread are closed; 0 = from the cgroup.',
    reason: 'Of the limit of the cgroup 70 % less the program itself: the rest is for what the kernel counts.',
  }),
}

const failover = {
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

const operation = {
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
  logLevel: setting('LOG_LEVEL', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'info', {
    sentence: 'The least important lines that are logged.',
    reason: 'Changes of state are logged at info; nothing is logged per command.',
  }),
  logFormat: setting('LOG_FORMAT', oneOf('json', 'pretty', 'auto'), 'auto', {
    sentence: 'Form of the log lines; auto = pretty on a terminal, else json.',
    reason: 'People read terminals, programs read everything else.',
  }),
}

const definitions = { ...listening, ...backend, ...connections, ...bounds, ...failover, ...operation }

const chapters: readonly (readonly [string, Readonly<Record<string, SettingDefinition<unknown>>>])[] = [
  ['Clients', listening],
  ['Backend', backend],
  ['Connections to the backend', connections],
  ['Bounds', bounds],
  ['Failover', failover],
  ['Operation', operation],
]

/** One entry of the list, as help and README show it. */
export interface Setting extends SettingDefinition<unknown> {
  readonly property: string
  readonly chapter: string
}

/** All settings, in the order in which help and README show them. */
export const settings: readonly Setting[] = chapters.flatMap(([chapter, entries]) =>
  Object.entries(entries).map(([property, definition]) => ({ ...definition, property, chapter })),
)

export type SettingValues = ValuesOf<typeof definitions>

/** What the whole program is told, frozen: one property for each setting, with the parts of a backend URL sorted into theirs. */
export interface Config extends Omit<SettingValues, 'backends'> {
  /** The servers among which the primary is; at least one, and unused where there is a Service. */
  readonly backends: readonly BackendAddress[]
  /** The database in which clients start, from the path of a backend URL. */
  readonly backendDatabase: number
}

export type ParsedConfig =
  | { readonly config: Config; readonly warnings: readonly string[] }
  | { readonly errors: readonly ConfigError[] }

/** Reads the environment: the frozen configuration, or all mistakes at once. Touches no file and no global state. */
export function parseConfig(environment: Environment): ParsedConfig {
  const { values, errors } = readSettings(definitions, environment)
  const together = checkTogether(values, environment)
  if (errors.length > 0 || together.errors.length > 0) return { errors: [...errors, ...together.errors] }
  // Without errors nothing is missing.
  const { backends: location, ...rest } = values as SettingValues
  const config: Config = Object.freeze({
    ...rest,
    backends: location.addresses,
    backendUsername: location.username ?? rest.backendUsername,
    backendPassword: location.password ?? rest.backendPassword,
    backendDatabase: location.database ?? 0,
    backendTls: location.isTls || rest.backendTls,
  })
  return { config, warnings: together.warnings }
}

/** The text of `rusteze --help`. */
export function helpText(): string {
  return renderHelp(settings)
}
