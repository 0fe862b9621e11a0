// The model Redis's commands about connections: login, protocol, transactions, subscriptions, and what the server says of itself.
import type { Address } from '../../src/runtime/runtime.ts'
import { define, type ModelCommand } from './model-command.ts'
import type { ModelConnection } from './model-connection.ts'
import type { ModelRedis } from './model-redis.ts'
import type { ModelReplication } from './model-replication.ts'
import { encode } from './resp-codec.ts'

/** The master of a replica that follows none of this world. */
const NOBODY = { host: '10.0.0.9', port: 6379 }
const WAIT_ON_REPLICA =
  'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.'
const SYNTAX = encode.error('ERR syntax error')
const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.'

function login(connection: ModelConnection, user: string, password: string): boolean {
  const expected = connection.server.users.get(user)
  if (expected === undefined || (expected !== '' && expected !== password)) return false
  connection.user = user
  connection.isAuthenticated = true
  return true
}

function hello(connection: ModelConnection, words: readonly string[]): string {
  const { server } = connection
  const version = words[1] ?? String(connection.protocol)
  if (version !== '2' && version !== '3') return encode.error('NOPROTO unsupported protocol version')
  for (let at = 2; at < words.length; ) {
    const option = words[at]!.toLowerCase()
    if (option === 'auth') {
      if (!login(connection, words[at + 1] ?? '', words[at + 2] ?? '')) return encode.error(WRONG_PASSWORD)
      at += 3
    } else if (option === 'setname') {
      connection.name = words[at + 1] ?? ''
      at += 2
    } else return SYNTAX
  }
  if (!connection.isAuthenticated) {
    return encode.error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    )
  }
  connection.protocol = version === '3' ? 3 : 2
  const fields = [
    ['server', encode.bulk('redis')],
    ['version', encode.bulk('7.2.0')],
    ['proto', encode.integer(connection.protocol)],
    ['id', encode.integer(connection.id)],
    ['mode', encode.bulk('standalone')],
    ['role', encode.bulk(server.role)],
    ['modules', encode.array([])],
  ]
  return encode.map(
    fields.flatMap(([name, value]) => [encode.bulk(name!), value!]),
    connection.protocol,
  )
}

/** Runs the queued commands one behind the other, as one piece. */
function execute(connection: ModelConnection): string {
  const { queue, isDirty, server } = connection
  if (queue === undefined) return encode.error('ERR EXEC without MULTI')
  const isUntouched = [...connection.watched].every(([name, version]) => server.store.version(name) === version)
  connection.leaveTransaction()
  if (isDirty) return encode.error('EXECABORT Transaction discarded because of previous errors.')
  if (!isUntouched) return encode.nullArray(connection.protocol)
  connection.block = server.journal.nextBlock()
  const replies = queue.map((words) => connection.call(server.commands.get(words[0]!.toLowerCase())!, words) ?? '')
  connection.block = 0
  return encode.array(replies)
}

function subscribe(connection: ModelConnection, words: readonly string[]): undefined {
  for (const channel of words.slice(1)) {
    connection.channels.add(channel)
    answerSubscription(connection, 'subscribe', encode.bulk(channel))
  }
}

function unsubscribe(connection: ModelConnection, words: readonly string[]): undefined {
  const channels = words.length > 1 ? words.slice(1) : [...connection.channels]
  for (const channel of channels) {
    connection.channels.delete(channel)
    answerSubscription(connection, 'unsubscribe', encode.bulk(channel))
  }
  if (channels.length === 0) answerSubscription(connection, 'unsubscribe', encode.null(connection.protocol))
}

function answerSubscription(connection: ModelConnection, kind: string, channel: string): void {
  const items = [encode.bulk(kind), channel, encode.integer(connection.channels.size)]
  connection.push(encode.push(items, connection.protocol))
}

function client(connection: ModelConnection, words: readonly string[]): string | undefined {
  switch (words[1]!.toLowerCase()) {
    case 'id':
      return encode.integer(connection.id)
    case 'setname':
      connection.name = words[2] ?? ''
      return encode.ok
    case 'getname':
      return connection.name === '' ? encode.null(connection.protocol) : encode.bulk(connection.name)
    case 'unblock':
      return encode.integer(connection.server.blocked.giveBack(words[2]!) ? 1 : 0)
    case 'setinfo':
    case 'no-evict':
    case 'no-touch':
      return encode.ok
    case 'reply': {
      const mode = words[2]?.toLowerCase()
      if (mode === 'on') {
        connection.replyMode = 'on'
        return encode.ok
      }
      if (mode === 'off') connection.replyMode = 'off'
      // SKIP itself is not answered either: the mode falls to the next command when this one has been left out.
      if (mode === 'skip' && connection.replyMode === 'on') connection.replyMode = 'skip'
      return undefined
    }
    default:
      return encode.error(`ERR unknown subcommand '${words[1]}'. Try CLIENT HELP.`)
  }
}

