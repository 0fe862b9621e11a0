// Argument lists for commands whose arguments are a language of their own, or that may be given only some values without harm to the server.
import { createHash } from 'node:crypto'
import { LIBRARY, SCRIPT } from './keyspace.ts'

export interface HandWritten {
  readonly cases: readonly (readonly string[])[]
  /** Nothing is generated beside them: other values would stop the server, block it, or cut the test's own connections. */
  readonly isAll?: boolean
}

/** SHA-1 of `SCRIPT`, which the servers hold. */
const SCRIPT_SHA1 = createHash('sha1').update(SCRIPT).digest('hex')
const UNKNOWN_SHA1 = 'f'.repeat(40)

const scripts: readonly (readonly string[])[] = [
  [SCRIPT, '2', 'str', 'list', 'argument'],
  ['return 1', '0'],
  ["return {1, 2.9, {3, 'a', {true, false}}}", '0'],
  ['return nil', '0'],
  ["return redis.call('get', KEYS[1])", '1', 'str'],
  ["return redis.call('hgetall', KEYS[1])", '1', 'hash'],
  ["redis.setresp(3); return redis.call('hgetall', KEYS[1])", '1', 'hash'],
  ["return redis.call('set', KEYS[1], ARGV[1])", '1', 'str', 'new'],
  ["return redis.call('incr', KEYS[1])", '1', 'list'],
  ["return redis.pcall('incr', KEYS[1])", '1', 'list'],
  ["return redis.call('nosuch')", '0'],
  ["return redis.error_reply('READONLY You can not write against a read only replica.')", '0'],
  ["return {err = 'LOADING Redis is loading the dataset in memory'}", '0'],
  ["return {err = 'MOVED 1 127.0.0.1:1'}", '0'],
  ["return {ok = 'QUEUED'}", '0'],
  ['return {double = 3.5}', '0'],
  ['return {map = {a = 1}}', '0'],
  ['return {set = {a = true}}', '0'],
  ["return {big_number = '12345678901234567890'}", '0'],
  ["return {verbatim_string = {string = 'text', format = 'txt'}}", '0'],
  ["error('deliberate')", '0'],
  ['this is no script', '0'],
  ['return 1', '-1'],
  ['return 1', '5', 'str'],
]

const evalSha: readonly (readonly string[])[] = [
  [SCRIPT_SHA1, '1', 'str', 'a'],
  [SCRIPT_SHA1.toUpperCase(), '0'],
  [UNKNOWN_SHA1, '0'],
  [UNKNOWN_SHA1, '1', 'str'],
  ['short', '0'],
  [SCRIPT_SHA1, '9'],
]

const inSubscription: readonly (readonly string[])[] = [['news'], ['news', 'sport'], ['news', 'news'], ['']]

/** What Redis 7.0 dumps of the number 42, which every later server takes. */
const DUMPED = '\0\xc0*\n\0\x81\xfb\\\xfa\x86cOP'
const restoring: readonly (readonly string[])[] = [
  ['str', '0', 'garbage', 'REPLACE'],
  ['dest', '0', DUMPED],
  ['str', '100000000', DUMPED, 'REPLACE'],
]

