// A small model Redis: one thread that executes what arrives, and that can be restarted, stopped, demoted, cut off and made to lie.
import type { Address, Listener, Runtime } from '../../src/runtime/runtime.ts'
import { Journal } from './journal.ts'
import { BlockedClients } from './model-blocked.ts'
import type { ModelCommand } from './model-command.ts'
import { DATA_COMMANDS } from './model-commands.ts'
import { ModelConnection } from './model-connection.ts'
import { ModelReplication } from './model-replication.ts'
import { SESSION_COMMANDS } from './model-session-commands.ts'
import { type Change, ModelStore } from './model-store.ts'
import { encode } from './resp-codec.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { addressKey } from './virtual-network.ts'
import type { VirtualStream } from './virtual-stream.ts'
import type { World } from './world.ts'

export class ModelRedis {
  /** Its first address: it keeps it when it moves. */
  readonly name: string
  readonly store = new ModelStore()
  readonly journal: Journal
  readonly replication: ModelReplication
  readonly blocked = new BlockedClients(this)
  readonly clock: VirtualClock
  readonly commands: ReadonlyMap<string, ModelCommand> = new Map(
    Object.entries({ ...DATA_COMMANDS, ...SESSION_COMMANDS }),
  )
  /** By name; an empty password lets everybody in. */
  readonly users = new Map([
    ['default', ''],
    ['alice', 'alice-secret'],
    ['bob', 'bob-secret'],
  ])
  /** Commands that no user may send. */
  readonly denied = new Set<string>()
  readonly connections = new Set<ModelConnection>()
  role: 'master' | 'replica' = 'master'
  /** Refuses writes though it says it is master. */
  isLying = false
  refusal: 'LOADING' | 'MASTERDOWN' | undefined
  replyDelayMs = 0
  /** Closes connections that were silent for so long, 0 = never. */
  idleTimeoutMs = 0
  /** Accepts connections and closes them before a word is said, as a load balancer without servers does. */
  closesAtOnce = false
  maxConnections = Number.POSITIVE_INFINITY
  isStopped = false
  busyUntilMs = 0
  /** Hears for how long a script will keep the server from answering. */
  onBusy: (ms: number) => void = () => {}
  readonly #world: World
  readonly #runtime: Runtime
  /** Where it listens from its next start on. */
  address: Address
  #listener: Listener | undefined
  #isStarting = false
  #nextId = 1
  /** Why the proxy may send it nothing new; '' while it may. */
  #fencedBy = ''
  readonly #waiting = new Set<ModelConnection>()
  #hooks: { commandsLeft: number; run: () => void }[] = []

  constructor(world: World, runtime: Runtime, address: Address, journal = new Journal()) {
    this.journal = journal
    this.#world = world
    this.#runtime = runtime
    this.address = address
    this.name = addressKey(address)
    this.clock = world.clock
    this.replication = new ModelReplication(this, world.random.fork())
    journal.servers.push(this)
  }

  get nowMs(): number {
    return this.clock.nowMs
  }

  get isOpenToAll(): boolean {
    return this.users.get('default') === ''
  }

  get refusesWrites(): boolean {
    return this.role === 'replica' || this.isLying
  }

  get isMaster(): boolean {
    return this.role === 'master'
  }

  /** Clients may find it as a master. */
  get isActingMaster(): boolean {
    return this.isMaster && this.isUp && !this.isStopped
  }

  has(token: string): boolean {
    return this.store.has(token)
  }

  get isUp(): boolean {
    return this.#listener !== undefined
  }

