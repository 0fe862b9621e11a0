// One Sentinel: a connection that asks it now and then which server it takes for the primary.
import Parser from 'redis-parser'
import type { Address } from '../runtime/runtime.ts'
import type { SentinelWord } from '../topology/hint.ts'
import { type BackendConnection, ConnectionState } from './backend-connection.ts'
import { addressText, type BackendContext, openConnection } from './backend-context.ts'
import { ask, errorText } from './control.ts'

export class Sentinel {
  readonly name: string
  /** For each group of servers that it watches; empty while it does not answer. */
  words: readonly SentinelWord[] = []
  /** What it said against being asked; '' when all is well. */
  trouble = ''
  readonly #context: BackendContext
  readonly #address: Address
  readonly #heard: () => void
  #connection: BackendConnection | null = null
  /** When the question was sent that is not answered yet; null when there is none. */
  #askedAt: number | null = null
  #isClosed = false

  /** @param heard called after each answer, and when none can be had any more. */
  constructor(context: BackendContext, address: Address, heard: () => void) {
    this.#context = context
    this.#address = address
    this.#heard = heard
    this.name = addressText(address)
  }

  /** Asks, unless a question is under way. */
  ask(): void {
    const now = this.#context.runtime.now()
    if (this.#connection === null) this.#connection = this.#open()
    else if (this.#askedAt === null) this.#send(this.#connection)
    else if (now - this.#askedAt > this.#context.config.replyTimeoutMs) this.#connection.destroy('no answer')
  }

  close(): void {
    this.#isClosed = true
    this.#connection?.destroy('closed')
  }

  #open(): BackendConnection {
    this.#askedAt = this.#context.runtime.now()
    return openConnection(this.#context, this.#address, {
      opened: (connection) => {
        connection.state = ConnectionState.Ready
        const password = this.#context.sentinelPassword()
        // Where none is wanted this is an error that changes nothing.
        if (password !== undefined) ask(connection, ['AUTH', password], () => {})
        this.#send(connection)
      },
      closed: (_, reason) => {
        this.#connection = null
        this.#askedAt = null
        if (!this.#isClosed) this.#said([], reason)
      },
      idle: () => {},
    })
  }

  #send(connection: BackendConnection): void {
    const askedAt = this.#context.runtime.now()
    this.#askedAt = askedAt
    ask(connection, ['SENTINEL', 'MASTERS'], (reply) => {
      if (reply === null) return
      this.#askedAt = null
      const error = errorText(reply)
      if (error !== undefined) this.#said([], error)
      else this.#said(wordsOf(reply, askedAt), '')
    })
  }

  #said(words: readonly SentinelWord[], trouble: string): void {
    this.words = words
    this.trouble = trouble
    this.#heard()
  }
}

/** Reads the reply to SENTINEL MASTERS: a list of fields and values for each group. What is anything else tells nothing. */
export function wordsOf(reply: Buffer, askedAt: number): SentinelWord[] {
  let groups: unknown
  const parser = new Parser({ returnReply: (value) => (groups = value), returnError: () => {} })
  parser.execute(reply)
  if (!Array.isArray(groups)) return []
  return groups.flatMap((fields) => {
    if (!Array.isArray(fields)) return []
    const field = (name: string): string => {
      const at = fields.findIndex((each, index) => index % 2 === 0 && each === name)
      return at < 0 ? '' : String(fields[at + 1])
    }
    const port = Number(field('port'))
    if (field('ip') === '' || !(port > 0)) return []
    const address = addressText({ host: field('ip'), port })
    return [{ group: field('name'), address, runId: field('runid'), askedAt }]
  })
}
