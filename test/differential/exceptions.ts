// THE list of what may differ between two servers, or between a server and the proxy, and why. Everything else is equal byte for byte.
import type { ServerKind } from '../support/redis-server.ts'
import {
  clientFacts,
  digits,
  helloWithoutId,
  infoFields,
  kinds,
  type Mask,
  outermostKind,
  settings,
  started,
  unordered,
} from './masks.ts'

export interface Exception {
  /** Names as in the server's table, with blanks between. */
  readonly commands: string
  readonly reason: string
  /** Applies only to these words; without it to all. */
  readonly when?: (words: readonly string[]) => boolean
  /** What is compared where the bytes differ. */
  readonly mask?: Mask
  /** The command leaves other data behind on each server: the data is not compared after it. */
  readonly leavesOtherData?: true
  /** Errors, too, are looked at with the mask. */
  readonly allowsErrors?: true
  /** What comes after its first reply is not compared. */
  readonly isFirstReplyOnly?: true
  /** Redis closes at once and forgets the replies that it has not written yet; the proxy writes them. */
  readonly losesReplies?: true
  /** It cannot succeed here, so that it need not have succeeded once. */
  readonly neverSucceeds?: true
  /** Chance or a clock decides whether a difference is met in one run. */
  readonly isSeldom?: true
  /** The other kind of server does not need it, or has none of the commands. */
  readonly onlyOn?: ServerKind
}

function has(...options: readonly string[]): (words: readonly string[]) => boolean {
  return (words) => words.some((word) => options.includes(word.toLowerCase()))
}

