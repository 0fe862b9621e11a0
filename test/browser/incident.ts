// A night as the live page should show it: traffic of all kinds, a failover, slow commands, connections of one's own.
import { setTimeout as delay } from 'node:timers/promises'
import { Cluster } from '../support/cluster.ts'
import type { RawClient } from '../support/raw-client.ts'
import { availableServers } from '../support/redis-server.ts'

/** One client in so many ms. */
const PACE_MS = 20
const BUSY = `local n = 0 for i = 1, 2e6 do n = n + i end return n`

export class Incident {
  readonly cluster = new Cluster()
  #isOver = false
  readonly #traffic: Promise<void>[] = []

  async begin(): Promise<void> {
    const [kind] = availableServers()
    const settings = { RUSTEZE_ADMIN: '127.0.0.1:0', RUSTEZE_READ_FROM: 'prefer-replica', RUSTEZE_SLOW: '50ms' }
    await this.cluster.begin(kind!, 3, settings)
    for (let index = 0; index < 8; index++) this.#traffic.push(this.#run(await this.cluster.client(), index))
    const [listener, worker, block] = [await this.#client(), await this.#client(), await this.#client()]
    await listener.ask('SUBSCRIBE', 'news')
    worker.send(['BLPOP', 'jobs', '0'])
    await block.ask('WATCH', 'balance')
  }

  get url(): string {
    return `http://127.0.0.1:${this.cluster.proxy.adminPort}/`
  }

  /** The second server is promoted, the others follow it. */
  async failOver(): Promise<void> {
    const [first, second, third] = this.cluster.servers
    await this.cluster.promote(second!, first!, third!)
    await this.cluster.proxy.logs(/"generation":2/, 20_000)
  }

  async slowDown(): Promise<void> {
    const client = await this.#client()
    await client.ask('EVAL', BUSY, '0')
    await client.ask('EVAL', BUSY, '0')
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#traffic)
    await this.cluster.end()
  }

  #client(): Promise<RawClient> {
    return this.cluster.client()
  }

  async #run(client: RawClient, index: number): Promise<void> {
    for (let round = 0; !this.#isOver; round++) {
      // More at some times than at others.
      for (let count = 0; count < 10 + 8 * Math.sin(round / 40 + index); count++) {
        await client.ask('SET', `key:${index}`, 'value')
        await client.ask('GET', `key:${index}`)
      }
      if (round % 10 === 0) await client.ask('HSET', `key:${index}`, 'field', 'of a string')
      if (round % 5 === 0) await client.ask('PING')
      await delay(PACE_MS)
    }
  }
}
