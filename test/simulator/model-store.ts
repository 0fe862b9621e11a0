// What a model Redis remembers: values, versions for WATCH, scripts, and a journal of every write it ever executed.
import { createHash } from 'node:crypto'

export type Value = string | string[]

/** One executed write that carried a token. */
export interface Execution {
  readonly token: string
  readonly command: string
  readonly db: number
  readonly user: string
  /** The number of the transaction it ran in, 0 for none. */
  readonly block: number
  readonly atMs: number
  /** What its key held before, for compare-and-set checks. */
  readonly previous: string
}

/** Tokens are unique in a world and stand in keys, values and messages: client and number. */
const TOKEN = /<t\d+\.\d+>/g

export function tokensIn(text: string): string[] {
  return text.match(TOKEN) ?? []
}

/** The canned scripts, by what they do. */
export const SCRIPTS = {
  set: "return redis.call('SET',KEYS[1],ARGV[1])",
  get: "return redis.call('GET',KEYS[1])",
  push: "return redis.call('RPUSH',KEYS[1],ARGV[1])",
  echo: 'return ARGV[1]',
  /** Writes, and then answers with an error whose text proves nothing. */
  setAndFail: "redis.call('SET',KEYS[1],ARGV[1]) return redis.error_reply(ARGV[2])",
  /** Keeps the whole server busy for ARGV[1] ms. */
  busy: "local t=redis.call('TIME') while elapsed(t)<ARGV[1] do end return 'done'",
} as const

export function shaOf(body: string): string {
  return createHash('sha1').update(body, 'latin1').digest('hex')
}

const DATABASES = 16

export class ModelStore {
  readonly journal: Execution[] = []
  /** Elements handed out by pops, by token: each may be handed out once. */
  readonly pops = new Map<string, number>()
  /** Every message that was published, with its channel. */
  readonly published: { readonly channel: string; readonly token: string; readonly atMs: number }[] = []
  readonly scripts = new Map<string, string>()
  /** Set once data was thrown away on purpose: from then on missing values prove nothing. */
  hasLostData = false
  #databases: Map<string, Value>[] = []
  readonly #versions = new Map<string, number>()
  readonly #executions = new Map<string, Execution[]>()

  constructor() {
    this.clear()
  }

  clear(): void {
    this.#databases = Array.from({ length: DATABASES }, () => new Map<string, Value>())
  }

  get databaseCount(): number {
    return DATABASES
  }

  get(db: number, key: string): Value | undefined {
    return this.#databases[db]!.get(key)
  }

  /** The string at a key; lists count as their elements joined, which no test relies on. */
  text(db: number, key: string): string | undefined {
    const value = this.get(db, key)
    return Array.isArray(value) ? value.join('') : value
  }

  list(db: number, key: string): string[] {
    const value = this.get(db, key)
    return Array.isArray(value) ? value : []
  }

  put(db: number, key: string, value: Value | undefined): void {
    const database = this.#databases[db]!
    if (value === undefined || value.length === 0) database.delete(key)
    else database.set(key, value)
    const name = `${db} ${key}`
    this.#versions.set(name, this.version(name) + 1)
  }

  /** Grows with every change of a key. @param name database and key, separated by a blank. */
  version(name: string): number {
    return this.#versions.get(name) ?? 0
  }

  record(execution: Execution): void {
    this.journal.push(execution)
    const all = this.#executions.get(execution.token)
    if (all === undefined) this.#executions.set(execution.token, [execution])
    else all.push(execution)
  }

  executionsOf(token: string): readonly Execution[] {
    return this.#executions.get(token) ?? []
  }

  /** Every token that was ever executed. */
  executedTokens(): IterableIterator<string> {
    return this.#executions.keys()
  }

  popped(element: string): void {
    for (const token of tokensIn(element)) this.pops.set(token, (this.pops.get(token) ?? 0) + 1)
  }
}
