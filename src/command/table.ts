// The command table: what a server says about its commands, and the way from a request's first word to it.
import data from './built-in-commands.json' with { type: 'json' }
import { CommandCounts } from './command-counts.ts'
import { NameIndex } from './name-index.ts'
import { OWN_COMMAND, ownEntries } from './own-command.ts'

/** The server's words for what matters to a proxy, by the letter that stands for each in the built-in table. */
export const FLAG_LETTERS = {
  r: 'readonly',
  w: 'write',
  b: 'blocking',
  k: 'movablekeys',
  p: 'may_replicate',
  m: 'module',
} as const
export type CommandFlag = (typeof FLAG_LETTERS)[keyof typeof FLAG_LETTERS]

/** One command or subcommand (`container|subcommand`) as a server describes it. */
export interface CommandEntry {
  readonly name: string
  readonly arity: number
  readonly flags: readonly CommandFlag[]
  readonly firstKey: number
  readonly lastKey: number
  readonly step: number
}

/** One command or subcommand. Made once per table and shared by all requests. */
export interface Command {
  /** False for the one object that stands for every name the table does not have, and for the proxy's own command. */
  readonly known: boolean
  /** Lower case: 'get', 'xread', 'client', and 'client|setname' for a subcommand. */
  readonly name: string
  /** The number of words with the name, and the container's; negative where it is the least number. */
  readonly arity: number
  readonly readOnly: boolean
  readonly write: boolean
  /** May wait for another client; XREAD and XREADGROUP do so only with BLOCK. */
  readonly blocking: boolean
  /** Runs code of the user's, which may return any text: no error in its reply proves anything. */
  readonly script: boolean
  /** Comes from a module, which may return any text as well. */
  readonly module: boolean
  /** Where the keys are, counted from the command's name at 0; firstKey is 0 where there are none at fixed places. */
  readonly firstKey: number
  /** The last key's place; negative counts from the end of the request. */
  readonly lastKey: number
  readonly step: number
  /** Keys also, or only, stand at places that depend on the other arguments. */
  readonly movableKeys: boolean
  /** By the subcommand's own name in lower case; undefined for a command that has none. */
  readonly subcommands: ReadonlyMap<string, Command> | undefined
  /**
   * May be sent again when its connection died: running twice is the same as running once. Arguments that spoil this
   * (`$` of XREAD, the cursor of a SCAN that goes on at another server) are not the table's to see.
   */
  readonly repeatable: boolean
  /** A replica that is fresh answers it as the primary would. */
  readonly isReplicaRead: boolean
  /** How the proxy treats it: 0 is an ordinary command, the rest is given by whoever makes the table. */
  kind: number
  /** The same one in all tables. */
  readonly counts: CommandCounts
}

/** Decides a command's `kind`, from all its other properties; subcommands come before their container. */
export type KindOf = (command: Command) => number

/** What counts a command of this name. */
export type CountsOf = (name: string) => CommandCounts

/** The commands that run a script or function. */
const SCRIPTS: ReadonlySet<string> = new Set(['eval', 'eval_ro', 'evalsha', 'evalsha_ro', 'fcall', 'fcall_ro'])

/** Read-only by the server's flag, and yet it may store its result in the key (servers from 7 on keep that to themselves). */
const WRITING_READS: ReadonlySet<string> = new Set(['pfcount'])

/** Carry no read-only flag because they touch no key, and change nothing. `x|*` names all subcommands of x. */
const HARMLESS: ReadonlySet<string> = new Set(
  `ping echo time info role lastsave command command|* pubsub|* config|get script|exists script|show
  function|list function|stats function|dump memory|doctor memory|stats memory|malloc-stats object|help
  slowlog|get slowlog|len commandlog|get commandlog|len module|list
  latency|doctor latency|graph latency|histogram latency|history latency|latest
  acl|cat acl|dryrun acl|getuser acl|list acl|users acl|whoami
  cluster|count-failure-reports cluster|countkeysinslot cluster|getkeysinslot cluster|getslotmigrations cluster|info
  cluster|keyslot cluster|links cluster|myid cluster|myshardid cluster|nodes cluster|replicas cluster|shards
  cluster|slaves cluster|slot-stats cluster|slots`.split(/\s+/),
)

