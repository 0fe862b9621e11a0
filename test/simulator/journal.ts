// What all servers of a world ever executed for clients, and what Redis itself lost of it: the truth the clients' book is held against.

/** One executed write that carried a token. */
export interface Execution {
  readonly token: string
  readonly command: string
  readonly db: number
  readonly user: string
  /** The number of the transaction it ran in, 0 for none. */
  readonly block: number
  readonly atMs: number
  /** What its key held before, for compare-and-set checks. */
  readonly previous: string
  /** The server that executed it for a client; others have it by replication. */
  readonly server: string
}

/** A server, as far as the journal must know it. */
interface Master {
  readonly name: string
  readonly isMaster: boolean
  /** Clients may find it as a master. */
  readonly isActingMaster: boolean
  has(token: string): boolean
}

export class Journal {
  readonly executions: Execution[] = []
  /** Every message that was published, with its channel. */
  readonly published: { readonly channel: string; readonly token: string; readonly atMs: number }[] = []
  readonly servers: Master[] = []
  readonly #byToken = new Map<string, Execution[]>()
  /** Writes that some master has lacked since they were executed, or that only a replica ran, as it does PUBLISH: reads may miss them, and in the end they may be gone. */
  readonly #forsaken = new Set<string>()
  /** Writes that have reached a replica, whatever became of it. */
  readonly #replicated = new Set<string>()
  #blocks = 0

  /** Numbers transactions over all servers. */
  nextBlock(): number {
    return ++this.#blocks
  }

  /** A server executed a write that a client sent. */
  record(execution: Execution): void {
    const { token, server } = execution
    this.executions.push(execution)
    const all = this.#byToken.get(token)
    if (all === undefined) this.#byToken.set(token, [execution])
    else all.push(execution)
    const isLocal = this.servers.some(({ name, isMaster }) => name === server && !isMaster)
    const hasRival = this.servers.some((other) => other.isActingMaster && other.name !== server)
    if (isLocal || hasRival) this.#forsaken.add(token)
  }

  /** A server begins to be master, or its data was replaced: what it lacks, Redis has lost as long as it stays so. */
  forsakeWhatLacks(server: Master): void {
    for (const { token } of this.executions) if (!server.has(token)) this.#forsaken.add(token)
  }

  reachedReplica(token: string): void {
    this.#replicated.add(token)
  }

  isForsaken(token: string): boolean {
    return this.#forsaken.has(token)
  }

  /** A replica has it or once had it, or Redis has lost it. */
  isReplicated(token: string): boolean {
    const [execution] = this.executionsOf(token)
    if (execution === undefined || this.isForsaken(token)) return true
    return this.#replicated.has(token)
  }

  executionsOf(token: string): readonly Execution[] {
    return this.#byToken.get(token) ?? []
  }

  /** Every token that was ever executed. */
  executedTokens(): IterableIterator<string> {
    return this.#byToken.keys()
  }
}
