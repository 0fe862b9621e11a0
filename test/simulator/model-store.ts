// What one model Redis remembers: values, versions for WATCH, scripts, and the history of writes that its data is made of.
import { createHash } from 'node:crypto'
import type { Execution } from './journal.ts'

export type Value = string | string[]

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

/** One effect of a command, as it goes to replicas. */
export type Change =
  | { readonly kind: 'put'; readonly db: number; readonly key: string; readonly value: Value | undefined }
  | { readonly kind: 'execution'; readonly execution: Execution }
  | { readonly kind: 'pop'; readonly element: string }
  | { readonly kind: 'message'; readonly channel: string; readonly message: string }

const DATABASES = 16

export class ModelStore {
  readonly scripts = new Map<string, string>()
  /** What was changed since it was last taken for the replicas: what stands here together is applied together. */
  changes: Change[] = []
  #databases: Map<string, Value>[] = []
  #versions = new Map<string, number>()
  /** Grows when all data is replaced at once: every watched key counts as changed. */
  #replacements = 0
  #history = new Map<string, number>()
  #pops = new Map<string, number>()

  constructor() {
    this.clear()
  }

  clear(): void {
    this.#databases = Array.from({ length: DATABASES }, () => new Map<string, Value>())
    this.#history = new Map()
    this.#pops = new Map()
    this.#replacements++
    this.changes = []
  }

  /** Full synchronisation: what was here is dropped. */
  copyFrom(other: ModelStore): void {
    this.clear()
    this.#databases = other.#databases.map((database) => new Map(database))
    this.#history = new Map(other.#history)
    this.#pops = new Map(other.#pops)
  }

  get databaseCount(): number {
    return DATABASES
  }

  /** How many keys each database holds. */
  get sizes(): number[] {
    return this.#databases.map(({ size }) => size)
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
    this.#change({ kind: 'put', db, key, value })
  }

  record(execution: Execution): void {
    this.#change({ kind: 'execution', execution })
  }

  popped(element: string): void {
    this.#change({ kind: 'pop', element })
  }

  published(channel: string, message: string): void {
    this.#change({ kind: 'message', channel, message })
  }

  /** Takes over one effect of a command, its own or its master's. */
  apply(change: Change): void {
    switch (change.kind) {
      case 'put': {
        const { db, key, value } = change
        const database = this.#databases[db]!
        if (value === undefined || value.length === 0) database.delete(key)
        else database.set(key, value)
        const name = `${db} ${key}`
        this.#versions.set(name, (this.#versions.get(name) ?? 0) + 1)
        return
      }
      case 'execution':
        countIn(this.#history, change.execution.token)
        return
      case 'pop':
        for (const token of tokensIn(change.element)) countIn(this.#pops, token)
    }
  }

  /** Grows with every change of a key. @param name database and key, separated by a blank. */
  version(name: string): string {
    return `${this.#replacements} ${this.#versions.get(name) ?? 0}`
  }

  /** Of all writes that its data is made of. */
  tokens(): IterableIterator<string> {
    return this.#history.keys()
  }

  has(token: string): boolean {
    return this.#history.has(token)
  }

  /** Writes that its data was made of twice, and elements that it handed out twice, in words. */
  contradictions(): string[] {
    const twice = (counts: ReadonlyMap<string, number>) => [...counts].filter(([, count]) => count > 1)
    return [
      ...twice(this.#history).map(([token, count]) => `a history holds ${token} ${count} times`),
      ...twice(this.#pops).map(([token, count]) => `the element ${token} was popped ${count} times`),
    ]
  }

  #change(change: Change): void {
    this.apply(change)
    this.changes.push(change)
  }
}

function countIn(counts: Map<string, number>, token: string): void {
  counts.set(token, (counts.get(token) ?? 0) + 1)
}
