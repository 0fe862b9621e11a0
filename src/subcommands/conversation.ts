// A connection for questions that are asked one after another: each answer comes in time, or not at all.
import Parser from 'redis-parser'
import type { BackendConnection } from '../backend/backend-connection.ts'
import { type BackendContext, openConnection } from '../backend/backend-context.ts'
import { ask, errorText } from '../backend/control.ts'
import { type HandshakeReport, type Identity, shakeHands } from '../backend/handshake.ts'
import type { Log } from '../operations/log.ts'
import type { Address } from '../runtime/runtime.ts'

const silent = () => {}

/** For parts of the program that log what is shown as a finding here. */
export const silentLog: Log = { trace: silent, debug: silent, info: silent, warn: silent, error: silent, fatal: silent }

/** The other side stands, and took too long. */
export class NoAnswer extends Error {}

export class Conversation {
  readonly #context: BackendContext
  readonly #connection: BackendConnection
  #loss = ''

  private constructor(context: BackendContext, connection: BackendConnection) {
    this.#context = context
    this.#connection = connection
  }

  /** @throws when it cannot be opened within RUSTEZE_CONNECT_TIMEOUT: the message is the reason, such as ECONNREFUSED. */
  static open(context: BackendContext, address: Address): Promise<Conversation> {
    return new Promise((resolve, reject) => {
      let conversation: Conversation | undefined
      openConnection(context, address, {
        opened: (connection) => {
          conversation = new Conversation(context, connection)
          resolve(conversation)
        },
        closed: (_, reason) => {
          if (conversation !== undefined) conversation.#loss = reason
          reject(new Error(reason))
        },
        idle: silent,
      })
    })
  }

  /** Why it was lost; '' while it stands. */
  get loss(): string {
    return this.#loss
  }

  /** @returns the whole reply. @throws when the connection is lost first, or after `timeoutMs`. */
  async ask(parts: readonly string[], timeoutMs = this.#context.config.replyTimeoutMs): Promise<Buffer> {
    const reply = await this.#inTime<Buffer | null>(timeoutMs, (answer) => ask(this.#connection, parts, answer))
    if (reply === null) throw new Error(`the connection was lost (${this.#loss})`)
    return reply
  }

  /** @returns the value of the reply, or undefined where the server answers with an error. */
  async value(...parts: readonly string[]): Promise<unknown> {
    const reply = await this.ask(parts)
    return errorText(reply) === undefined ? valueOf(reply) : undefined
  }

  /** Logs in as the proxy does. */
  shakeHands(identity: Identity, db: number): Promise<HandshakeReport> {
    return this.#inTime(this.#context.config.replyTimeoutMs, (done) =>
      shakeHands(this.#connection, identity, 2, db, done),
    )
  }

  close(): void {
    this.#connection.destroy('done')
  }

  #inTime<Answer>(timeoutMs: number, begin: (done: (answer: Answer) => void) => void): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = this.#context.runtime.after(timeoutMs, () => {
        reject(new NoAnswer(`no answer within ${(timeoutMs / 1000).toFixed(1)} s`))
        this.close()
      })
      begin((answer) => {
        timer.cancel()
        resolve(answer)
      })
    })
  }
}

/** The value of a reply that is no error; undefined for what is no reply. */
function valueOf(reply: Buffer): unknown {
  let value: unknown
  new Parser({ returnReply: (parsed) => (value = parsed), returnError: silent }).execute(reply)
  return value
}
