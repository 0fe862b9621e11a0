// What stands for an argument of a given name and type: mostly values that mean something to the command, now and then ones that do not.
import type { Random } from '../simulator/random.ts'
import type { Argument, CommandSpec } from './catalogue.ts'
import { keysByGroup, LIBRARY, missingKeys, SCRIPT } from './keyspace.ts'

/** 2100-01-01: in the future of every test, and in range as seconds and as milliseconds. */
const FAR_SECONDS = '4102444800'

const integers: Readonly<Record<string, readonly string[]>> = {
  seconds: ['100000', '100001', '-1', '0'],
  // As `BLOCK` of XREAD it is waited for; as a time to live it has to outlast the test.
  milliseconds: ['100000000', '100000001', '-1', '0'],
  ttl: ['0', '0', '100000000', '-1'],
  count: ['1', '2', '10', '0', '-3'],
  cursor: ['0', '0', '0', '7'],
  offset: ['0', '1', '7', '100'],
  bit: ['0', '1', '2'],
  bits: ['5', '128'],
  db: ['0', '1', '3', '99'],
  'destination-db': ['1', '2'],
  // Nothing in between: milliseconds pass while the test runs.
  'min-idle-time': ['0', '0', '100000000'],
  index: ['0', '1', '-1', '2', '99'],
  index1: ['0', '1'],
  index2: ['1', '2', '99'],
  ms: ['0'],
  rank: ['1', '-1', '2', '0'],
  'num-vertices': ['3'],
  'unix-time-seconds': [FAR_SECONDS, '1'],
  'unix-time-milliseconds': [`${FAR_SECONDS}000`, '1'],
}

const doubles: Readonly<Record<string, readonly string[]>> = {
  longitude: ['13.36', '15.09', '2.35', '-200'],
  latitude: ['38.1', '37.5', '48.8'],
  radius: ['200', '1000', '0'],
  width: ['400', '2000'],
  height: ['400', '2000'],
  min: ['-inf', '(1', '0', '2'],
  max: ['+inf', '3', '(4', '2'],
  increment: ['1.5', '-3', '0.1', 'inf'],
  timeout: ['0.001', '0.002', '-1'],
}

const strings: Readonly<Record<string, readonly string[]>> = {
  field: ['a', 'b', 'f5', 'new', ''],
  member: ['a', 'b', '5', 'Palermo', 'Catania', 'new', 'm7'],
  member1: ['Palermo', 'a'],
  member2: ['Catania', 'b'],
  element: ['a', 'b', '1', 'new'],
  pivot: ['a', 'c', 'none'],
  value: ['v', '1', '', 'two words', '\r\n\0\xff'],
  group: ['g', 'g', 'nogroup'],
  groupname: ['g', 'g', 'nogroup'],
  consumer: ['alice', 'bob'],
  consumername: ['alice', 'bob'],
  'min-idle-time': ['0', '0', '100000000'],
  id: ['0', '1-1', '2-1', '9-9', '7-*', 'x-y'],
  lastid: ['1-1', '9-9'],
  'last-id': ['9-9', '1-1'],
  'max-deleted-id': ['1-1'],
  max_deleted_entry_id: ['1-1'],
  threshold: ['1', '2', '2-1'],
  start: ['-', '0', '(1-1', '2', '1'],
  end: ['+', '2-1', '-1'],
  stop: ['-1', '2', '+inf', '+', '[c'],
  min: ['-', '[a', '(b', '-inf', '0'],
  max: ['+', '[c', '(d', '+inf', '-1'],
  encoding: ['u8', 'i5', 'u63', 'i64', 'u64'],
  type: ['string', 'list', 'hash', 'nosuch'],
  username: ['alice', 'default', 'nosuch'],
  password: ['secret', 'wrong'],
  channel: ['news', 'sport'],
  shardchannel: ['shard-news'],
  message: ['hello', '', '\r\n'],
  script: [SCRIPT, 'return redis.call("PING")', 'syntax error'],
  function: ['f', 'ro', 'nosuch'],
  'library-name': ['lib', 'nosuch'],
  'library-name-pattern': ['*', 'lib', 'no*'],
  command: ['get', 'set', 'eval'],
  'command-name': ['get', 'config|get', 'nosuch'],
  category: ['keyspace', 'read', 'nosuch'],
  categoryname: ['keyspace', 'read', 'nosuch'],
  event: ['command', 'fork'],
  section: ['server', 'replication', 'everything', 'nosuch'],
  prefix: ['a', 'b'],
  'connection-name': ['me', 'two words', ''],
  clientname: ['me'],
  'comparison-value': ['hello world', 'x'],
  libname: ['lib', 'two words'],
  libver: ['1.0', 'two words'],
  capability: ['redirect', 'nosuch'],
}

