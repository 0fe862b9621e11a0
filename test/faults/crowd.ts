// Two hundred clients of one proxy: what any of them has to complain about, and what the server says against their books.

import { seededRandom } from '../simulator/random.ts'
import type { Reply } from '../simulator/resp-codec.ts'
import type { RawClient } from '../support/raw-client.ts'
import { waitUntil } from '../support/wait-until.ts'
import type { Crowd, Round } from './conversation.ts'
import { Member } from './member.ts'
import { type Role, roles } from './roles.ts'
import { passwordOf, users } from './session-roles.ts'

export type CrowdOptions = {
  /** Of the proxy. */
  readonly port: number
  readonly seed: number
  readonly isStrict?: boolean
  readonly roles?: readonly (readonly [Role, number])[]
}

/** What a server needs for the crowd: its users, and a log that keeps all it has acknowledged when it is killed. */
export const crowdServerArguments = [
  ...users.flatMap((user) => ['--user', user, 'on', `>${passwordOf(user)}`, '~*', '&*', '+@all']),
  ...['--appendonly', 'yes', '--appendfsync', 'always'],
]

/** How long the last replies may take once no fault is left, in ms; not so long where something is wrong anyway. */
const patienceMs = { right: 20_000, wrong: 1000 }
/** One failure brings many; the first ones tell. */
const mostProblems = 20

export class RunningCrowd implements Crowd {
  readonly port: number
  readonly isStrict: boolean
  readonly problems: string[] = []
  readonly rounds = new Set<Round>()
  isEnding = false
  /** How many errors were told, by their first word and whether a script failed of it. */
  readonly errors = new Map<string, number>()
  longestReplyMs = 0
  /** When the last request was sent that nobody knows the fate of, in ms of `performance.now()`. */
  lastUncertainSentAt = Number.NEGATIVE_INFINITY
  replies = 0
  readonly #members: Member[] = []
  readonly #ends: Promise<void>[] = []
  readonly #working = new Set<string>()

  constructor({ port, seed, isStrict = false, roles: cast = roles }: CrowdOptions) {
    this.port = port
    this.isStrict = isStrict
    const random = seededRandom(seed)
    for (const [role, count] of cast) {
      for (let left = count; left > 0; left--) {
        const member = new Member(this, this.#members.length + 1, random.fork())
        this.#members.push(member)
        this.#ends.push(this.#perform(role, member))
      }
    }
  }

  complain(problem: string): void {
    if (this.problems.length < mostProblems) this.problems.push(problem)
  }

  answered(reply: Reply, tookMs: number): void {
    this.replies++
    this.longestReplyMs = Math.max(this.longestReplyMs, tookMs)
    if (reply.kind !== 'error') return
    const [word = ''] = reply.text.split(' ')
    if (word === 'UNCERTAIN') this.lastUncertainSentAt = Math.max(this.lastUncertainSentAt, performance.now() - tookMs)
    // Servers name the script that failed behind the error.
    const kind = reply.text.includes(' script: ') ? `${word} in a script` : word
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1)
  }

  /** Replies that told of a loss: without them nothing was tested. */
  get uncertain(): number {
    return this.errors.get('UNCERTAIN') ?? 0
  }

  /** Waits until all that was sent before is answered, or something is wrong. */
  async caughtUp(timeoutMs: number): Promise<void> {
    const now = performance.now()
    const isDone = () => this.problems.length > 0 || ![...this.rounds].some(({ sentAt }) => sentAt <= now)
    await waitUntil(isDone, { what: 'all clients are answered', timeoutMs })
  }

  /** Lets every client finish its round. */
  async end(): Promise<void> {
    this.isEnding = true
    let timer: NodeJS.Timeout | undefined
    const isRight = this.problems.length === 0
    const overdue = new Promise<void>((resolve) => {
      timer = setTimeout(
        () => {
          if (isRight) this.complain(`still waiting for a reply: ${[...this.#working].join(', ')}`)
          resolve()
        },
        patienceMs[isRight ? 'right' : 'wrong'],
      )
    })
    await Promise.race([Promise.all(this.#ends), overdue])
    clearTimeout(timer)
  }

  /** Compares every book with what the server has. @param server a connection past the proxy. */
  async audit(server: RawClient): Promise<void> {
    for (const member of this.#members) {
      for (const problem of await member.audit(server)) this.complain(problem)
    }
  }

  async #perform(role: Role, member: Member): Promise<void> {
    const name = `${role.name} ${member.owner}`
    this.#working.add(name)
    try {
      await role(member)
    } catch (error) {
      this.complain(`${name} broke: ${error instanceof Error ? error.stack : error}`)
    }
    this.#working.delete(name)
  }
}
