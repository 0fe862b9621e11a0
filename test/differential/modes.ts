// The ways in which a command can be sent: alone, in a pipeline, in a transaction, by a client that also listens.
import { type Asked, difference, Layout, succeeded, wordsOf } from './compare.ts'
import { ConnectionPair } from './connection-pair.ts'
import { exceptionsFor } from './exceptions.ts'
import type { TwinServers } from './twin-servers.ts'
import { encodeWords } from './words.ts'

export type Protocol = 2 | 3

/** How a command is sent, with all its argument lists. */
export type Mode = (exchanges: Exchanges, asked: readonly Asked[], changesConnection: boolean) => Promise<void>

/** Longer than any wait in the argument lists; only requests that are answered by nothing take so long. */
const SILENCE_MS = 60

/** What is asked behind a command that changes its connection, to see what became of it. */
const afterwards = [['GET', 'str'], ['CLIENT', 'GETNAME'], ['INCR', 'int'], ['CLIENT', 'REPLY', 'ON'], ['EXEC']]

let tokens = 0

/** Sends the same to both sides, compares, and collects what differs. */
export class Exchanges {
  readonly differences: string[] = []
  readonly succeeded = new Set<string>()
  readonly #twins: TwinServers
  readonly #protocol: Protocol
  #pair: ConnectionPair | undefined

  constructor(twins: TwinServers, protocol: Protocol) {
    this.#twins = twins
    this.#protocol = protocol
  }

  /** A fresh pair of connections. @param first requests that make them what they are to be. */
  async fresh(first: readonly (readonly string[])[] = []): Promise<void> {
    this.close()
    const { directPort, proxiedPort } = this.#twins
    this.#pair = await ConnectionPair.open(directPort, proxiedPort)
    const hello = this.#protocol === 3 ? [['HELLO', '3']] : []
    await this.#ask([...hello, ...first])
  }

  /**
   * Sends requests and compares what comes back.
   * @param requests what is sent; `asked` are those among them whose replies are judged by the list of exceptions.
   * @param steps so many of the requests are sent one at a time, what follows all at once.
   */
  async compare(
    requests: readonly (readonly string[])[],
    asked: readonly Asked[],
    layout: Layout,
    steps: number,
  ): Promise<void> {
    if (this.#pair?.isOpen !== true) await this.fresh()
    const answers = await this.#ask(requests, steps)
    const found = difference(answers, asked, layout)
    for (const name of succeeded(answers.direct, asked, layout)) this.succeeded.add(name)
    if (found === undefined) return
    const commands = asked.map(wordsOf).join('\n    ')
    this.differences.push(`${layout}${steps > 0 ? ' step by step' : ''}: ${commands}\n  ${found}`)
    this.close()
  }

  async #ask(requests: readonly (readonly string[])[], steps = 0) {
    const pair = this.#pair
    if (pair === undefined) throw new Error('no connection')
    const token = `token-${++tokens}`
    const ping = encodeWords(['PING', token])
    for (const request of requests.slice(0, steps)) {
      pair.send(encodeWords(request))
      await pair.nextAnswer(SILENCE_MS)
    }
    pair.send(Buffer.concat([...requests.slice(steps).map(encodeWords), ping]))
    return await pair.answersUntil(token)
  }

  close(): void {
    this.#pair?.close()
    this.#pair = undefined
  }
}

/** Each request waits for the reply to the one before. */
export async function alone(exchanges: Exchanges, asked: readonly Asked[], changesConnection: boolean): Promise<void> {
  for (const one of asked) {
    const { words } = one.invocation
    if (changesConnection) {
      await exchanges.fresh()
      await exchanges.compare([words, ...afterwards], [one], Layout.Single, 1)
    } else await exchanges.compare([words], [one], Layout.Single, 1)
  }
}

/** All at once, without a wait in between. */
export async function pipelined(
  exchanges: Exchanges,
  asked: readonly Asked[],
  changesConnection: boolean,
): Promise<void> {
  if (!changesConnection) {
    await exchanges.compare(
      asked.map((one) => one.invocation.words),
      asked,
      Layout.Pipeline,
      0,
    )
    return
  }
  for (const one of asked) {
    await exchanges.fresh()
    await exchanges.compare([['SET', 'int', '7'], one.invocation.words, ...afterwards], [one], Layout.Second, 0)
  }
}

/** Between MULTI and EXEC: what is well-formed together, and once with an error that aborts it. */
function inTransaction(isStepwise: boolean): Mode {
  return async (exchanges, asked, changesConnection) => {
    if (changesConnection) {
      for (const one of asked) {
        await exchanges.fresh()
        const requests = [['MULTI'], one.invocation.words, ['EXEC'], ...afterwards]
        await exchanges.compare(requests, [one], Layout.Second, isStepwise ? 3 : 0)
      }
      return
    }
    const wellFormed = asked.filter((one) => one.invocation.isWellFormed)
    const rest = asked.filter((one) => !one.invocation.isWellFormed)
    for (const block of [wellFormed, [...wellFormed.slice(0, 1), ...rest]]) {
      const requests = [['MULTI'], ...block.map((one) => one.invocation.words), ['EXEC']]
      await exchanges.compare(requests, block, Layout.Block, isStepwise ? requests.length : 0)
    }
  }
}

export const wholeTransaction: Mode = inTransaction(false)
export const steppedTransaction: Mode = inTransaction(true)

/**
 * As `pipelined`, by a client that tracks keys and hears messages. RESP3 only. Not of changes in the keyspace: Redis 7.0 writes
 * those of a client's own commands into the middle of their replies, which no client can read.
 */
export async function listening(
  exchanges: Exchanges,
  asked: readonly Asked[],
  changesConnection: boolean,
): Promise<void> {
  if (changesConnection) return
  await exchanges.fresh([
    ['CLIENT', 'TRACKING', 'ON'],
    ['PSUBSCRIBE', 'n*'],
    ['SUBSCRIBE', 'news'],
  ])
  await exchanges.compare(
    asked.map((one) => one.invocation.words),
    asked,
    Layout.Pipeline,
    0,
  )
  exchanges.close()
}

/** True when the servers may hold different data after it. */
export function leavesOtherData(asked: readonly Asked[]): boolean {
  return asked.some(({ name, invocation }) =>
    exceptionsFor(name, invocation.words).some((exception) => exception.leavesOtherData === true),
  )
}