export const exceptions: readonly Exception[] = [
  // Order
  {
    commands: 'keys hgetall hkeys hvals smembers sinter sunion sdiff sort sort_ro',
    reason:
      'Hash tables are seeded anew in each server, and Redis 7.0 keeps every set of words in one: the order is chance.',
    mask: unordered,
  },
  {
    commands: 'scan hscan sscan zscan',
    reason: 'How many a step of a scan finds in a hash table, and its cursor, are chance.',
    mask: outermostKind,
  },
  {
    commands:
      'command command|docs command|info command|list acl|cat acl|users acl|list function|list module|list acl|getuser',
    reason: 'They list hash tables, which are seeded anew in each server.',
    mask: unordered,
  },
  {
    commands: 'config|get',
    reason: 'The servers have ports and directories of their own.',
    when: (words) => words.length > 3 || words.some((word) => word.includes('*')),
    mask: settings,
  },

  // Chance
  { commands: 'randomkey', reason: 'Answers a random key.', mask: outermostKind },
  { commands: 'srandmember hrandfield zrandmember', reason: 'They answer random members.', mask: kinds },
  { commands: 'spop', reason: 'Removes random members.', mask: kinds, leavesOtherData: true },
  { commands: 'lolwut', reason: 'Draws by chance.', mask: outermostKind, isSeldom: true },
  { commands: 'acl|genpass', reason: 'Answers random digits.', mask: outermostKind },

  // Time
  { commands: 'time lastsave', reason: 'They tell the time.', mask: digits },
  { commands: 'ttl pttl object|idletime', reason: 'Time has passed.', mask: digits, isSeldom: true },
  {
    commands: 'expiretime pexpiretime',
    reason: 'Times to live given in seconds from now end at another moment on each server.',
    mask: digits,
    isSeldom: true,
  },
  {
    commands: 'hpttl httl hexpiretime hpexpiretime',
    reason: 'Time has passed.',
    mask: digits,
    isSeldom: true,
    onlyOn: 'valkey',
  },
  {
    commands: 'xadd',
    reason: 'An id made of the time.',
    when: has('*'),
    mask: digits,
    leavesOtherData: true,
    isSeldom: true,
  },
  { commands: 'xpending xinfo|consumers xinfo|stream', reason: 'They tell since when.', mask: digits, isSeldom: true },
  {
    commands: 'latency|histogram latency|doctor',
    reason: 'They tell durations of all commands so far.',
    mask: outermostKind,
  },
  { commands: 'slowlog|get', reason: 'What is slow, and when, differs.', mask: outermostKind, isSeldom: true },
  { commands: 'slowlog|len', reason: 'What is slow differs.', mask: digits, isSeldom: true },
  {
    commands: 'commandlog|get commandlog|len',
    reason: 'What is slow, and when, differs.',
    mask: outermostKind,
    isSeldom: true,
    onlyOn: 'valkey',
  },
  {
    commands: 'bgsave save bgrewriteaof',
    reason: 'An earlier one may still be under way.',
    mask: started,
    allowsErrors: true,
    isSeldom: true,
  },
  {
    commands: 'acl|log',
    reason: 'Entries carry their age, and the client they came from.',
    mask: outermostKind,
    isSeldom: true,
  },

  // Places and sizes
  { commands: 'info', reason: 'Nearly every value is a counter, a time or a place.', mask: infoFields },
  { commands: 'memory|usage', reason: 'Hash tables grow at other moments.', mask: digits, isSeldom: true },
  {
    commands: 'memory|stats memory|malloc-stats memory|doctor',
    reason: 'They tell of the whole process.',
    mask: outermostKind,
  },
  {
    commands: 'dump',
    reason: 'A set is written in the order of its hash table.',
    mask: outermostKind,
    isSeldom: true,
  },

  // Connections
  {
    commands: 'hello',
    reason: 'Answers the number of the connection; a client of the proxy has one of the proxy.',
    mask: helloWithoutId,
    isSeldom: true,
  },
  { commands: 'client|id', reason: 'The number of the connection.', mask: digits, isSeldom: true },
  { commands: 'client|info', reason: 'Sockets, buffers, ages.', mask: clientFacts },
  { commands: 'client|list', reason: 'The server lists the connections that look after it too.', mask: outermostKind },
  {
    commands: 'monitor',
    reason: 'Shows times, ports and what others do.',
    mask: outermostKind,
    isFirstReplyOnly: true,
  },

  {
    commands: 'client|kill',
    reason:
      'In a transaction it is the server that ends connections, those which the proxy keeps for the user among them.',
    when: has('user'),
    mask: digits,
    isSeldom: true,
  },
  {
    commands: 'post host:',
    reason: 'What a web browser was made to send is answered by nothing, and the rest is lost.',
    losesReplies: true,
  },

  // What cannot succeed
  {
    commands: 'acl|load acl|save config|rewrite',
    reason: 'The server was started without the file that they work on.',
    neverSucceeds: true,
  },
  { commands: 'module|load module|loadex module|unload', reason: 'There is no module.', neverSucceeds: true },
  { commands: 'function|kill script|kill', reason: 'No script runs.', neverSucceeds: true },
  {
    commands: 'pfselftest',
    reason: 'It holds the server up for two seconds: only its arity is tried.',
    neverSucceeds: true,
  },
  { commands: 'client|caching', reason: 'Needs a mode of tracking that is tested elsewhere.', neverSucceeds: true },
  { commands: 'readonly readwrite', reason: 'The server is no cluster.', neverSucceeds: true, onlyOn: 'redis' },
  { commands: 'clusterscan', reason: 'The server is no cluster.', neverSucceeds: true, onlyOn: 'valkey' },
  { commands: 'latency|graph', reason: 'Nothing is slow enough for a sample.', neverSucceeds: true },
]

/** Refused by default, which the tests of the deny list are about; not sent. */
export const denied: ReadonlySet<string> = new Set(
  'sync psync replconf replicaof slaveof failover shutdown migrate debug script|debug asking'.split(' '),
)

/** Names that are no commands, and yet known to every server. */
export const closingNames: readonly string[] = ['post', 'host:']

export function exceptionsFor(name: string, words: readonly string[]): readonly Exception[] {
  return (byName.get(name) ?? []).filter((exception) => exception.when?.(words) ?? true)
}

const byName = new Map<string, Exception[]>()
for (const exception of exceptions) {
  for (const name of exception.commands.split(' ')) byName.set(name, [...(byName.get(name) ?? []), exception])
}
