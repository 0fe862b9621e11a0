// The clients' book of writes: what each token was told, to be compared in the end with what a server executed.
import type { Journal } from './journal.ts'
import type { ModelStore } from './model-store.ts'

/** What the client knows about a write of its own. */
export type Fate =
  /** Not answered yet, or never: it ran once or not at all. */
  | 'open'
  /** Answered with +QUEUED: EXEC decides. */
  | 'queued'
  | 'acknowledged'
  /** Answered by an error that proves that it did not run. */
  | 'refused'
  /** Answered with -UNCERTAIN. */
  | 'uncertain'

export interface Write {
  readonly token: string
  readonly description: string
  /** Where it must have run; undefined when the client cannot know any more. */
  db: number | undefined
  user: string | undefined
  fate: Fate
  /** Runs in one piece with every other write of the same object, unless its MULTI was refused. */
  readonly block: Block | undefined
  /** What its key must have held when it ran, for compare-and-set. */
  readonly previous: string | undefined
}

export interface Block {
  isOpened: boolean
}

export class Ledger {
  readonly #writes = new Map<string, Write>()

  add(write: Write): Write {
    this.#writes.set(write.token, write)
    return write
  }

  count(fate: Fate): number {
    let count = 0
    for (const write of this.#writes.values()) if (write.fate === fate) count++
    return count
  }

  /** Acknowledged writes that a server has executed and the primary lacks in the end. */
  lost(journal: Journal, primary: ModelStore): Write[] {
    return [...this.#writes.values()].filter(({ fate, token }) => {
      return fate === 'acknowledged' && journal.executionsOf(token).length > 0 && !primary.has(token)
    })
  }

  /** Compares with what the servers executed, and what each is made of. @returns every contradiction, in words. */
  check(journal: Journal, stores: readonly ModelStore[], primary: ModelStore): string[] {
    const problems: string[] = []
    for (const write of this.#writes.values()) problems.push(...this.#checkWrite(write, journal))
    for (const token of journal.executedTokens()) {
      if (!this.#writes.has(token)) problems.push(`a server executed ${token}, which no client sent as a write`)
    }
    for (const store of stores) problems.push(...store.contradictions())
    problems.push(...this.#checkBlocks(journal))
    for (const { token, description } of this.lost(journal, primary)) {
      if (!journal.isForsaken(token)) problems.push(`${token} (${description}) is lost, and no server dropped it`)
    }
    return problems
  }

  #checkWrite(write: Write, journal: Journal): string[] {
    const executions = journal.executionsOf(write.token)
    const [first] = executions
    const what = `${write.token} (${write.description}, ${write.fate})`
    if (executions.length > 1) {
      const times = executions.map(({ atMs, server }) => `${atMs.toFixed(3)} ms on ${server}`)
      return [`${what} was executed ${executions.length} times, at ${times.join(' and ')}`]
    }
    if (first === undefined) return write.fate === 'acknowledged' ? [`${what} was never executed`] : []
    const problems: string[] = []
    if (write.fate === 'refused') problems.push(`${what} was executed at ${first.atMs.toFixed(3)} ms all the same`)
    if (write.db !== undefined && first.db !== write.db) {
      problems.push(`${what} ran in database ${first.db} in place of ${write.db}`)
    }
    if (write.user !== undefined && first.user !== write.user) {
      problems.push(`${what} ran as user ${first.user} in place of ${write.user}`)
    }
    if (write.previous !== undefined && first.previous !== write.previous) {
      problems.push(`${what} replaced ${first.previous}, though its client had seen ${write.previous}: WATCH was lost`)
    }
    return problems
  }

  /** A block runs in one piece: all of it in the same transaction of the server, or none. */
  #checkBlocks(journal: Journal): string[] {
    const blocks = new Map<Block, Write[]>()
    for (const write of this.#writes.values()) {
      if (write.block?.isOpened !== true) continue
      const writes = blocks.get(write.block)
      if (writes === undefined) blocks.set(write.block, [write])
      else writes.push(write)
    }
    const problems: string[] = []
    for (const writes of blocks.values()) {
      const numbers = writes.map(({ token }) => journal.executionsOf(token)[0]?.block)
      if (new Set(numbers).size > 1 || numbers.includes(0)) {
        const list = writes.map(({ token }, at) => `${token} in ${numbers[at] ?? 'none'}`)
        problems.push(`the writes of one block ran apart: ${list.join(', ')}`)
      }
    }
    return problems
  }
}
