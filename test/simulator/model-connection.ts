// One connection to the model Redis: what the server remembers of it, and the rules that stand before every command.
import type { Stream, StreamHandler } from '../../src/runtime/runtime.ts'
import type { ModelCommand } from './model-command.ts'
import type { ModelRedis } from './model-redis.ts'
import { encode, RequestDecoder } from './resp-codec.ts'

/** What a replica says to a write; scripts may say it too, and then it proves nothing. */
export const READONLY = "READONLY You can't write against a read only replica."
const LOADING = 'LOADING Redis is loading the dataset in memory'
const MASTERDOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
const GARBAGE = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')
const IN_SUBSCRIBED_MODE = new Set(['subscribe', 'unsubscribe', 'ping', 'quit', 'reset'])
/** What runs at once inside MULTI instead of being queued. */
const NOT_QUEUED = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset'])

export class ModelConnection implements StreamHandler {
  readonly id: number
  readonly server: ModelRedis
  readonly stream: Stream
  db = 0
  user = 'default'
  isAuthenticated: boolean
  protocol: 2 | 3 = 2
  name = ''
  /** Commands queued by MULTI, undefined outside of a transaction. */
  queue: string[][] | undefined
  isDirty = false
  watched = new Map<string, string>()
  readonly channels = new Set<string>()
  replyMode: 'on' | 'off' | 'skip' = 'on'
  /** The replication offset behind what this connection wrote last, for WAIT. */
  lastWriteOffset = 0
  /** Ends the wait of a blocking command; undefined while none waits. */
  unblock: ((reply: string) => void) | undefined
  /** The number of the transaction being executed, 0 outside. */
  block = 0
  /** The connection is cut when so many more bytes have been written. */
  bytesUntilCut = Number.POSITIVE_INFINITY
  /** Something that is no reply stands in front of the next one. */
  isGarbled = false
  /** Behind this byte nothing may be written here: the proxy has taken another server for the primary. */
  fencedAtByte = Number.POSITIVE_INFINITY
  /** Bytes of the requests that were executed, the one at hand included. */
  consumedBytes = 0
  /** One that was half written when the proxy changed its mind may come to its end. */
  commandBeganAtByte = 0
  lastHeardMs: number
  isClosed = false
  readonly #decoder = new RequestDecoder()
  #next: string[] | undefined
  #output = ''
  #lastFlushMs = 0

  constructor(server: ModelRedis, stream: Stream, id: number) {
    this.server = server
    this.stream = stream
    this.id = id
    this.isAuthenticated = server.isOpenToAll
    this.lastHeardMs = server.nowMs
  }

  opened(): void {}
  drained(): void {}

  received(bytes: Buffer, length: number): void {
    this.lastHeardMs = this.server.nowMs
    this.#decoder.push(bytes.subarray(0, length))
    this.server.run(this)
  }

  ended(): void {
    if (this.unblock === undefined) this.stream.end()
    else this.server.drop(this, false)
  }

  closed(): void {
    this.isClosed = true
    this.server.forget(this)
  }

  /** Executes what has arrived, as far as the server may go on. */
  process(): void {
    while (!this.isClosed && this.unblock === undefined && this.server.mayRun()) {
      this.#next ??= this.#decode()
      if (this.#next === undefined) break
      // A fault may strike between two commands of a pipeline: this one then waits, or is lost with its connection.
      this.server.beforeCommand()
      if (this.isClosed || !this.server.mayRun()) break
      const words = this.#next
      this.#next = undefined
      if (words.length > 0) this.#execute(words)
    }
    this.flush()
  }

  #decode(): string[] | undefined {
    const words = this.#decoder.next()
    if (words !== undefined) {
      this.commandBeganAtByte = this.consumedBytes
      this.consumedBytes += this.#decoder.lastBytes.length
    }
    return words
  }

  /** Gives the reply of the command at hand, unless the client wants none. */
  reply(text: string): void {
    if (this.replyMode === 'on') this.#output += text
    else if (this.replyMode === 'skip') this.replyMode = 'on'
  }

