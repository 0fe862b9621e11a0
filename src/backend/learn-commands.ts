// Asks the server for its command table, so that modules and new versions just work: once per version, and not before somebody needs it.
import Parser from 'redis-parser'
import { builtInEntries, type CommandEntry, parseCommandReply } from '../command/table.ts'
import type { Log } from '../operations/log.ts'
import type { BackendConnection } from './backend-connection.ts'
import { ask } from './control.ts'
import { helloField } from './handshake.ts'

const ARRAY = 42

export class LearnCommands {
  readonly #log: Log
  readonly #learned: (entries: readonly CommandEntry[]) => void
  #connection: BackendConnection | null = null
  /** Of the server at the other end of it. */
  #version = ''
  #learnedVersion = ''
  #isWanted = false

  /** @param learned hears of each new table; of the built-in one first. */
  constructor(log: Log, learned: (entries: readonly CommandEntry[]) => void) {
    this.#log = log
    this.#learned = learned
  }

  /** There is a new control connection. @param hello the server's reply to HELLO on it. */
  connected(connection: BackendConnection, hello: Buffer): void {
    this.#connection = connection
    this.#version = `${helloField(hello, 'server')} ${helloField(hello, 'version')}`
    this.#ask()
  }

  /** A client came. Without one a tenth of an idle proxy's memory would be spent on a table nobody looks into. */
  want(): void {
    if (this.#isWanted) return
    this.#isWanted = true
    this.#learned(builtInEntries())
    this.#ask()
  }

  #ask(): void {
    const version = this.#version
    if (!this.#isWanted || this.#connection?.isReady !== true || version === this.#learnedVersion) return
    ask(this.#connection, ['COMMAND'], (reply) => {
      // A user who may not ask keeps the built-in table.
      if (reply === null || reply[0] !== ARRAY) return
      const parser = new Parser({
        returnReply: (table) => {
          this.#learned(parseCommandReply(table))
          this.#learnedVersion = version
          this.#log.info({ server: version }, 'command table learned from the server')
        },
        returnError: (error) =>
          this.#log.warn({ error: String(error) }, 'command table not understood, the built-in one is used'),
      })
      parser.execute(reply)
    })
  }
}