  /** Listens, unless it does already. */
  async start(): Promise<void> {
    if (this.isUp || this.#isStarting) return
    this.#isStarting = true
    this.#listener = await this.#runtime.listen(this.address, (stream) => {
      const connection = new ModelConnection(this, stream, this.#nextId++)
      this.connections.add(connection)
      if (this.#fencedBy !== '') connection.fencedAtByte = 0
      if (this.closesAtOnce) this.clock.after(0, () => this.drop(connection, this.#world.random.chance(0.5)))
      else if (this.connections.size > this.maxConnections) {
        connection.push(encode.error('ERR max number of clients reached'))
        connection.flush()
        this.clock.after(this.replyDelayMs, () => this.drop(connection, false))
      }
      return connection
    })
    this.#isStarting = false
    if (this.idleTimeoutMs > 0) this.#closeIdle()
    this.replication.restarted()
    this.#becomesMaster()
  }

  /** Ends the process: every connection breaks, and nothing listens. */
  kill(): void {
    this.#listener?.close()
    this.#listener = undefined
    for (const connection of [...this.connections]) this.drop(connection, true)
    this.isStopped = false
    this.busyUntilMs = 0
    this.store.scripts.clear()
    this.replication.breakLinks()
  }

  loseData(): void {
    this.store.clear()
    this.replication.clear()
  }

  /** SIGSTOP: the kernel still accepts connections and bytes. */
  stop(): void {
    this.isStopped = true
  }

  continue(): void {
    this.isStopped = false
    this.#becomesMaster()
    this.#runWaiting()
  }

  keepBusy(ms: number): void {
    this.busyUntilMs = this.nowMs + ms
    this.onBusy(ms)
    this.clock.after(ms, () => this.#runWaiting())
  }

  /** Becomes a replica: who waits in a blocking command is sent away. @param master undefined: one that cannot be reached. */
  demote(master?: ModelRedis): void {
    this.role = 'replica'
    this.replication.follow(master)
    this.blocked.sendAway()
  }

  promote(): void {
    if (this.isMaster) return
    this.role = 'master'
    this.replication.promote()
    this.#becomesMaster()
  }

  applyFromMaster(changes: readonly Change[]): void {
    for (const change of changes) {
      this.store.apply(change)
      if (change.kind === 'execution') this.journal.reachedReplica(change.execution.token)
      if (change.kind === 'message') this.publish(change.channel, change.message)
    }
  }

  /** Closes one connection. @param isBroken with a reset, instead of behind what was written. */
  drop(connection: ModelConnection, isBroken: boolean): void {
    connection.isClosed = true
    this.forget(connection)
    if (isBroken) (connection.stream as VirtualStream).reset()
    else connection.stream.destroy()
  }

  /** The fault "close at any byte" has come to its byte. */
  cut(connection: ModelConnection): void {
    this.#world.trace(() => `${this.name} cuts connection ${connection.id} in the middle of a reply`)
    this.drop(connection, this.#world.random.chance(0.5))
  }

  forget(connection: ModelConnection): void {
    this.connections.delete(connection)
    this.#waiting.delete(connection)
    this.blocked.forget(connection)
  }

  /** Runs something in front of the n-th command from now, in the middle of a pipeline if there is one. */
  beforeNextCommands(count: number, run: () => void): void {
    this.#hooks.push({ commandsLeft: count, run })
  }

  /** Whatever was to run in front of a command does not any more. */
  forgetHooks(): void {
    this.#hooks = []
  }

  beforeCommand(): void {
    if (this.#hooks.length === 0) return
    const due = this.#hooks.filter((hook) => --hook.commandsLeft <= 0)
    this.#hooks = this.#hooks.filter((hook) => !due.includes(hook))
    for (const hook of due) hook.run()
  }

  mayRun(): boolean {
    return this.isUp && !this.isStopped && this.nowMs >= this.busyUntilMs
  }

  run(connection: ModelConnection): void {
    if (this.mayRun()) connection.process()
    // A server that was stopped in the middle of this connection's pipeline goes on with it later.
    if (!this.mayRun() && !connection.isClosed) this.#waiting.add(connection)
  }

  tell(connection: ModelConnection, words: readonly string[], refusal: string | undefined): void {
    this.#world.trace(() => {
      const text = words.map((word) => (word.length > 40 ? `${word.slice(0, 40)}…` : word)).join(' ')
      return `${this.name}[${connection.id}] ${refusal === undefined ? 'executes' : 'refuses'} ${text}`
    })
  }

  afterCommand(connection: ModelConnection): void {
    this.propagate(connection)
    this.blocked.serve()
  }

  /** What a command changed goes to the replicas in one piece. */
  propagate(connection: ModelConnection): void {
    const { changes } = this.store
    if (changes.length === 0) return
    this.store.changes = []
    // What a replica changes all by itself, as PUBLISH does, goes nowhere.
    if (!this.isMaster) return
    this.replication.append(changes)
    connection.lastWriteOffset = this.replication.offset
  }

  /** The proxy knows. @param isPrimary whether this server may get anything new from now on. @param why it may not. */
  fence(isPrimary: boolean, why: string): void {
    this.#fencedBy = isPrimary ? '' : why
    for (const connection of this.connections) {
      const { peer } = connection.stream as VirtualStream
      connection.fencedAtByte = Math.min(
        connection.fencedAtByte,
        isPrimary ? Number.POSITIVE_INFINITY : peer!.out.writtenBytes,
      )
    }
  }

  tellFenceBroken(token: string): void {
    this.#world.violation(`${this.name} was sent the write ${token} after ${this.#fencedBy}`)
  }

  #becomesMaster(): void {
    if (this.isActingMaster) this.journal.forsakeWhatLacks(this)
  }

  publish(channel: string, message: string): number {
    let count = 0
    for (const connection of this.connections) {
      if (!connection.channels.has(channel)) continue
      count++
      const items = ['message', channel, message].map(encode.bulk)
      connection.push(encode.push(items, connection.protocol))
      this.clock.after(0, () => connection.flush())
    }
    return count
  }

  #runWaiting(): void {
    if (!this.mayRun()) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const connection of waiting) this.run(connection)
  }

  /** Redis looks for idle clients about once a second; subscribers and those who wait are spared. */
  #closeIdle(): void {
    const listener = this.#listener
    this.clock.after(1000, () => {
      if (listener === undefined || this.#listener !== listener) return
      // A process that is stopped or busy sees its timers only after what has arrived meanwhile.
      for (const connection of this.mayRun() ? [...this.connections] : []) {
        const isIdle = this.nowMs - connection.lastHeardMs > this.idleTimeoutMs
        if (isIdle && connection.unblock === undefined && connection.channels.size === 0) this.drop(connection, false)
      }
      this.#closeIdle()
    })
  }
}