  /** Sends something that is not the reply to a command. */
  push(text: string): void {
    this.#output += text
  }

  flush(): void {
    if (this.#output === '') return
    // What a stopped process has executed is answered when it goes on, or never.
    if (this.server.isStopped) {
      this.server.run(this)
      return
    }
    const bytes = Buffer.from(this.#output, 'latin1')
    this.#output = ''
    const atMs = Math.max(this.#lastFlushMs, this.server.busyUntilMs, this.server.nowMs + this.server.replyDelayMs)
    this.#lastFlushMs = atMs
    this.server.clock.after(atMs - this.server.nowMs, () => this.#write(bytes))
  }

  /** Back to what a fresh connection is, as RESET does. */
  reset(): void {
    this.leaveTransaction()
    this.channels.clear()
    this.db = 0
    this.user = 'default'
    this.isAuthenticated = this.server.isOpenToAll
    this.protocol = 2
    this.name = ''
    this.replyMode = 'on'
  }

  leaveTransaction(): void {
    this.queue = undefined
    this.isDirty = false
    this.watched.clear()
  }

  /** Runs one command that nothing refuses; replies go out in order. */
  call(command: ModelCommand, words: readonly string[]): string | undefined {
    return command.run(this, words)
  }

  #write(bytes: Buffer): void {
    if (this.isGarbled) this.stream.write(GARBAGE)
    this.isGarbled = false
    if (bytes.length < this.bytesUntilCut) {
      this.bytesUntilCut -= bytes.length
      this.stream.write(bytes)
      return
    }
    this.stream.write(bytes.subarray(0, this.bytesUntilCut))
    this.server.cut(this)
  }

  #execute(words: string[]): void {
    const name = words[0]!.toLowerCase()
    const command = this.server.commands.get(name)
    const refusal = this.#refusal(name, command, words)
    this.server.tell(this, words, refusal)
    if (refusal !== undefined) {
      if (name === 'exec') {
        this.leaveTransaction()
        this.reply(encode.error(`EXECABORT Transaction discarded because of: ${refusal}`))
        return
      }
      if (this.queue !== undefined) this.isDirty = true
      this.reply(encode.error(refusal))
      return
    }
    if (this.queue !== undefined && !NOT_QUEUED.has(name)) {
      this.queue.push(words)
      this.reply(encode.status('QUEUED'))
      return
    }
    const reply = this.call(command!, words)
    if (reply !== undefined) this.reply(reply)
    this.server.afterCommand(this)
  }

  /** The server's own refusals, in the order in which Redis judges. */
  #refusal(name: string, command: ModelCommand | undefined, words: readonly string[]): string | undefined {
    if (command === undefined) return `ERR unknown command '${words[0]}', with args beginning with: `
    if (words.length < command.leastWords) return `ERR wrong number of arguments for '${name}' command`
    if (!this.isAuthenticated && name !== 'auth' && name !== 'hello' && name !== 'reset' && name !== 'quit') {
      return 'NOAUTH Authentication required.'
    }
    if (this.server.denied.has(name)) {
      return `NOPERM User ${this.user} has no permissions to run the '${name}' command`
    }
    const queued =
      name === 'exec' ? (this.queue ?? []).map(([first]) => this.server.commands.get(first!.toLowerCase())!) : []
    const writes = command.isWrite && !command.isAllowedOnReplica
    if (this.server.refusesWrites && (writes || queued.some((each) => each.isWrite && !each.isAllowedOnReplica))) {
      return READONLY
    }
    if (this.channels.size > 0 && this.protocol === 2 && !IN_SUBSCRIBED_MODE.has(name)) {
      return `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
    }
    const isShy = !command.isAlwaysAllowed || queued.some((each) => !each.isAlwaysAllowed)
    if (isShy && this.server.refusal === 'MASTERDOWN') return MASTERDOWN
    if (isShy && this.server.refusal === 'LOADING') return LOADING
    return undefined
  }
}