/**
 * Redis 6.2 lists these as read-only commands, later ones do not list them; all close the connection that sends one, because
 * a browser was tricked into speaking to them. Left out, so that no table takes them for ordinary commands.
 */
const TRAPS: ReadonlySet<string> = new Set(['post', 'host:'])

/** All commands of one server and the proxy's own, found by name. Immutable; a server of another version has a table of its own. */
export class CommandTable {
  /** Stands for every name the table does not have: nothing is assumed of it, and its replies prove nothing. */
  readonly unknown: Command
  private readonly commands = new Map<string, Command>()
  private readonly index: NameIndex<Command>
  private readonly subcommandIndexes = new Map<Command, NameIndex<Command>>()

  constructor(serverEntries: readonly CommandEntry[], kindOf: KindOf, countsOf: CountsOf = () => new CommandCounts()) {
    const isOwnTaken = serverEntries.some(({ name }) => name === OWN_COMMAND)
    const entries = isOwnTaken ? serverEntries : [...serverEntries, ...ownEntries]
    this.unknown = makeCommand(UNKNOWN_ENTRY, false, undefined, kindOf, countsOf)

    const subcommands = new Map<string, Map<string, Command>>()
    for (const entry of entries) {
      const bar = entry.name.indexOf('|')
      if (bar < 0) continue
      const container = entry.name.slice(0, bar)
      const siblings = subcommands.get(container) ?? new Map<string, Command>()
      siblings.set(entry.name.slice(bar + 1), makeCommand(entry, true, undefined, kindOf, countsOf))
      subcommands.set(container, siblings)
    }
    for (const entry of entries) {
      if (entry.name.includes('|')) continue
      const own = subcommands.get(entry.name)
      const command = makeCommand(entry, isOwnTaken || entry.name !== OWN_COMMAND, own, kindOf, countsOf)
      this.commands.set(entry.name, command)
      if (own !== undefined) this.subcommandIndexes.set(command, new NameIndex(own))
    }
    this.index = new NameIndex(this.commands)
  }

  /** The command whose name is bytes[start..end), in any letter case, or `unknown`. Allocates nothing: called per request. */
  find(bytes: Uint8Array, start: number, end: number): Command {
    return this.index.find(bytes, start, end) ?? this.unknown
  }

  /** The subcommand of `container` (of this table) whose name is bytes[start..end), or undefined. Allocates nothing. */
  findSubcommand(container: Command, bytes: Uint8Array, start: number, end: number): Command | undefined {
    return this.subcommandIndexes.get(container)?.find(bytes, start, end)
  }

  /** The command of this name, in lower case; subcommands as 'config|get'. */
  get(name: string): Command | undefined {
    const bar = name.indexOf('|')
    if (bar < 0) return this.commands.get(name)
    return this.commands.get(name.slice(0, bar))?.subcommands?.get(name.slice(bar + 1))
  }
}

const UNKNOWN_ENTRY: CommandEntry = {
  name: 'unknown',
  arity: -1,
  flags: ['write', 'module', 'movablekeys'],
  firstKey: 0,
  lastKey: 0,
  step: 0,
}

/** The one place that makes commands: all have the same shape, which keeps reading their properties fast. */
function makeCommand(
  entry: CommandEntry,
  known: boolean,
  subcommands: ReadonlyMap<string, Command> | undefined,
  kindOf: KindOf,
  countsOf: CountsOf,
): Command {
  const { name, arity, flags, firstKey, lastKey, step } = entry
  const command: Command = {
    known,
    name,
    arity,
    readOnly: flags.includes('readonly'),
    write: flags.includes('write'),
    blocking: flags.includes('blocking'),
    script: SCRIPTS.has(name),
    module: flags.includes('module'),
    firstKey,
    lastKey,
    step,
    movableKeys: flags.includes('movablekeys'),
    subcommands,
    repeatable: isRepeatable(entry, subcommands !== undefined),
    isReplicaRead: isReplicaRead(entry, subcommands !== undefined),
    kind: 0,
    counts: countsOf(name),
  }
  command.kind = kindOf(command)
  return command
}

