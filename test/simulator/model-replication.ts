// Replication of one model Redis, as Redis does it: lines of writes with an id and an offset, partial and full synchronisation, promotion.
import type { ModelRedis } from './model-redis.ts'
import type { Change } from './model-store.ts'
import type { Random } from './random.ts'

const NO_LINE = '0'.repeat(40)
/** How soon a replica that lost its master tries again, in ms. */
const RETRY_MS = { least: 20, most: 400 }
/** Taking over all data takes so long, in ms. */
const FULL_SYNC_MS = { least: 5, most: 300 }

export class ModelReplication {
  /** `master_replid`. */
  line: string
  /** `master_replid2`, and the first offset that is no longer of that line. */
  formerLine = NO_LINE
  formerEnd = -1
  /** undefined for a master, and for a replica whose master is unknown. */
  master: ModelRedis | undefined
  isLinkUp = false
  /** No other server can be reached. */
  isCutOff = false
  /** Longest time until a write arrives here, in ms. */
  lagMs: number
  readonly #server: ModelRedis
  readonly #random: Random
  /** Everything since the line began, for replicas that come later; one entry is applied in one piece. */
  #stream: readonly (readonly Change[])[] = []
  readonly #replicas = new Set<ModelRedis>()
  #isArriving = false
  /** Grows when what was under way no longer counts. */
  #attempt = 0

  constructor(server: ModelRedis, random: Random) {
    this.#server = server
    this.#random = random
    this.line = this.#newLine()
    this.lagMs = random.pick([0.5, 3, 30])
  }

  get offset(): number {
    return this.#stream.length
  }

  /** Replicas that are connected now. */
  get replicas(): readonly ModelRedis[] {
    return [...this.#replicas]
  }

  /** Adds what a command changed to the line of writes. */
  append(changes: readonly Change[]): void {
    ;(this.#stream as (readonly Change[])[]).push(changes)
    for (const replica of this.#replicas) replica.replication.#expect()
  }

  /** The world begins with servers that have long been one line. */
  beginAs({ line }: ModelReplication): void {
    this.line = line
  }

  /** REPLICAOF host port. @param master undefined: one that cannot be reached. */
  follow(master: ModelRedis | undefined): void {
    if (this.master === master && master !== undefined) return
    this.disconnect()
    this.master = master
    this.#connect()
  }

  /** REPLICAOF NO ONE: it goes on with a line of its own. */
  promote(): void {
    this.disconnect()
    this.master = undefined
    this.#beginLine()
  }

  /** A process that comes up with its data begins a line of its own, unless it follows a master. */
  restarted(): void {
    if (this.#server.isMaster) this.#beginLine()
    else this.#connect()
  }

  /** A process that comes up without its data. */
  clear(): void {
    this.disconnect()
    this.#dropReplicas()
    this.#stream = []
    this.line = this.#newLine()
    this.formerLine = NO_LINE
    this.formerEnd = -1
  }

  /** Takes what the master has, at once: a planned failover waits for that. */
  catchUp(): void {
    if (this.isLinkUp) this.#take()
  }

  /** Loses the connection to the master; {@link follow} or a retry brings it back. */
  disconnect(): void {
    this.#attempt++
    this.isLinkUp = false
    this.#isArriving = false
    if (this.master !== undefined) this.master.replication.#replicas.delete(this.#server)
  }

  /** Every connection to other servers breaks, and is tried again. */
  breakLinks(): void {
    this.#dropReplicas()
    this.disconnect()
    this.#retry()
  }

  #connect(): void {
    const { master } = this
    const attempt = ++this.#attempt
    if (master === undefined || this.#server.isMaster || !this.#server.isUp) return
    if (!this.#canReach(master)) {
      this.#retry()
      return
    }
    if (this.#canContinue(master.replication)) {
      this.#establish(master)
      return
    }
    this.#server.clock.after(this.#random.between(FULL_SYNC_MS.least, FULL_SYNC_MS.most), () => {
      if (attempt !== this.#attempt || !this.#server.isUp) return
      if (!this.#canReach(master)) this.#retry()
      else this.#synchronise(master)
    })
  }

  /** Partial synchronisation: what is here is the beginning of what the master has. */
  #canContinue({ line, formerLine, formerEnd, offset }: ModelReplication): boolean {
    if (this.line === line) return this.offset <= offset
    return this.line === formerLine && this.offset < formerEnd
  }

  #synchronise(master: ModelRedis): void {
    const { replication } = master
    this.#dropReplicas()
    this.#server.store.copyFrom(master.store)
    for (const token of master.store.tokens()) this.#server.journal.reachedReplica(token)
    this.#stream = [...replication.#stream]
    this.line = replication.line
    this.formerLine = NO_LINE
    this.formerEnd = -1
    this.#establish(master)
  }

  #establish(master: ModelRedis): void {
    const { replication } = master
    if (this.line !== replication.line) {
      this.formerLine = this.line
      this.formerEnd = this.offset + 1
      this.line = replication.line
      this.#dropReplicas()
    }
    replication.#replicas.add(this.#server)
    this.isLinkUp = true
    this.#expect()
  }

  /** Something is on its way: it is applied, with all behind it, after the delay of the link. */
  #expect(): void {
    if (this.#isArriving) return
    this.#isArriving = true
    const attempt = this.#attempt
    this.#server.clock.after(this.#random.between(0, this.lagMs), () => {
      if (attempt !== this.#attempt) return
      this.#isArriving = false
      const { master } = this
      if (!this.#server.isUp || master === undefined || !this.isLinkUp) return
      if (this.#server.isStopped || master.isStopped || !this.#canReach(master)) {
        this.#server.clock.after(RETRY_MS.least, () => attempt === this.#attempt && this.#expect())
      } else this.#take()
    })
  }

  #take(): void {
    for (const changes of this.master!.replication.#stream.slice(this.offset)) {
      this.#server.applyFromMaster(changes)
      this.append(changes)
    }
  }

  #canReach(master: ModelRedis): boolean {
    return master.isUp && !master.isStopped && !this.isCutOff && !master.replication.isCutOff
  }

  #retry(): void {
    const attempt = this.#attempt
    this.#server.clock.after(this.#random.between(RETRY_MS.least, RETRY_MS.most), () => {
      if (attempt === this.#attempt) this.#connect()
    })
  }

  #beginLine(): void {
    this.#dropReplicas()
    this.formerLine = this.line
    this.formerEnd = this.offset + 1
    this.line = this.#newLine()
  }

  #dropReplicas(): void {
    for (const replica of this.#replicas) {
      replica.replication.disconnect()
      replica.replication.#retry()
    }
  }

  #newLine(): string {
    return Array.from({ length: 40 }, () => '0123456789abcdef'[this.#random.below(16)]).join('')
  }
}
