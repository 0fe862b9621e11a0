// One client's connection among many: every reply is held against the request it has to answer, and no foreign token may be in it.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Random } from '../simulator/random.ts'
import { encodeRequest, type Reply, ReplyDecoder, show, textsOf } from '../simulator/resp-codec.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type Fate, ownersIn } from './books.ts'

export interface Question {
  readonly words: readonly string[]
  /** Whether a reply that is no error is right. */
  readonly isRight?: (reply: Reply) => boolean
  /** Errors that are right whatever happens around. */
  readonly mayFail?: RegExp
  /** No loss is an excuse for an error: nothing has run yet. */
  readonly neverFails?: boolean
  /** Hears of every reply, errors included, before it is judged. */
  readonly told?: (reply: Reply) => void
}

/** What the clients of one crowd have in common. */
export interface Crowd {
  readonly port: number
  /** Nothing may fail at all: the server is only slow. */
  readonly isStrict: boolean
  readonly isEnding: boolean
  /** What was sent and is not wholly answered. */
  readonly rounds: Set<Round>
  complain(problem: string): void
  answered(reply: Reply, tookMs: number): void
}

export interface Round {
  /** In ms of `performance.now()`. */
  readonly sentAt: number
}

/** The proxy closed the connection before everything was answered. */
export class Disconnected extends Error {}

/** Longer than any hold, pause or stall of these tests on a loaded machine: what takes longer hangs. */
const patienceMs = 120_000
/** Requests above it are streamed by the proxy, and refused when their connection dies half-way. */
const streamedBytes = 64 * 1024

export class Conversation {
  readonly #crowd: Crowd
  readonly #owner: number
  readonly #random: Random
  readonly #client: RawClient
  readonly #decoder = new ReplyDecoder()
  /** Hears of what answers nobody: RESP3 pushes and messages. */
  onMessage: ((message: Reply) => void) | undefined

  static async open(crowd: Crowd, owner: number, random: Random): Promise<Conversation> {
    return new Conversation(crowd, owner, random, await connect(crowd.port, patienceMs))
  }

  private constructor(crowd: Crowd, owner: number, random: Random, client: RawClient) {
    this.#crowd = crowd
    this.#owner = owner
    this.#random = random
    this.#client = client
  }

  /** Sends all in one run of bytes, cut anywhere, and reads their replies. @throws {Disconnected} */
  async ask(...questions: readonly Question[]): Promise<Reply[]> {
    const bytes = Buffer.concat(questions.map(({ words }) => encodeRequest(words)))
    const cut = this.#random.chance(0.2) ? this.#random.below(bytes.length) : 0
    if (cut > 0) {
      this.#client.send(bytes.subarray(0, cut))
      await nextTurn()
    }
    this.#client.send(bytes.subarray(cut))
    const round = { sentAt: performance.now() }
    this.#crowd.rounds.add(round)
    try {
      return await this.#hear(questions, round)
    } finally {
      this.#crowd.rounds.delete(round)
    }
  }

  /** Asks until nothing is lost on the way. */
  async insist(question: Question): Promise<Reply> {
    for (;;) {
      const [reply] = await this.ask(question)
      if (reply !== undefined && fateOf(reply) !== 'uncertain') return reply
    }
  }

  /** Sends, and leaves without reading. */
  async sendAndLeave(questions: readonly Question[]): Promise<void> {
    this.#client.send(Buffer.concat(questions.map(({ words }) => encodeRequest(words))))
    if (this.#random.chance(0.5)) await nextTurn()
    await this.close()
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  async #hear(questions: readonly Question[], { sentAt }: Round): Promise<Reply[]> {
    const replies: Reply[] = []
    for (const question of questions) {
      const reply = await this.#replyTo(question)
      question.told?.(reply)
      this.#judge(question, reply)
      this.#crowd.answered(reply, performance.now() - sentAt)
      replies.push(reply)
    }
    return replies
  }

  async #replyTo({ words }: Question): Promise<Reply> {
    for (;;) {
      const reply = await this.#read()
      const what = words.join(' ').slice(0, 80)
      const isMessage = reply.kind === 'push' || (reply.kind === 'array' && reply.items[0]?.text === 'message')
      const isAcknowledgement = /^(un)?subscribe$/.test(reply.items[0]?.text ?? '')
      this.#checkTokens(what, reply, isMessage && !isAcknowledgement)
      if (!isMessage || isAcknowledgement) return reply
    }
  }

  #checkTokens(what: string, reply: Reply, isMessage: boolean): void {
    for (const owner of textsOf(reply).flatMap((text) => [...ownersIn(text)])) {
      if (owner !== this.#owner) this.#crowd.complain(`client ${this.#owner} was given ${show(reply)} for ${what}`)
    }
    if (isMessage) this.onMessage?.(reply)
  }

  async #read(): Promise<Reply> {
    let bytes: Buffer
    try {
      bytes = await this.#client.readReply()
    } catch (error) {
      if (!this.#client.isEnded) throw error
      throw new Disconnected(`client ${this.#owner} was disconnected`, { cause: error })
    }
    this.#decoder.push(bytes)
    const reply = this.#decoder.next()
    if (reply === undefined) throw new Error(`no whole reply: ${bytes.toString('latin1').slice(0, 100)}`)
    return reply
  }

  #judge({ words, isRight, mayFail, neverFails }: Question, reply: Reply): void {
    const what = `client ${this.#owner} sent ${words.join(' ').slice(0, 80)} and was told ${show(reply)}`
    if (reply.kind !== 'error') {
      if (isRight?.(reply) === false) this.#crowd.complain(what)
      return
    }
    const isLoss = reply.text === 'UNCERTAIN backend connection lost; the command may have been executed'
    const isStreamed = (words.at(-1)?.length ?? 0) > streamedBytes
    const isHalfSent = isStreamed && /^MASTERDOWN .*before the request was complete; it did not run\)$/.test(reply.text)
    const isExcused = !this.#crowd.isStrict && neverFails !== true && (isLoss || isHalfSent)
    if (!isExcused && mayFail?.test(reply.text) !== true) this.#crowd.complain(what)
  }
}

/** What a reply says of a write. */
export function fateOf(reply: Reply): Fate {
  if (reply.kind !== 'error') return 'acknowledged'
  return reply.text.startsWith('UNCERTAIN') ? 'uncertain' : 'refused'
}
