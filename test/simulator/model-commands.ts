// The model Redis's commands about data: what each does, answers and writes into the journal.
import { define, type ModelCommand } from './model-command.ts'
import { type ModelConnection, READONLY } from './model-connection.ts'
import { SCRIPTS, shaOf, tokensIn } from './model-store.ts'
import { encode } from './resp-codec.ts'

const WRONG_TYPE = encode.error('WRONGTYPE Operation against a key holding the wrong kind of value')

/** Changes a key and writes the tokens of the command into the journal. */
function change(connection: ModelConnection, words: readonly string[], value: string | string[] | undefined): void {
  const { server, db } = connection
  const key = words[1]!
  const previous = server.store.text(db, key) ?? ''
  server.store.put(db, key, value)
  record(connection, words, previous)
}

function record(connection: ModelConnection, words: readonly string[], previous: string): void {
  const { server, db, user, block, commandBeganAtByte, fencedAtByte } = connection
  for (const token of tokensIn(words.slice(1).join(' '))) {
    const command = words[0]!.toLowerCase()
    const execution = { token, command, db, user, block, atMs: server.nowMs, previous, server: server.name }
    server.journal.record(execution)
    if (commandBeganAtByte >= fencedAtByte) server.tellFenceBroken(token)
    server.store.record(execution)
  }
}

function push(connection: ModelConnection, words: readonly string[], isLeft: boolean): string {
  const key = words[1]!
  const { store } = connection.server
  if (typeof store.get(connection.db, key) === 'string') return WRONG_TYPE
  const list = [...store.list(connection.db, key)]
  for (const element of words.slice(2)) {
    if (isLeft) list.unshift(element)
    else list.push(element)
  }
  change(connection, words, list)
  return encode.integer(list.length)
}

/** Takes the first element of a list; undefined when there is none. */
export function popFirst(connection: ModelConnection, db: number, key: string): string | undefined {
  const { store } = connection.server
  const [first, ...rest] = store.list(db, key)
  if (first === undefined) return undefined
  store.put(db, key, rest)
  store.popped(first)
  return first
}

function blockingPop(connection: ModelConnection, words: readonly string[]): string | undefined {
  const { server, db, protocol } = connection
  const keys = words.slice(1, -1)
  for (const key of keys) {
    const element = popFirst(connection, db, key)
    if (element !== undefined) return encode.array([encode.bulk(key), encode.bulk(element)])
  }
  if (connection.block > 0) return encode.nullArray(protocol)
  server.blocked.add(connection, keys, Number(words.at(-1)) * 1000)
  return undefined
}

function evaluate(connection: ModelConnection, words: readonly string[], body: string | undefined): string | undefined {
  const [, , , key = '', argument = '', text = ''] = words
  const { server, db, protocol } = connection
  const set = ['set', key, argument]
  switch (body) {
    case undefined:
      return encode.error('NOSCRIPT No matching script. Please use EVAL.')
    case SCRIPTS.set:
      if (server.refusesWrites) return encode.error(`${READONLY} script: ${shaOf(body)}, on @user_script:1.`)
      change(connection, set, argument)
      return encode.ok
    case SCRIPTS.push:
      if (server.refusesWrites) return encode.error(`${READONLY} script: ${shaOf(body)}, on @user_script:1.`)
      return push(connection, ['rpush', key, argument], false)
    case SCRIPTS.get: {
      const value = server.store.text(db, key)
      return value === undefined ? encode.null(protocol) : encode.bulk(value)
    }
    case SCRIPTS.echo:
      return encode.bulk(words[3] ?? '')
    case SCRIPTS.setAndFail:
      if (server.refusesWrites) return encode.error(`${READONLY} script: ${shaOf(body)}, on @user_script:1.`)
      change(connection, set, argument)
      return encode.error(text)
    case SCRIPTS.busy:
      server.keepBusy(Number(words[3]))
      return encode.bulk('done')
    default:
      return encode.error('ERR Error compiling script: the model knows only its canned ones')
  }
}

export const DATA_COMMANDS: Readonly<Record<string, ModelCommand>> = {
  get: define(2, '', ({ server, db, protocol }, [, key]) => {
    const value = server.store.get(db, key!)
    if (Array.isArray(value)) return WRONG_TYPE
    return value === undefined ? encode.null(protocol) : encode.bulk(value)
  }),
  mget: define(2, '', ({ server, db, protocol }, words) =>
    encode.array(
      words.slice(1).map((key) => {
        const value = server.store.get(db, key)
        return typeof value === 'string' ? encode.bulk(value) : encode.null(protocol)
      }),
    ),
  ),
  set: define(3, 'write', (connection, words) => {
    change(connection, words, words[2]!)
    return encode.ok
  }),
  append: define(3, 'write', (connection, words) => {
    const old = connection.server.store.get(connection.db, words[1]!) ?? ''
    if (typeof old !== 'string') return WRONG_TYPE
    change(connection, words, old + words[2]!)
    return encode.integer(old.length + words[2]!.length)
  }),
  incr: define(2, 'write', (connection, words) => {
    const value = Number(connection.server.store.text(connection.db, words[1]!) ?? '0') + 1
    if (!Number.isSafeInteger(value)) return encode.error('ERR value is not an integer or out of range')
    change(connection, words, String(value))
    return encode.integer(value)
  }),
  del: define(2, 'write', (connection, words) => {
    const { server, db } = connection
    const found = words.slice(1).filter((key) => server.store.get(db, key) !== undefined)
    for (const key of found) server.store.put(db, key, undefined)
    record(connection, words, '')
    return encode.integer(found.length)
  }),
  lpush: define(3, 'write', (connection, words) => push(connection, words, true)),
  rpush: define(3, 'write', (connection, words) => push(connection, words, false)),
  lrange: define(4, '', ({ server, db }, [, key]) => encode.array(server.store.list(db, key!).map(encode.bulk))),
  lpop: define(2, 'write', (connection, [, key]) => {
    const element = popFirst(connection, connection.db, key!)
    return element === undefined ? encode.null(connection.protocol) : encode.bulk(element)
  }),
  blpop: define(3, 'write', blockingPop),
  eval: define(3, 'always', (connection, words) => {
    connection.server.store.scripts.set(shaOf(words[1]!), words[1]!)
    return evaluate(connection, words, words[1])
  }),
  evalsha: define(3, 'always', (connection, words) =>
    evaluate(connection, words, connection.server.store.scripts.get(words[1]!.toLowerCase())),
  ),
  script: define(2, 'always', ({ server }, [, what, body]) => {
    switch (what!.toLowerCase()) {
      case 'load':
        server.store.scripts.set(shaOf(body!), body!)
        return encode.bulk(shaOf(body!))
      case 'flush':
        server.store.scripts.clear()
        return encode.ok
      case 'exists':
        return encode.array([encode.integer(server.store.scripts.has(body!.toLowerCase()) ? 1 : 0)])
      default:
        return encode.error(`ERR unknown subcommand '${what}'. Try SCRIPT HELP.`)
    }
  }),
  publish: define(3, 'write always anywhere', (connection, words) => {
    record(connection, words, '')
    const { server } = connection
    const [, channel, message] = words
    for (const token of tokensIn(message!))
      server.journal.published.push({ channel: channel!, token, atMs: server.nowMs })
    server.store.published(channel!, message!)
    return encode.integer(server.publish(channel!, message!))
  }),
}
