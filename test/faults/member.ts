// What a client of the crowd works with: its own keys, the books about them, and the questions that go with both.

import type { Random } from '../simulator/random.ts'
import type { Reply } from '../simulator/resp-codec.ts'
import type { RawClient } from '../support/raw-client.ts'
import { CounterBook, type Entry, type Fate, ListBook, RegisterBook, tokenOf } from './books.ts'
import { Conversation, type Crowd, Disconnected, fateOf, type Question } from './conversation.ts'

export const isOk = (reply: Reply): boolean => reply.kind === 'status' && reply.text === 'OK'
export const isQueued = (reply: Reply): boolean => reply.kind === 'status' && reply.text === 'QUEUED'

/** A write whose answer may come later than the reply to it, as in a transaction. */
export interface Write extends Question {
  /** Enters what became of it, with its reply. */
  readonly settle: (fate: Fate, reply: Reply) => void
}

export class Member {
  readonly crowd: Crowd
  readonly owner: number
  readonly random: Random
  /** A connection lost in the middle of a long reply closes its client. */
  mayBeDisconnected = false
  readonly #lists = new Map<number, ListBook>()
  /** Counters of one step each: a key that stands at 2 was incremented twice. */
  readonly #once: ListBook
  readonly #counter: CounterBook
  readonly #registers = new Map<string, RegisterBook>()
  #serial = 0

  constructor(crowd: Crowd, owner: number, random: Random) {
    this.crowd = crowd
    this.owner = owner
    this.random = random
    this.#once = new ListBook(`once:${owner}`, 0)
    this.#counter = new CounterBook(`counter:${owner}`)
  }

  token(): string {
    return tokenOf(this.owner, ++this.#serial)
  }

  async connect(): Promise<Conversation> {
    return Conversation.open(this.crowd, this.owner, this.random)
  }

  /** Connects, in one of the protocols, and lets `use` work until the crowd ends or the proxy closes the connection. */
  async whileConnected(use: (conversation: Conversation) => Promise<void>): Promise<void> {
    const conversation = await this.connect()
    try {
      if (this.random.chance(0.5)) await conversation.insist(hello(3))
      await use(conversation)
    } catch (error) {
      if (!(error instanceof Disconnected)) throw error
      if (this.crowd.isStrict || !this.mayBeDisconnected) this.crowd.complain(error.message)
    } finally {
      await conversation.close()
    }
  }

  /** Any ordinary command, database 0. */
  anything(): Question {
    switch (this.random.below(10)) {
      case 0:
      case 1:
        return this.push()
      case 2:
        return this.increment()
      case 3:
        return this.incrementOnce()
      case 4:
      case 5:
        return this.set()
      case 6:
        return this.get()
      case 7: {
        const token = this.token()
        return { words: ['PING', token], isRight: ({ text }) => text === token }
      }
      case 8:
        return { words: ['MGET', this.#register('a').key, `none:${this.token()}`], isRight: isPairEndingInNull }
      default:
        return this.echo()
    }
  }

  echo(): Question {
    const token = this.token()
    return { words: ['ECHO', token], isRight: ({ text }) => text === token }
  }

  push(db = 0): Write {
    const token = this.token()
    const book = this.#lists.get(db) ?? new ListBook(`list:${this.owner}`, db)
    this.#lists.set(db, book)
    const entry = book.add(token)
    return write(['RPUSH', book.key, token], entered(entry), ({ kind }) => kind === 'integer')
  }

  increment(): Write {
    const book = this.#counter
    book.asked()
    const settle = (fate: Fate, reply: Reply): void => {
      if (fate === 'refused') book.refuse()
      else if (fate === 'acknowledged' && !book.acknowledge(Number(reply.text))) {
        this.crowd.complain(`${book.key} became ${reply.text} after ${book.acknowledged} increments`)
      }
    }
    return write(['INCR', book.key], settle)
  }

  incrementOnce(): Write {
    const token = this.token()
    return write(['INCR', token], entered(this.#once.add(token)), ({ text }) => text === '1')
  }

  set(name = this.random.pick(['a', 'b']), padding = ''): Write {
    const value = this.token() + padding
    const book = this.#register(name)
    book.set(value, 'uncertain')
    return write(['SET', book.key, value], (fate) => book.set(value, fate), isOk)
  }

  get(name = this.random.pick(['a', 'b'])): Question {
    const book = this.#register(name)
    return { words: ['GET', book.key], isRight: ({ kind, text }) => book.allows(kind === 'null' ? null : text) }
  }

  /** Asks the server itself. @returns what contradicts the books. */
  async audit(server: RawClient): Promise<string[]> {
    const problems: string[] = []
    const ask = async (...words: string[]): Promise<string> => (await server.ask(...words)).trimEnd()
    for (const book of this.#lists.values()) {
      await ask('SELECT', String(book.db))
      problems.push(...book.problems(bulksIn(await ask('LRANGE', book.key, '0', '-1'))))
    }
    await ask('SELECT', '0')
    problems.push(...this.#counter.problems(Number(bulksIn(await ask('GET', this.#counter.key))[0] ?? 0)))
    const { tokens } = this.#once
    if (tokens.length > 0) {
      const counts = (await ask('MGET', ...tokens)).split('\r\n$').slice(1)
      const found = tokens.flatMap((token, at) => Array(Number(counts[at]?.split('\r\n')[1] ?? 0)).fill(token))
      problems.push(...this.#once.problems(found))
    }
    for (const book of this.#registers.values()) {
      const [value = null] = bulksIn(await ask('GET', book.key))
      if (!book.allows(value)) problems.push(`${book.key} ended as ${value?.slice(0, 50)}`)
    }
    return problems
  }

  #register(name: string): RegisterBook {
    const key = `${name}:${this.owner}`
    const book = this.#registers.get(key) ?? new RegisterBook(key)
    this.#registers.set(key, book)
    return book
  }
}

export function hello(protocol: 2 | 3): Question {
  return { words: ['HELLO', String(protocol)], isRight: ({ kind }) => kind === (protocol === 3 ? 'map' : 'array') }
}

function write(
  words: readonly string[],
  settle: Write['settle'],
  isRight: (reply: Reply) => boolean = () => true,
): Write {
  return { words, settle, isRight, told: (reply) => settle(fateOf(reply), reply) }
}

function entered(entry: Entry): Write['settle'] {
  return (fate) => {
    entry.fate = fate
  }
}

function isPairEndingInNull({ items }: Reply): boolean {
  return items.length === 2 && items[1]!.kind === 'null'
}

/** The bulk strings of a RESP2 reply, none of which holds a line end. */
function bulksIn(reply: string): string[] {
  return reply.split('\r\n').filter((line) => line !== '' && !/^[*$]-?\d+$/.test(line))
}
