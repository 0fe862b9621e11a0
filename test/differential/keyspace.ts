// The keys that every command finds: one or two of each type, small and large, so that two servers hold exactly the same.

/** Keys by the group that COMMAND DOCS puts the commands on their type into. */
export const keysByGroup: Readonly<Record<string, readonly string[]>> = {
  string: ['str', 'int', 'float', 'volatile', 'bin\r\n\0key', 'longstr'],
  bitmap: ['bits', 'str', 'bits2'],
  list: ['list', 'list2', 'longlist'],
  set: ['set', 'set2', 'intset'],
  hash: ['hash', 'hash2', 'bighash'],
  'sorted-set': ['zset', 'zset2', 'bigzset'],
  stream: ['stream', 'stream2'],
  hyperloglog: ['hll', 'hll2'],
  geo: ['geo', 'geo2'],
}

export const missingKeys = ['missing', 'missing2']

/** Longer than what is copied or framed in one piece anywhere on the way. */
const LONG_TEXT_BYTES = 20_000

/** Elements up to which a server keeps a hash, list or sorted set in one piece: few, so that few make a large one. */
export const COMPACT_COUNT = 32
const LARGE_COUNT = 2 * COMPACT_COUNT

function numbered(count: number, make: (index: number) => readonly string[]): string[] {
  return Array.from({ length: count }, (_, index) => make(index)).flat()
}

/** From an empty server to the keys above. Times to live are far beyond any test. */
export const preparation: readonly (readonly string[])[] = [
  ['SET', 'str', 'hello world'],
  ['SET', 'int', '42'],
  ['SET', 'float', '3.5'],
  ['SET', 'volatile', 'v', 'EX', '100000'],
  ['SET', 'bin\r\n\0key', '\0\r\n\xff'],
  ['SET', 'longstr', 'x'.repeat(LONG_TEXT_BYTES)],
  ['SET', 'bits', '\xff\x00\x0f'],
  ['SET', 'bits2', '\x01\x80'],
  ['SET', 'w_a', '3'],
  ['SET', 'w_b', '1'],
  ['RPUSH', 'list', 'a', 'b', 'c', 'a', '1'],
  ['RPUSH', 'list2', '3', '1', '2'],
  ['RPUSH', 'longlist', ...numbered(LARGE_COUNT, (index) => [`element-${index}`])],
  ['SADD', 'set', 'a', 'b', 'c', 'd'],
  ['SADD', 'set2', 'b', 'c', 'x'],
  ['SADD', 'intset', '1', '2', '3', '5'],
  ['HSET', 'hash', 'a', '1', 'b', '2.5', 'c', 'text'],
  ['HSET', 'hash2', 'a', 'x'],
  ['HSET', 'bighash', ...numbered(LARGE_COUNT, (index) => [`f${index}`, `v${index}`])],
  ['ZADD', 'zset', '1', 'a', '2', 'b', '3', 'c', '4.5', 'd'],
  ['ZADD', 'zset2', '0', 'a', '0', 'b', '0', 'x'],
  ['ZADD', 'bigzset', ...numbered(LARGE_COUNT, (index) => [`${index}`, `m${index}`])],
  ['XADD', 'stream', '1-1', 'f', 'v'],
  ['XADD', 'stream', '2-1', 'f', 'v2', 'g', 'w'],
  ['XADD', 'stream', '3-1', 'f', 'v3'],
  ['XADD', 'stream2', '5-1', 'f', 'v5'],
  ['XGROUP', 'CREATE', 'stream', 'g', '0'],
  ['XGROUP', 'CREATE', 'stream2', 'g', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'alice', 'COUNT', '2', 'STREAMS', 'stream', '>'],
  ['PFADD', 'hll', 'a', 'b', 'c'],
  ['PFADD', 'hll2', 'c', 'd'],
  ['GEOADD', 'geo', '13.361389', '38.115556', 'Palermo', '15.087269', '37.502669', 'Catania'],
  ['GEOADD', 'geo2', '2.35', '48.85', 'Paris'],
]

export const LIBRARY = `#!lua name=lib
redis.register_function('f', function(keys, args) return args[1] or 'none' end)
redis.register_function{function_name='ro', callback=function(keys, args) return redis.call('type', keys[1] or 'str') end, flags={'no-writes'}}`

export const SCRIPT = 'return {KEYS, ARGV}'

/** What is not a key and yet may be changed by a command: users, functions, scripts. */
export const preparationBesideKeys: readonly (readonly string[])[] = [
  ['ACL', 'DELUSER', 'bob', 'carl'],
  ['ACL', 'SETUSER', 'alice', 'reset', 'on', '>secret', '~*', '&*', '+@all'],
  ['FUNCTION', 'FLUSH'],
  ['FUNCTION', 'LOAD', LIBRARY],
  ['SCRIPT', 'FLUSH'],
  ['SCRIPT', 'LOAD', SCRIPT],
]