export const handWritten: Readonly<Record<string, HandWritten>> = {
  eval: { cases: scripts },
  eval_ro: { cases: scripts },
  evalsha: { cases: evalSha },
  evalsha_ro: { cases: evalSha },
  fcall: {
    cases: [
      ['f', '0', 'a'],
      ['f', '1', 'str', 'b'],
    ],
  },
  fcall_ro: { cases: [['ro', '1', 'list']] },
  'function|load': {
    cases: [
      ['REPLACE', LIBRARY],
      [LIBRARY.replace('name=lib', 'name=other').replaceAll("'f'", "'f2'").replaceAll("'ro'", "'ro2'")],
      ['#!lua name=x\nerror()'],
    ],
  },
  'function|delete': { cases: [['lib'], ['nosuch']] },
  'script|load': { cases: [['return 1'], ['no script']] },
  'script|exists': { cases: [[SCRIPT_SHA1, UNKNOWN_SHA1]] },
  'script|show': { cases: [[SCRIPT_SHA1], [UNKNOWN_SHA1]] },

  // Anything else could take the server's memory, directory, port or password away.
  'config|set': {
    isAll: true,
    cases: [
      [],
      ['maxmemory-samples'],
      ['maxmemory-samples', '7'],
      ['maxmemory-samples', '5', 'hash-max-listpack-entries', '32'],
      ['maxmemory', 'garbage'],
      ['nosuch', '1'],
      ['slowlog-max-len', '100', 'nosuch', '1'],
    ],
  },
  'config|get': { cases: [['*'], ['save'], ['maxmemory*'], ['nosuch'], ['hz', 'appendonly'], ['*max*', 'save']] },
  'acl|setuser': {
    isAll: true,
    cases: [
      [],
      ['bob', 'on', 'nopass', '~*', '&*', '+@all'],
      ['bob', 'off', '-get'],
      ['carl', 'on', '>password', '~k*', '+get', '(+set ~s*)'],
      ['carl', '+nosuch'],
      ['carl', 'garbage'],
      ['two words', 'on'],
    ],
  },
  'acl|deluser': { isAll: true, cases: [[], ['carl'], ['nosuch'], ['bob', 'carl'], ['default']] },
  'acl|dryrun': {
    cases: [
      ['alice', 'get', 'str'],
      ['default', 'nosuch'],
      ['alice', 'get'],
      ['nosuch', 'get', 'str'],
    ],
  },
  'acl|getuser': { cases: [['alice'], ['default'], ['nosuch']] },
  auth: { cases: [['alice', 'secret'], ['alice', 'wrong'], ['nosuch', 'secret'], ['secret'], ['default', 'any']] },
  hello: {
    cases: [
      [],
      ['2'],
      ['3'],
      ['4'],
      ['garbage'],
      ['3', 'AUTH', 'alice', 'secret'],
      ['3', 'AUTH', 'alice', 'wrong'],
      ['2', 'SETNAME', 'me'],
      ['3', 'SETNAME', 'two words'],
      ['3', 'AUTH', 'alice', 'secret', 'SETNAME', 'me'],
      ['3', 'AUTH', 'alice'],
      ['3', 'NOSUCH'],
    ],
  },
  select: {
    cases: [['0'], ['5'], ['15'], ['16'], ['-1'], ['garbage'], ['1 '], ['01'], ['+1'], [''], ['1e0'], ['0x1']],
  },

  // Other values would end or hold up the connections that look after the servers.
  'client|kill': {
    isAll: true,
    cases: [
      [],
      ['127.0.0.1:1'],
      ['ID', '999999999'],
      ['ID', 'garbage'],
      ['ID', '0'],
      ['ADDR', '127.0.0.1:1', 'LADDR', '127.0.0.1:2'],
      ['USER', 'nosuch'],
      ['USER', 'alice'],
      ['TYPE', 'pubsub'],
      ['TYPE', 'nosuch'],
      ['SKIPME', 'maybe'],
      ['TYPE', 'pubsub', 'SKIPME'],
      ['NOSUCH', 'option'],
      ['MAXAGE', '1000000'],
      ['MAXAGE', 'garbage'],
    ],
  },
  'client|pause': {
    isAll: true,
    cases: [[], ['1'], ['1', 'WRITE'], ['1', 'ALL'], ['garbage'], ['-1'], ['1', 'NOSUCH']],
  },
  'client|unblock': {
    isAll: true,
    cases: [
      [],
      ['999999999'],
      ['999999999', 'ERROR'],
      ['garbage'],
      ['1', 'NOSUCH'],
      ['999999999', 'TIMEOUT', 'surplus'],
    ],
  },
  'client|list': {
    isAll: true,
    cases: [[], ['TYPE', 'normal'], ['TYPE', 'nosuch'], ['ID', '999999999'], ['ID'], ['ID', 'garbage'], ['NOSUCH']],
  },
  'client|tracking': {
    isAll: true,
    cases: [
      [],
      ['ON'],
      ['OFF'],
      ['ON', 'BCAST', 'PREFIX', 'a', 'PREFIX', 'b'],
      ['ON', 'BCAST', 'PREFIX', 'a', 'PREFIX', 'ab'],
      ['ON', 'OPTIN'],
      ['ON', 'OPTIN', 'OPTOUT'],
      ['ON', 'PREFIX', 'a'],
      ['ON', 'NOLOOP'],
      ['ON', 'REDIRECT', '999999999'],
      ['ON', 'REDIRECT', 'garbage'],
      ['MAYBE'],
    ],
  },
  'client|setname': { cases: [['me'], [''], ['two words'], ['é']] },
  wait: {
    isAll: true,
    cases: [
      [],
      ['0'],
      ['0', '1'],
      ['1', '5'],
      ['-1', '5'],
      ['garbage', '5'],
      ['0', '-1'],
      ['0', 'garbage'],
      ['0', '1', 'surplus'],
    ],
  },
  waitaof: {
    isAll: true,
    cases: [
      [],
      ['0', '0', '1'],
      ['1', '0', '1'],
      ['0', '1', '5'],
      ['2', '0', '1'],
      ['0', '0', '-1'],
      ['garbage', '0', '1'],
      ['0', '0', '1', 'surplus'],
    ],
  },

  subscribe: { cases: inSubscription },
  psubscribe: { cases: inSubscription },
  ssubscribe: { cases: inSubscription },
  unsubscribe: { cases: [[], ...inSubscription] },
  punsubscribe: { cases: [[], ...inSubscription] },
  sunsubscribe: { cases: [[], ...inSubscription] },

  'command|getkeys': {
    cases: [['get', 'k'], ['mset', 'a', '1', 'b', '2'], ['eval', 'x', '1', 'k'], ['nosuch', 'k'], ['ping'], ['get']],
  },
  'command|getkeysandflags': { cases: [['set', 'k', 'v'], ['ping'], ['nosuch']] },
  bitfield: {
    cases: [['bits', 'GET', 'u8', '0', 'SET', 'u4', '#1', '9', 'OVERFLOW', 'FAIL', 'INCRBY', 'u2', '1', '3']],
  },
  restore: { cases: restoring },
  'restore-asking': { cases: restoring },
  bitop: { cases: [['AND', 'dest', 'bits', 'bits2']] },
  zrangestore: { cases: [['dest', 'zset', '0', '-1']] },
  'client|reply': { isAll: true, cases: [[], ['ON'], ['OFF'], ['SKIP'], ['MAYBE'], ['ON', 'surplus']] },
  pfdebug: {
    isAll: true,
    cases: [
      [],
      ['GETREG', 'hll'],
      ['ENCODING', 'hll'],
      ['DECODE', 'hll'],
      ['TODENSE', 'hll'],
      ['ENCODING', 'str'],
      ['NOSUCH', 'hll'],
      ['ENCODING', 'missing'],
    ],
  },
  // Without a surplus argument it holds the server up for two seconds.
  pfselftest: { isAll: true, cases: [['surplus']] },
  'cluster|keyslot': { cases: [['str'], ['{tag}a']] },
  lcs: {
    cases: [
      ['str', 'volatile'],
      ['str', 'int', 'IDX', 'WITHMATCHLEN'],
    ],
  },
  xread: {
    cases: [
      ['COUNT', '2', 'STREAMS', 'stream', 'stream2', '0', '0'],
      ['BLOCK', '1', 'STREAMS', 'stream', '$'],
    ],
  },
  xreadgroup: {
    cases: [
      ['GROUP', 'g', 'bob', 'STREAMS', 'stream', '>'],
      ['GROUP', 'g', 'bob', 'BLOCK', '1', 'STREAMS', 'stream2', '>'],
    ],
  },
  'xgroup|create': {
    cases: [
      ['stream', 'other', '$'],
      ['new', 'other', '0', 'MKSTREAM'],
    ],
  },
  'xgroup|setid': { cases: [['stream', 'g', '0']] },
  xsetid: { cases: [['stream', '99-1']] },
  xclaim: {
    cases: [
      ['stream', 'g', 'bob', '0', '1-1'],
      ['stream', 'g', 'bob', '0', '1-1', 'JUSTID'],
    ],
  },
  geosearch: { cases: [['geo', 'FROMMEMBER', 'Palermo', 'BYRADIUS', '300', 'KM', 'ASC', 'WITHDIST']] },
  geosearchstore: { cases: [['dest', 'geo', 'FROMLONLAT', '15', '37', 'BYBOX', '400', '400', 'KM', 'STOREDIST']] },
}
