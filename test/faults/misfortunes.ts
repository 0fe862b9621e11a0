// What befalls a server and the link to it while a crowd is at work, one misfortune after another, by seed.

import { setTimeout as delay } from 'node:timers/promises'
import { type Random, seededRandom } from '../simulator/random.ts'
import type { FaultLink } from '../support/fault-link.ts'
import type { Ending } from '../support/link-connection.ts'
import { connect } from '../support/raw-client.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { users } from './session-roles.ts'

const endings: readonly Ending[] = ['reset', 'end']
/** Longest delay of a reply in ms: without one, hardly any command is in flight when a connection dies. */
const longestDelayMs = 8
/** Longest quiet time between two, in ms: enough for most connections to be made again. */
const longestPauseMs = 400

export class Misfortunes {
  /** Names of those that happened, for the report of a failure. */
  readonly happened: string[] = []
  readonly #server: RedisServer
  readonly #link: FaultLink
  readonly #random: Random
  readonly #end: Promise<void>
  #isEnding = false

  constructor(server: RedisServer, link: FaultLink, seed: number) {
    this.#server = server
    this.#link = link
    this.#random = seededRandom(seed)
    this.#end = this.#goOn()
  }

  /** The last one passes; from then on all is well. */
  async end(): Promise<void> {
    this.#isEnding = true
    await this.#end
  }

  async #goOn(): Promise<void> {
    const random = this.#random
    const all = [
      this.#killServer,
      this.#cutAll,
      this.#cutSome,
      this.#cutSome,
      this.#killClients,
      this.#killClients,
      this.#stall,
    ]
    while (!this.#isEnding) {
      this.#link.delay = { leastMs: 1, mostMs: random.between(1, longestDelayMs) }
      this.#link.mostRunBytes = random.pick([Number.POSITIVE_INFINITY, 20_000, 2000])
      await delay(random.between(50, longestPauseMs))
      const befall = random.pick(all)
      this.happened.push(befall.name)
      await befall.call(this)
    }
  }

  async #killServer(): Promise<void> {
    await this.#server.kill()
    await delay(this.#random.between(0, 300))
    await this.#server.restart()
  }

  async #cutAll(): Promise<void> {
    this.#link.cutAll(this.#random.pick(endings))
  }

  /** In the middle of a request or of a reply. */
  async #cutSome(): Promise<void> {
    const random = this.#random
    for (const connection of this.#link.connections) {
      if (random.chance(0.3)) continue
      const bytes = random.below(random.pick([10, 300, 100_000]))
      if (random.chance(0.5)) connection.cutAfterReplyBytes(bytes, random.pick(endings))
      else connection.cutAfterRequestBytes(bytes, random.pick(endings))
    }
  }

  /** The server itself closes connections. */
  async #killClients(): Promise<void> {
    const direct = await connect(this.#server.port)
    const filter = this.#random.pick([['TYPE', 'normal'], ['TYPE', 'pubsub'], ...users.map((user) => ['USER', user])])
    await direct.ask('CLIENT', 'KILL', ...filter, 'SKIPME', 'yes')
    await direct.close()
  }

  async #stall(): Promise<void> {
    this.#link.stall()
    await delay(this.#random.between(10, 300))
    this.#link.resume()
  }
}