/**
 * Read-only, and yet for the primary: a cursor is worth nothing at another server (and the next request with it may come from
 * another client), TOUCH is meant for the primary's memory, the rest run code of the user's or store what they compute.
 */
const PRIMARY_READS: ReadonlySet<string> = new Set([
  'scan',
  'hscan',
  'sscan',
  'zscan',
  'touch',
  ...SCRIPTS,
  ...WRITING_READS,
])

/** Containers (OBJECT, MEMORY) ask about a key in one server's memory. */
function isReplicaRead({ name, flags }: CommandEntry, isContainer: boolean): boolean {
  return flags.includes('readonly') && !flags.includes('module') && !isContainer && !PRIMARY_READS.has(name)
}

function isRepeatable({ name, flags }: CommandEntry, isContainer: boolean): boolean {
  if (flags.includes('write') || flags.includes('may_replicate') || WRITING_READS.has(name)) return false
  if (HARMLESS.has(name) || HARMLESS.has(name.replace(/\|.*/, '|*'))) return true
  // A container's own flag speaks for the subcommands its server knows, and is asked only about one that we do not.
  return flags.includes('readonly') && !isContainer
}

/**
 * The entries of a COMMAND reply as redis-parser gives it (arrays, strings or Buffers, numbers).
 * Servers before 7 list no subcommands: the built-in ones stand in for them. Throws where the reply is of another form.
 */
export function parseCommandReply(reply: unknown): CommandEntry[] {
  return asArray(reply)
    .flatMap((row) => parseRow(row))
    .filter(({ name }) => !TRAPS.has(name))
}

function parseRow(row: unknown): CommandEntry[] {
  const fields = asArray(row)
  const flags = asArray(fields[2]).map(asText)
  const entry: CommandEntry = {
    name: asText(fields[0]).replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
    arity: asInteger(fields[1]),
    flags: Object.values(FLAG_LETTERS).filter((flag) => flags.includes(flag)),
    firstKey: asInteger(fields[3]),
    lastKey: asInteger(fields[4]),
    step: asInteger(fields[5]),
  }
  // A row's tenth field holds its subcommands, as rows of the same form; it came with Redis 7.
  if (fields.length >= 10) return [entry, ...asArray(fields[9]).flatMap((subcommand) => parseRow(subcommand))]
  return [entry, ...builtInEntries().filter(({ name }) => name.startsWith(`${entry.name}|`))]
}

function asArray(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new TypeError(`COMMAND reply: expected an array, got ${typeof value}`)
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  throw new TypeError(`COMMAND reply: expected a string, got ${typeof value}`)
}

function asInteger(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number
  throw new TypeError(`COMMAND reply: expected an integer, got ${typeof value}`)
}

/** A row of the built-in table: `name arity [flag letters or - [first key, last key, step]]`. */
function parseBuiltInRow(row: string): CommandEntry {
  const [name = '', arity = '', letters = '', firstKey = '0', lastKey = '0', step = '0'] = row.split(' ')
  return {
    name,
    arity: Number(arity),
    flags: Object.entries(FLAG_LETTERS).flatMap(([letter, flag]) => (letters.includes(letter) ? [flag] : [])),
    firstKey: Number(firstKey),
    lastKey: Number(lastKey),
    step: Number(step),
  }
}

/** The commands of Redis 7 and Valkey 9 together: used until a server's own table is there, or where it may not be asked. */
export function builtInEntries(): readonly CommandEntry[] {
  parsedBuiltIns ??= data.map(parseBuiltInRow)
  return parsedBuiltIns
}

let parsedBuiltIns: readonly CommandEntry[] | undefined
