// The command table: every name in any letter case and none but these; and what the flags say.
import { describe, expect, test } from 'vitest'
import { builtInEntries, type Command, type CommandEntry, CommandTable } from '../../src/command/table.ts'

const ordinary = () => 0
const builtIn = new CommandTable(builtInEntries(), ordinary)
const commandNames = builtInEntries()
  .map(({ name }) => name)
  .filter((name) => !name.includes('|'))
const subcommandNames = builtInEntries()
  .map(({ name }) => name)
  .filter((name) => name.includes('|'))

/** Looks the name up in the middle of other bytes, as it stands in a request. */
function find(table: CommandTable, name: string): Command {
  const before = 'get'
  const bytes = Buffer.from(`${before}${name}set`)
  return table.find(bytes, before.length, bytes.length - 'set'.length)
}

function findSubcommand(table: CommandTable, container: string, name: string): Command | undefined {
  const bytes = Buffer.from(`get${name}set`)
  return table.findSubcommand(find(table, container), bytes, 3, bytes.length - 3)
}

function entry(name: string, ...flags: CommandEntry['flags']): CommandEntry {
  return { name, arity: -1, flags, firstKey: 0, lastKey: 0, step: 0 }
}

const letterCases: [string, (name: string) => string][] = [
  ['lower case', (name) => name],
  ['upper case', (name) => name.toUpperCase()],
  ['mixed case', (name) => name.replace(/.(.?)/g, (pair) => pair[0]!.toUpperCase() + pair.slice(1))],
]

describe('finding a command', () => {
  test.each(letterCases)('every built-in command is found in %s', (_, change) => {
    expect(commandNames.length).toBeGreaterThan(240)
    for (const name of commandNames) expect(find(builtIn, change(name)).name).toBe(name)
  })

  test.each(letterCases)('every built-in subcommand is found in %s', (_, change) => {
    expect(subcommandNames.length).toBeGreaterThan(120)
    for (const fullName of subcommandNames) {
      const [container, name] = fullName.split('|') as [string, string]
      expect(findSubcommand(builtIn, container, change(name))?.name).toBe(fullName)
      expect(builtIn.get(container)?.subcommands?.get(name)).toBe(builtIn.get(fullName))
    }
  })

  test('the same object comes back every time, by bytes and by name', () => {
    expect(find(builtIn, 'GET')).toBe(find(builtIn, 'get'))
    expect(builtIn.get('get')).toBe(find(builtIn, 'gEt'))
  })

  test('what begins or ends like a name is not the name', () => {
    const names = new Set(commandNames)
    for (const name of commandNames) {
      for (const near of [
        name.slice(1),
        name.slice(0, -1),
        `${name}x`,
        `x${name}`,
        `${name}\0`,
        ` ${name}`,
        `${name} `,
      ]) {
        if (!names.has(near)) expect(find(builtIn, near), near).toBe(builtIn.unknown)
      }
    }
  })

  test('a name is not taken for the one it begins, or that begins it, where both meet the same slot', () => {
    // A table of one command has four slots: of the names tried here, hundreds meet the taken one.
    for (const name of commandNames) {
      const alone = new CommandTable([entry(name)], ordinary)
      for (let length = 1; length < name.length; length++) {
        expect(find(alone, name.slice(0, length)).known).toBe(false)
        expect(find(new CommandTable([entry(name.slice(0, length))], ordinary), name).known).toBe(false)
      }
    }
  })

  test('only letters have a case', () => {
    const table = new CommandTable([entry('a@b'), entry('a_b'), entry('[a]'), entry('json.get')], ordinary)
    expect(find(table, 'A@B').name).toBe('a@b')
    expect(find(table, 'A_B').name).toBe('a_b')
    expect(find(table, 'JSON.GET').name).toBe('json.get')
    // Each of these differs from a name by the bit that tells upper from lower case letters.
    for (const near of ['a`b', 'a\x7fb', '{a}', '{A}', 'json\x0eget', 'A\0B'])
      expect(find(table, near)).toBe(table.unknown)
  })

  test('an unknown name gives the one command that assumes nothing', () => {
    for (const name of ['', 'nosuchcommand', 'config|get', 'é', '\xff\xff', 'get\r\n']) {
      expect(find(builtIn, name)).toBe(builtIn.unknown)
    }
    expect(builtIn.unknown).toMatchObject({
      known: false,
      readOnly: false,
      write: true,
      module: true,
      repeatable: false,
    })
    expect(builtIn.get('nosuchcommand')).toBeUndefined()
    expect(findSubcommand(builtIn, 'client', 'nosuchcommand')).toBeUndefined()
    expect(findSubcommand(builtIn, 'get', 'get')).toBeUndefined()
  })

  test('a name of 64 bytes is found, a longer one never', () => {
    const table = new CommandTable([entry('n'.repeat(64)), entry('m'.repeat(65))], ordinary)
    expect(find(table, 'N'.repeat(64)).known).toBe(true)
    expect(find(table, 'm'.repeat(65))).toBe(table.unknown)
    expect(find(table, 'n'.repeat(1_000_000))).toBe(table.unknown)
  })

  test('names that share their slots, or their whole hash, are told apart', () => {
    // 100 000 names fill 2^19 slots with thousands of collisions, and twice as many absent names meet taken slots.
    const count = 100_000
    const table = new CommandTable(
      Array.from({ length: count }, (_, i) => entry(`k${i}`)),
      ordinary,
    )
    let wrong = 0
    for (let i = 0; i < count; i++) {
      if (find(table, `K${i}`).name !== `k${i}`) wrong++
      if (find(table, `k${i + count}`).known || find(table, `l${i}`).known) wrong++
    }
    expect(wrong).toBe(0)
  })

  test('a table without commands finds nothing', () => {
    const table = new CommandTable([], ordinary)
    for (const name of ['', 'get', 'x']) expect(find(table, name)).toBe(table.unknown)
  })
})

