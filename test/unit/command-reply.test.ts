// COMMAND replies of every server version we speak to, as the commands of a table.
import { describe, expect, test } from 'vitest'
import { CommandTable, parseCommandReply } from '../../src/command/table.ts'

const ordinary = () => 0

describe('reading a COMMAND reply', () => {
  // Taken from Redis 7.0 and Valkey 9.1, shortened to the rows and key specifications that show the form.
  const keySpec = ['flags', ['RO'], 'begin_search', ['type', 'index', 'spec', ['index', 1]]]
  const configGet = ['config|get', -3, ['admin', 'noscript', 'loading', 'stale'], 0, 0, 0, ['@admin'], [], [], []]
  const configHelp = ['config|help', 2, ['loading', 'stale'], 0, 0, 0, ['@slow'], [], [], []]
  const modern = [
    ['get', 2, ['readonly', 'fast'], 1, 1, 1, ['@read', '@string', '@fast'], [], [keySpec], []],
    ['config', -2, [], 0, 0, 0, ['@slow'], [], [], [configGet, configHelp]],
    ['xread', -4, ['readonly', 'blocking', 'movablekeys'], 0, 0, 0, ['@read'], [], [keySpec], []],
    ['JSON.SET', -4, ['write', 'denyoom', 'module'], 1, 1, 1, [], [], [], []],
  ]
  const modernEntries = [
    { name: 'get', arity: 2, flags: ['readonly'], firstKey: 1, lastKey: 1, step: 1 },
    { name: 'config', arity: -2, flags: [], firstKey: 0, lastKey: 0, step: 0 },
    { name: 'config|get', arity: -3, flags: [], firstKey: 0, lastKey: 0, step: 0 },
    { name: 'config|help', arity: 2, flags: [], firstKey: 0, lastKey: 0, step: 0 },
    { name: 'xread', arity: -4, flags: ['readonly', 'blocking', 'movablekeys'], firstKey: 0, lastKey: 0, step: 0 },
    { name: 'json.set', arity: -4, flags: ['write', 'module'], firstKey: 1, lastKey: 1, step: 1 },
  ]

  test('servers from 7 on: commands and their subcommands, modules among them', () => {
    expect(parseCommandReply(modern)).toEqual(modernEntries)
    const table = new CommandTable(parseCommandReply(modern), ordinary)
    expect(table.get('json.set')).toMatchObject({ module: true, write: true, repeatable: false })
    expect([...table.get('config')!.subcommands!.keys()]).toEqual(['get', 'help'])
    expect(table.get('config|get')?.repeatable).toBe(true)
    expect(table.get('get')?.subcommands).toBeUndefined()
  })

  test('texts may be buffers', () => {
    const withBuffers = (value: unknown): unknown =>
      Array.isArray(value) ? value.map(withBuffers) : typeof value === 'string' ? Buffer.from(value) : value
    expect(parseCommandReply(withBuffers(modern))).toEqual(modernEntries)
  })

  test('Redis 6.2: the built-in subcommands stand in for those it does not list, its traps are left out', () => {
    const old = [
      ['config', -2, ['admin', 'noscript', 'loading', 'stale'], 0, 0, 0, ['@admin', '@slow', '@dangerous']],
      ['object', -2, ['readonly', 'random'], 2, 2, 1, ['@keyspace', '@read', '@slow']],
      ['pfcount', -2, ['readonly', 'may_replicate'], 1, -1, 1, ['@read', '@hyperloglog', '@slow']],
      ['eval', -3, ['noscript', 'may_replicate', 'movablekeys'], 0, 0, 0, ['@slow', '@scripting']],
      ['post', -1, ['readonly', 'loading', 'stale'], 0, 0, 0, ['@read', '@slow']],
      ['host:', -1, ['readonly', 'loading', 'stale'], 0, 0, 0, ['@read', '@slow']],
    ]
    const table = new CommandTable(parseCommandReply(old), ordinary)
    expect(table.get('config|get')).toMatchObject({ known: true, repeatable: true })
    expect(table.get('object|encoding')).toMatchObject({ readOnly: true, repeatable: true, firstKey: 2 })
    // The container is asked about a subcommand that nobody knows: its own flag proves nothing of that one.
    expect(table.get('object')).toMatchObject({ readOnly: true, repeatable: false })
    expect(table.get('pfcount')).toMatchObject({ readOnly: true, repeatable: false })
    expect(table.get('eval')).toMatchObject({ script: true, movableKeys: true, repeatable: false })
    expect(table.get('post')).toBeUndefined()
    expect(table.get('host:')).toBeUndefined()
  })

  test('a server with fewer commands than the built-in table has no others', () => {
    const table = new CommandTable(parseCommandReply(modern), ordinary)
    expect(table.get('set')).toBeUndefined()
    expect(table.get('config|set')).toBeUndefined()
  })

  test.each([
    ['no array', 'OK'],
    ['nothing', null],
    ['a row that is no array', ['get']],
    ['a row that is too short', [['get', 2]]],
    ['a name that is no text', [[1, 2, [], 0, 0, 0]]],
    ['an arity that is no number', [['get', '2', [], 0, 0, 0]]],
  ])('%s is refused', (_, reply) => {
    expect(() => parseCommandReply(reply)).toThrow(/^COMMAND reply: expected/)
  })
})
