// THE list of what may differ between two servers, or between a server and the proxy, and why. Everything else is equal byte for byte.
import {
  clientFacts,
  digits,
  helloWithoutId,
  infoFields,
  kinds,
  type Mask,
  outermostKind,
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
  /** It cannot succeed here, so that it need not have succeeded once. */
  readonly neverSucceeds?: true
}

function has(...options: readonly string[]): (words: readonly string[]) => boolean {
  return (words) => words.some((word) => options.includes(word.toLowerCase()))
}

export const exceptions: readonly Exception[] = [
  // Order
  {
    commands: 'smembers sinter sunion sdiff sscan sort sort_ro',
    reason: 'Hash tables are seeded anew in each server, and Redis 7.0 keeps every set of words in one.',
    mask: unordered,
  },
  {
    commands: 'keys scan hgetall hkeys hvals hscan',
    reason: 'Hash tables are seeded anew in each server: the order, and what one step of a scan finds, are chance.',
    mask: unordered,
  },
  {
    commands: 'scan hscan sscan zscan clusterscan',
    reason: 'How many a step of a scan finds in a hash table, and its cursor, are chance.',
    mask: kinds,
  },
  {
    commands:
      'command command|docs command|info command|list acl|cat acl|users acl|list function|list config|get module|list acl|getuser',
    reason: 'They list hash tables, which are seeded anew in each server.',
    mask: unordered,
  },
  {
    commands: 'config|get',
    reason: 'The servers have ports and directories of their own.',
    when: (words) => words.some((word) => word.includes('*')),
    mask: (reply) => digits(reply).replaceAll(/(redis|valkey)-#/g, 'directory'),
  },

  // Chance
  { commands: 'randomkey', reason: 'Answers a random key.', mask: outermostKind },
  { commands: 'srandmember hrandfield zrandmember', reason: 'They answer random members.', mask: kinds },
  { commands: 'spop', reason: 'Removes random members.', mask: kinds, leavesOtherData: true },
  { commands: 'acl|genpass', reason: 'Answers random digits.', mask: outermostKind },
  { commands: 'lolwut', reason: 'Draws by chance.', mask: outermostKind },
  {
    commands: 'georadius georadiusbymember geosearch geosearchstore',
    reason: 'ANY stops at the first found.',
    when: has('any'),
    mask: kinds,
    leavesOtherData: true,
  },

  // Time
  { commands: 'time lastsave', reason: 'They tell the time.', mask: digits },
  { commands: 'ttl pttl object|idletime hpttl httl', reason: 'Time has passed.', mask: digits },
  {
    commands: 'expiretime pexpiretime hexpiretime hpexpiretime',
    reason: 'Times to live given in seconds from now end at another moment on each server.',
    mask: digits,
  },
  { commands: 'xadd', reason: 'An id made of the time.', when: has('*'), mask: digits, leavesOtherData: true },
  { commands: 'xpending xinfo|consumers xinfo|stream', reason: 'They tell since when.', mask: digits },
  { commands: 'latency|latest latency|history latency|graph', reason: 'They tell durations and times.', mask: digits },
  {
    commands: 'latency|histogram latency|doctor',
    reason: 'They tell durations of all commands so far.',
    mask: outermostKind,
  },
  { commands: 'slowlog|get commandlog|get', reason: 'What is slow, and when, differs.', mask: outermostKind },
  { commands: 'slowlog|len commandlog|len', reason: 'What is slow differs.', mask: digits },
  { commands: 'bgsave save bgrewriteaof', reason: 'An earlier one may still be under way.', mask: started },
  { commands: 'function|stats', reason: 'The order of its map.', mask: unordered },
  { commands: 'acl|log', reason: 'Entries carry their age, and the client they came from.', mask: outermostKind },

  // Places and sizes
  { commands: 'info', reason: 'Nearly every value is a counter, a time or a place.', mask: infoFields },
  { commands: 'role', reason: 'The offset counts what the proxy propagates for WAIT.', mask: digits },
  { commands: 'memory|usage', reason: 'Hash tables grow at other moments.', mask: digits },
  {
    commands: 'memory|stats memory|malloc-stats memory|doctor',
    reason: 'They tell of the whole process.',
    mask: outermostKind,
  },
  { commands: 'dump', reason: 'A set is written in the order of its hash table.', mask: outermostKind },
  { commands: 'function|dump', reason: 'Libraries are written in the order of a hash table.', mask: outermostKind },

  // Connections
  {
    commands: 'hello',
    reason: 'Answers the number of the connection; a client of the proxy has one of the proxy.',
    mask: helloWithoutId,
  },
  { commands: 'client|id', reason: 'The number of the connection.', mask: digits },
  { commands: 'client|info', reason: 'Sockets, buffers and ages.', mask: clientFacts },
  { commands: 'client|list', reason: 'The server lists the connections that look after it too.', mask: outermostKind },
  { commands: 'monitor', reason: 'Shows times, ports and what others do.', mask: outermostKind },

  // What cannot succeed
  {
    commands: 'acl|load acl|save config|rewrite',
    reason: 'The server was started without the file that they work on.',
    neverSucceeds: true,
  },
  { commands: 'module|load module|loadex module|unload', reason: 'There is no module.', neverSucceeds: true },
  { commands: 'object|freq', reason: 'Needs another eviction policy.', neverSucceeds: true },
  { commands: 'function|kill script|kill', reason: 'No script runs.', neverSucceeds: true },
  { commands: 'client|import-source', reason: 'Needs the import mode.', neverSucceeds: true },
  { commands: 'readonly readwrite clusterscan', reason: 'The server is no cluster.', neverSucceeds: true },
]

/** Commands that RUSTEZE_DENY refuses by default: they are sent through the proxy only, which has to say so. */
export const denied: ReadonlySet<string> = new Set(
  'sync psync replconf replicaof slaveof failover shutdown migrate debug script|debug asking'.split(' '),
)

/** Answered by an error on a server that is no cluster, all but these. */
export const clusterCommandsThatSucceed: ReadonlySet<string> = new Set(['cluster|help'])

export function exceptionsFor(name: string, words: readonly string[]): readonly Exception[] {
  return (byName.get(name) ?? []).filter((exception) => exception.when?.(words) ?? true)
}

const byName = new Map<string, Exception[]>()
for (const exception of exceptions) {
  for (const name of exception.commands.split(' ')) byName.set(name, [...(byName.get(name) ?? []), exception])
}

/** Every name in the list, so that one which no server knows is noticed. */
export const exceptedNames: readonly string[] = [...byName.keys()]