describe('what a command is', () => {
  const flagsOf = ({ readOnly, write, blocking, script, movableKeys, repeatable }: Command) =>
    Object.entries({ readOnly, write, blocking, script, movableKeys, repeatable })
      .filter(([, value]) => value)
      .map(([flag]) => flag)
      .join(' ')

  test.each([
    ['get', 'readOnly repeatable'],
    ['set', 'write'],
    ['getex', 'write'],
    ['getdel', 'write'],
    ['incr', 'write'],
    ['blpop', 'write blocking'],
    ['xread', 'readOnly blocking movableKeys repeatable'],
    ['xreadgroup', 'write blocking movableKeys'],
    ['eval', 'script movableKeys'],
    ['evalsha', 'script movableKeys'],
    ['fcall', 'script movableKeys'],
    ['eval_ro', 'readOnly script movableKeys repeatable'],
    ['evalsha_ro', 'readOnly script movableKeys repeatable'],
    ['fcall_ro', 'readOnly script movableKeys repeatable'],
    ['script', ''],
    ['script|load', ''],
    ['script|kill', ''],
    ['script|exists', 'repeatable'],
    ['function|list', 'repeatable'],
    ['function|load', 'write'],
    ['publish', ''],
    ['spublish', ''],
    ['subscribe', ''],
    ['pubsub|numsub', 'repeatable'],
    ['pfcount', 'readOnly'],
    ['sort', 'write movableKeys'],
    ['sort_ro', 'readOnly movableKeys repeatable'],
    ['object', ''],
    ['object|encoding', 'readOnly repeatable'],
    ['memory', ''],
    ['memory|usage', 'readOnly repeatable'],
    ['memory|purge', ''],
    ['config', ''],
    ['config|get', 'repeatable'],
    ['config|set', ''],
    ['config|resetstat', ''],
    ['client', ''],
    ['client|list', ''],
    ['command', 'repeatable'],
    ['command|docs', 'repeatable'],
    ['cluster|slots', 'repeatable'],
    ['cluster|failover', ''],
    ['slowlog|reset', ''],
    ['acl|log', ''],
    ['wait', 'blocking'],
    ['waitaof', 'blocking'],
    ['ping', 'repeatable'],
    ['multi', ''],
    ['watch', ''],
    ['select', ''],
    ['auth', ''],
    ['dbsize', 'readOnly repeatable'],
    ['flushall', 'write'],
  ])('%s: %s', (name, flags) => {
    expect(flagsOf(builtIn.get(name)!)).toBe(flags)
  })

  test('nothing that writes may be sent again', () => {
    for (const { name } of builtInEntries()) {
      const command = builtIn.get(name)!
      expect(command.write && (command.readOnly || command.repeatable), name).toBe(false)
    }
  })

  test.each([
    ['get', 2, [1, 1, 1]],
    ['mset', -3, [1, -1, 2]],
    ['blpop', -3, [1, -2, 1]],
    ['object|encoding', 3, [2, 2, 1]],
    ['zunionstore', -4, [1, 1, 1]],
    ['eval', -3, [0, 0, 0]],
    ['ping', -1, [0, 0, 0]],
    // Valkey 9 takes more words than Redis 7 does: the built-in table accepts what either accepts.
    ['zrank', -3, [1, 1, 1]],
  ])('%s has arity %i and keys at %j', (name, arity, keys) => {
    const command = builtIn.get(name)!
    expect([command.arity, [command.firstKey, command.lastKey, command.step]]).toEqual([arity, keys])
  })

  test('commands of either server are there, modules of none', () => {
    for (const name of ['hgetdel', 'clusterscan', 'commandlog|get', 'get', 'lcs'])
      expect(builtIn.get(name)?.known).toBe(true)
    expect(builtInEntries().filter(({ flags }) => flags.includes('module'))).toEqual([])
  })

  test('kindOf is asked once for each command, subcommand and the unknown one, with all else known', () => {
    const asked: string[] = []
    const table = new CommandTable([entry('config'), entry('config|get'), entry('get', 'readonly')], (command) => {
      asked.push(command.name)
      return command.readOnly ? 1 : (command.subcommands?.size ?? 0) + 7
    })
    expect(asked.filter((name) => !name.startsWith('proxy')).sort()).toEqual(['config', 'config|get', 'get', 'unknown'])
    expect(table.get('get')?.kind).toBe(1)
    expect(table.get('config')?.kind).toBe(8)
    expect(table.get('config|get')?.kind).toBe(7)
    expect(table.unknown.kind).toBe(7)
  })
})
