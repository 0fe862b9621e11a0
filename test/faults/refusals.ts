// A judge for the fault link that refuses as a real server does: a replica writes, a loading server nearly everything, both inside MULTI too.

import type { Judge, LinkConnection, Verdict } from '../support/link-connection.ts'
import { encodeCommand } from '../support/raw-client.ts'

export type RefusalKind = 'READONLY' | 'LOADING' | 'MASTERDOWN'

const texts: Readonly<Record<RefusalKind, string>> = {
  READONLY: "READONLY You can't write against a read only replica.",
  LOADING: 'LOADING Redis is loading the dataset in memory',
  MASTERDOWN: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
}

/** The writes among the commands of these tests. */
const writes = new Set('set append incr del rpush lpush lpop blpop'.split(' '))
/** What a server answers whatever state it is in. PING is not among them. */
const alwaysAllowed = new Set(
  'hello auth select client multi exec discard watch unwatch reset subscribe command role info acl echo publish'.split(
    ' ',
  ),
)
/** Leave or control a transaction instead of being queued in it. */
const notQueued = new Set('multi exec discard watch reset'.split(' '))

interface TransactionState {
  isOpen: boolean
  isDirty: boolean
  /** Names of the commands that the server has queued. */
  queued: string[]
}

/** Refuses while {@link kind} is set; the windows may begin and end between any two commands. */
export class Refuser {
  kind: RefusalKind | undefined
  /** Refused so far, to tell that a window met anything at all. */
  count = 0
  /** The kind takes effect after so many more commands, and ends after so many. */
  #plan: { kind: RefusalKind; afterCommands: number; commands: number } | undefined

  readonly judge: Judge = (words, connection) => {
    this.#advance()
    const verdict = this.#judge(words[0]!.toLowerCase(), connection)
    if (verdict !== undefined) this.count++
    return verdict
  }

  /** Refuses `commands` commands, the first of them behind `afterCommands` from now. */
  plan(kind: RefusalKind, afterCommands: number, commands: number): void {
    this.#plan = { kind, afterCommands, commands }
  }

  stop(): void {
    this.#plan = undefined
    this.kind = undefined
  }

  #advance(): void {
    const plan = this.#plan
    if (plan === undefined) return
    if (plan.afterCommands > 0) {
      plan.afterCommands--
      return
    }
    this.kind = plan.commands > 0 ? plan.kind : undefined
    plan.commands--
    if (this.kind === undefined) this.#plan = undefined
  }

  #judge(name: string, connection: LinkConnection): Verdict | undefined {
    const transaction = transactionOf(connection)
    if (name === 'exec' && transaction.isOpen) return this.#judgeExec(transaction)
    if (name === 'discard' || name === 'reset')
      Object.assign(transaction, { isOpen: false, isDirty: false, queued: [] })
    const { kind } = this
    if (kind !== undefined && isRefused(kind, name)) {
      transaction.isDirty = transaction.isOpen
      return { reply: `-${texts[kind]}\r\n` }
    }
    if (name === 'multi') Object.assign(transaction, { isOpen: true, isDirty: false, queued: [] })
    else if (transaction.isOpen && !notQueued.has(name)) transaction.queued.push(name)
    return undefined
  }

  /** The server has not seen what was refused, so the link ends its transaction and says what the server would have. */
  #judgeExec(transaction: TransactionState): Verdict | undefined {
    const { queued, isDirty } = transaction
    Object.assign(transaction, { isOpen: false, isDirty: false, queued: [] })
    const { kind } = this
    const instead = encodeCommand(['DISCARD'])
    if (kind !== undefined && queued.some((name) => isRefused(kind, name))) {
      return { reply: `-EXECABORT Transaction discarded because of: ${texts[kind]}\r\n`, instead }
    }
    if (!isDirty) return undefined
    return { reply: '-EXECABORT Transaction discarded because of previous errors.\r\n', instead }
  }
}

function isRefused(kind: RefusalKind, name: string): boolean {
  return kind === 'READONLY' ? writes.has(name) : !alwaysAllowed.has(name)
}

function transactionOf(connection: LinkConnection): TransactionState {
  const known = connection.memory.get('transaction') as TransactionState | undefined
  const transaction = known ?? { isOpen: false, isDirty: false, queued: [] }
  connection.memory.set('transaction', transaction)
  return transaction
}