const patterns: readonly string[] = ['*', 's*', '[a-m]*', 'h?sh', 'none', 'w_*', 'nosort', '#', 'hash->a']
const someIntegers: readonly string[] = ['0', '1', '2', '3', '-1', '10', '100']
const someDoubles: readonly string[] = ['1', '2.5', '-3', '1e2', 'inf', '-inf']
const someStrings: readonly string[] = ['a', 'b', '1', '', 'two words', '\r\n']
const allKeys = [...Object.values(keysByGroup).flat(), ...missingKeys]
const homeGroup: Readonly<Record<string, string>> = { scripting: 'string', generic: '' }

/** Bytes that mean nothing anywhere; none of them is a time that a blocking command could wait for. */
export const garbage: readonly string[] = [
  '',
  'garbage',
  '\r\n',
  '\0\xff\xfe',
  '*',
  'x'.repeat(500),
  '-',
  '1x',
  '(',
  '€',
]

/** Which keys a command is given: of its own type, or of any. */
export function pickKey(random: Random, spec: CommandSpec, anyType: boolean): string {
  const own = keysByGroup[homeGroup[spec.group] ?? spec.group]
  if (own === undefined || anyType || random.chance(0.1)) return random.pick(allKeys)
  return random.chance(0.15) ? random.pick(missingKeys) : random.pick(own)
}

/** @param payloads what DUMP answers on this server, which depends on its version. */
export function pickValue(random: Random, spec: CommandSpec, argument: Argument, payloads: readonly string[]): string {
  const { name, type } = argument
  // Valkey keeps what MSETEX sets in the past until it happens to look at it.
  if (spec.name === 'msetex' && name.startsWith('unix-time'))
    return `${FAR_SECONDS}${name.includes('milli') ? '000' : ''}`
  switch (type) {
    case 'integer':
      if (name === 'timeout') return random.pick(['1', '3', '-1'])
      if (name === 'milliseconds' && spec.flags.has('blocking')) return random.pick(['1', '2', '-1'])
      return random.pick(integers[name] ?? someIntegers)
    case 'double':
      return random.pick(doubles[name] ?? someDoubles)
    case 'unix-time':
      return random.pick([name.includes('milli') ? `${FAR_SECONDS}000` : FAR_SECONDS, '1'])
    case 'pattern':
      return random.pick(patterns)
    default:
      return pickString(random, spec, name, payloads)
  }
}

function pickString(random: Random, spec: CommandSpec, name: string, payloads: readonly string[]): string {
  if (name === 'serialized-value') return random.pick([...payloads, ...payloads, 'no payload'])
  if (name === 'function-code')
    return random.pick([LIBRARY, LIBRARY.replace('name=lib', 'name=other').replace("'f'", "'f2'"), 'no code'])
  if (name === 'id' && spec.name === 'xreadgroup') return random.pick(['>', '0', '>'])
  if (name === 'id' && spec.name === 'xread') return random.pick(['0', '1-1', '$'])
  if (name === 'id' && spec.name === 'xadd') return random.pick(['9-9', '7-*', '1-1'])
  return random.pick(strings[name] ?? someStrings)
}
