// Clients of a model Redis whose command waits: for an element of a list, or for replicas.
import { popFirst } from './model-commands.ts'
import type { ModelConnection } from './model-connection.ts'
import type { ModelRedis } from './model-redis.ts'
import { encode } from './resp-codec.ts'

/** While a client waits, replicas are asked so often how far they are. */
const ACKNOWLEDGE_MS = 5
const UNBLOCKED = 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'

interface Blocked {
  readonly connection: ModelConnection
  readonly db: number
  readonly keys: readonly string[]
}

export class BlockedClients {
  readonly #server: ModelRedis
  #blocked: Blocked[] = []

  constructor(server: ModelRedis) {
    this.#server = server
  }

  /** The server is no master any more. */
  sendAway(): void {
    for (const { connection } of this.#blocked.splice(0)) connection.unblock?.(encode.error(UNBLOCKED))
  }

  /** CLIENT UNBLOCK … ERROR. @returns false when the connection with this number does not wait. */
  giveBack(id: string): boolean {
    const found = this.#blocked.find(({ connection }) => String(connection.id) === id)
    if (found === undefined) return false
    this.forget(found.connection)
    found.connection.unblock?.(encode.error('UNBLOCKED client unblocked via CLIENT UNBLOCK'))
    return true
  }

  forget(connection: ModelConnection): void {
    this.#blocked = this.#blocked.filter((each) => each.connection !== connection)
  }

  /** Something was written: who waited for it has it. */
  serve(): void {
    for (const blocked of [...this.#blocked]) this.#tryServe(blocked)
  }

  /** Waits for an element of one of these lists. */
  add(connection: ModelConnection, keys: readonly string[], timeoutMs: number): void {
    const blocked = { connection, db: connection.db, keys }
    this.#blocked.push(blocked)
    this.#suspend(connection, timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs, () => {
      this.#blocked = this.#blocked.filter((each) => each !== blocked)
      return encode.nullArray(connection.protocol)
    })
  }

  /** WAIT: answers once so many replicas have what this connection wrote, or when the time is over. */
  awaitReplicas(connection: ModelConnection, wanted: number, timeoutMs: number): void {
    const count = () => {
      return this.#server.replication.replicas.filter(
        ({ replication }) => replication.offset >= connection.lastWriteOffset,
      ).length
    }
    const endMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.#server.nowMs + timeoutMs
    if (count() >= wanted || connection.block > 0) {
      connection.reply(encode.integer(count()))
      return
    }
    this.#suspend(connection, Number.POSITIVE_INFINITY, () => '')
    const { unblock } = connection
    const look = (): void => {
      if (connection.isClosed || connection.unblock !== unblock) return
      if (this.#server.mayRun() && (count() >= wanted || this.#server.nowMs >= endMs))
        unblock?.(encode.integer(count()))
      else this.#server.clock.after(Math.min(ACKNOWLEDGE_MS, Math.max(1, endMs - this.#server.nowMs)), look)
    }
    this.#server.clock.after(Math.min(ACKNOWLEDGE_MS, timeoutMs || ACKNOWLEDGE_MS), look)
  }

  /** A command waits: what follows on its connection waits with it. */
  #suspend(connection: ModelConnection, timeoutMs: number, timedOut: () => string): void {
    let isOver = false
    connection.unblock = (reply) => {
      if (isOver) return
      isOver = true
      connection.unblock = undefined
      connection.reply(reply)
      connection.flush()
      this.#server.clock.after(0, () => this.#server.run(connection))
    }
    const { unblock } = connection
    if (Number.isFinite(timeoutMs))
      this.#server.clock.after(timeoutMs, () => this.#expire(connection, unblock, timedOut))
  }

  #expire(connection: ModelConnection, unblock: (reply: string) => void, timedOut: () => string): void {
    if (connection.isClosed || connection.unblock !== unblock) return
    // A stopped server does not see its timers.
    if (this.#server.mayRun()) unblock(timedOut())
    else this.#server.clock.after(10, () => this.#expire(connection, unblock, timedOut))
  }

  #tryServe(blocked: Blocked): void {
    const { connection, db, keys } = blocked
    for (const key of keys) {
      const element = popFirst(connection, db, key)
      if (element === undefined) continue
      this.#blocked = this.#blocked.filter((each) => each !== blocked)
      this.#server.propagate(connection)
      connection.unblock?.(encode.array([encode.bulk(key), encode.bulk(element)]))
      return
    }
  }
}