/** The sections of INFO that tell servers apart. */
function information({ server }: ModelConnection, [, section]: readonly string[]): string {
  const { replication, store } = server
  const keyspace = store.sizes.flatMap((keys, db) => (keys === 0 ? [] : [`db${db}:keys=${keys},expires=0,avg_ttl=0`]))
  const sections: Readonly<Record<string, readonly string[]>> = {
    Server: ['redis_version:7.2.0', 'redis_mode:standalone'],
    Persistence: [`loading:${server.refusal === 'LOADING' ? 1 : 0}`],
    Replication: [
      ...(server.isMaster ? ['role:master'] : ['role:slave', ...ofMaster(server)]),
      `connected_slaves:${replication.replicas.length}`,
      ...replication.replicas.map(({ address, replication: { offset } }, index) => {
        const { host, port } = hostAndPort(address)
        return `slave${index}:ip=${host},port=${port},state=online,offset=${offset},lag=0`
      }),
      `master_replid:${replication.line}`,
      `master_replid2:${replication.formerLine}`,
      `master_repl_offset:${replication.offset}`,
      `second_repl_offset:${replication.formerEnd}`,
    ],
    Keyspace: keyspace,
  }
  const names = Object.keys(sections).filter((name) => section === undefined || name.toLowerCase() === section)
  return encode.bulk(names.map((name) => `# ${name}\r\n${sections[name]!.join('\r\n')}\r\n`).join('\r\n'))
}

function ofMaster({ replication }: ModelRedis): string[] {
  const { host, port } = masterOf(replication)
  return [
    `master_host:${host}`,
    `master_port:${port}`,
    `master_link_status:${replication.isLinkUp ? 'up' : 'down'}`,
    `slave_repl_offset:${replication.offset}`,
  ]
}

function role({ server }: ModelConnection): string {
  const { replication } = server
  if (server.isMaster) {
    const replicas = replication.replicas.map(({ address, replication: { offset } }) => {
      const { host, port } = hostAndPort(address)
      return encode.array([host, String(port), String(offset)].map(encode.bulk))
    })
    return encode.array([encode.bulk('master'), encode.integer(replication.offset), encode.array(replicas)])
  }
  const { host, port } = masterOf(replication)
  return encode.array([
    encode.bulk('slave'),
    encode.bulk(host),
    encode.integer(port),
    encode.bulk(replication.isLinkUp ? 'connected' : 'connect'),
    encode.integer(replication.offset),
  ])
}

function masterOf({ master }: ModelReplication): { host: string; port: number } {
  return master === undefined ? NOBODY : hostAndPort(master.address)
}

function hostAndPort(address: Address): { host: string; port: number } {
  return 'port' in address ? address : NOBODY
}

export const SESSION_COMMANDS: Readonly<Record<string, ModelCommand>> = {
  ping: define(1, '', ({ protocol, channels }, [, text]) => {
    if (channels.size > 0 && protocol === 2) return encode.array([encode.bulk('pong'), encode.bulk(text ?? '')])
    return text === undefined ? encode.status('PONG') : encode.bulk(text)
  }),
  echo: define(2, 'always', (_connection, [, text]) => encode.bulk(text!)),
  select: define(2, 'always', (connection, [, db]) => {
    const number = Number(db)
    if (!Number.isInteger(number)) return encode.error('ERR invalid DB index')
    if (number < 0 || number >= connection.server.store.databaseCount) {
      return encode.error('ERR DB index is out of range')
    }
    connection.db = number
    return encode.ok
  }),
  auth: define(2, 'always', (connection, words) => {
    const [user, password] = words.length > 2 ? [words[1]!, words[2]!] : ['default', words[1]!]
    return login(connection, user, password) ? encode.ok : encode.error(WRONG_PASSWORD)
  }),
  hello: define(1, 'always', hello),
  reset: define(1, 'always', (connection) => {
    connection.reset()
    return encode.status('RESET')
  }),
  quit: define(1, 'always', (connection) => {
    connection.server.clock.after(0, () => connection.stream.end())
    return encode.ok
  }),
  multi: define(1, 'always', (connection) => {
    if (connection.queue !== undefined) return encode.error('ERR MULTI calls can not be nested')
    connection.queue = []
    return encode.ok
  }),
  exec: define(1, 'always', execute),
  discard: define(1, 'always', (connection) => {
    if (connection.queue === undefined) return encode.error('ERR DISCARD without MULTI')
    connection.leaveTransaction()
    return encode.ok
  }),
  watch: define(2, 'always', (connection, words) => {
    if (connection.queue !== undefined) return encode.error('ERR WATCH inside MULTI is not allowed')
    for (const key of words.slice(1)) {
      const name = `${connection.db} ${key}`
      if (!connection.watched.has(name)) connection.watched.set(name, connection.server.store.version(name))
    }
    return encode.ok
  }),
  unwatch: define(1, 'always', (connection) => {
    connection.watched.clear()
    return encode.ok
  }),
  subscribe: define(2, 'always', subscribe),
  unsubscribe: define(1, 'always', unsubscribe),
  client: define(2, 'always', client),
  wait: define(3, '', (connection, [, wanted, timeoutMs]) => {
    if (!connection.server.isMaster) return encode.error(WAIT_ON_REPLICA)
    connection.server.blocked.awaitReplicas(connection, Number(wanted), Number(timeoutMs))
    return undefined
  }),
  role: define(1, 'always', role),
  info: define(1, 'always', information),
  acl: define(2, 'always', ({ user }, [, what]) =>
    what!.toLowerCase() === 'whoami' ? encode.bulk(user) : encode.error(`ERR unknown subcommand '${what}'.`),
  ),
  // The real reply is 200 kB; a user without the right makes the proxy use its built-in table.
  command: define(1, 'always', ({ user }) =>
    encode.error(`NOPERM User ${user} has no permissions to run the 'command' command`),
  ),
}
