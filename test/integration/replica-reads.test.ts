// Reads on replicas: spread over those that are fresh, never older than what the client itself has written.
import { afterEach, describe, expect, test } from 'vitest'
import { Cluster } from '../support/cluster.ts'
import { type FaultLink, startFaultLink } from '../support/fault-link.ts'
import type { RawClient } from '../support/raw-client.ts'
import { availableServers, type RedisServer } from '../support/redis-server.ts'
import { converse, pipeline } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
const preferred = { RUSTEZE_READ_FROM: 'prefer-replica', RUSTEZE_PROBE: '200ms' }

describe.each(availableServers())('reads on replicas (%s)', (kind) => {
  const cluster = new Cluster()
  const links: FaultLink[] = []
  afterEach(async () => {
    await cluster.end()
    await Promise.all(links.splice(0).map((link) => link.close()))
  })

  function until(what: string, condition: () => boolean | Promise<boolean>): Promise<unknown> {
    return waitUntil(condition, { what, timeoutMs: 15_000 })
  }

  async function begin(count: number, environment: Readonly<Record<string, string>> = preferred): Promise<void> {
    await cluster.begin(kind, count, environment)
    await until('all replicas serve', () => {
      return cluster.proxy.logLines.filter((line) => /replica serves reads/.test(line)).length === count - 1
    })
  }

  /** How many GETs a server has run. */
  async function getsOf(server: RedisServer): Promise<number> {
    const said = await (await cluster.direct(server)).ask('INFO', 'commandstats')
    return Number(/cmdstat_get:calls=(\d+)/.exec(said)?.[1] ?? 0)
  }

  const getsOfAll = () => Promise.all(cluster.servers.map(getsOf))

  /** Reads until all replicas answer: their connections are made by the first reads. */
  async function warm(client: RawClient): Promise<void> {
    await until('all replicas have answered', async () => {
      await pipeline(client, ['GET', 'warm'], ['GET', 'warm'])
      const [, ...others] = await getsOfAll()
      return others.every((count) => count > 0)
    })
  }

  /** Cuts a replica off from its primary, without either noticing. */
  async function lag(replica: RedisServer): Promise<FaultLink> {
    const link = await startFaultLink({ target: cluster.servers[0]!.port, seed: 1 })
    links.push(link)
    expect(await (await cluster.direct(replica)).ask('REPLICAOF', '127.0.0.1', String(link.port))).toBe(ok)
    await cluster.says(replica, /master_link_status:up/, 'INFO', 'replication')
    await cluster.proxy.logs(/replica serves reads/)
    return link
  }

  test('they are spread over all replicas, and the primary is spared', async () => {
    await begin(3)
    const clients = await Promise.all(Array.from({ length: 12 }, () => cluster.client()))
    await warm(clients[0]!)
    const before = await getsOfAll()
    // A replica that was kept from running for a moment gets less for a while, so the shares are those of a longer time.
    await until('each replica has a third of the reads, and the primary hardly any', async () => {
      await Promise.all(
        clients.map(async (client) => {
          for (let round = 0; round < 50; round++) expect(await client.ask('GET', 'k')).toBe('$-1\r\n')
        }),
      )
      const [primary, one, other] = (await getsOfAll()).map((count, index) => count - before[index]!)
      const all = primary! + one! + other!
      return Math.min(one!, other!) > all / 3 && primary! < all / 20
    })
  })

  test('a client reads what it has written, in pipelines and after a pause', async () => {
    await begin(3)
    await warm(await cluster.client())
    const clients = await Promise.all(Array.from({ length: 8 }, () => cluster.client()))
    await Promise.all(
      clients.map(async (client, index) => {
        for (let round = 0; round < 200; round++) {
          const value = String(1000 + round)
          const bulk = `$4\r\n${value}\r\n`
          const replies = await pipeline(
            client,
            ['GET', `k${index}`],
            ['SET', `k${index}`, value],
            ['GET', `k${index}`],
            ['EVAL', "return redis.call('INCR', KEYS[1])", '1', `n${index}`],
          )
          const former = round === 0 ? '$-1\r\n' : `$4\r\n${999 + round}\r\n`
          expect(replies).toEqual([former, ok, bulk, `:${round + 1}\r\n`])
          expect(await client.ask('GET', `n${index}`)).toBe(`$${String(round + 1).length}\r\n${round + 1}\r\n`)
          if (round % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 300))
        }
      }),
    )
  })

  test('a replica that lags shows its age to others only, within the bound, and then serves no more', async () => {
    await begin(2, { ...preferred, RUSTEZE_REPLICA_MAX_LAG: '3s' })
    const [, replica] = cluster.servers as [RedisServer, RedisServer]
    const link = await lag(replica)
    const [writer, reader] = await Promise.all([cluster.client(), cluster.client()])
    await warm(reader)
    link.stall()
    expect(await converse(writer, ['SET', 'k', 'new'], ['GET', 'k'])).toEqual([ok, '$3\r\nnew\r\n'])
    expect(await reader.ask('GET', 'k')).toBe('$-1\r\n')
    await cluster.proxy.logs(/replica serves no reads.*|.*it lags/, 15_000)
    await until('the primary is read from', async () => (await reader.ask('GET', 'k')) === '$3\r\nnew\r\n')
    expect(cluster.proxy.app.status().shards[0]!.freshReplicas).toBe(0)
    expect(await writer.ask('GET', 'k')).toBe('$3\r\nnew\r\n')
    link.resume()
    const before = await getsOf(replica)
    await until('a replica is read from again', async () => {
      expect(await converse(reader, ['GET', 'k'])).toEqual(['$3\r\nnew\r\n'])
      return (await getsOf(replica)) > before
    })
    expect(cluster.proxy.app.status().shards[0]!.freshReplicas).toBe(1)
  })

  test('a replica that is killed, or stands still, costs no error', async () => {
    await begin(3)
    const [, killed, stopped] = cluster.servers as [RedisServer, RedisServer, RedisServer]
    const clients = await Promise.all(Array.from({ length: 6 }, () => cluster.client()))
    await warm(clients[0]!)
    let isOver = false
    const readers = clients.map(async (client) => {
      let rounds = 0
      for (; !isOver; rounds++) {
        expect(await pipeline(client, ['GET', 'k'], ['EXISTS', 'k'])).toEqual(['$-1\r\n', ':0\r\n'])
      }
      return rounds
    })
    await killed.kill()
    process.kill(stopped.pid, 'SIGSTOP')
    await cluster.proxy.logs(/no answer within RUSTEZE_REPLY_TIMEOUT/, 15_000)
    const before = await getsOf(cluster.servers[0]!)
    await until('the primary is read from', async () => (await getsOf(cluster.servers[0]!)) > before)
    process.kill(stopped.pid, 'SIGCONT')
    const stoppedBefore = await getsOf(stopped)
    await until('it is read from again', async () => (await getsOf(stopped)) > stoppedBefore)
    isOver = true
    expect(Math.min(...(await Promise.all(readers)))).toBeGreaterThan(0)
  })

  test('replica only: the primary gets none, without a replica they wait and then hear why', async () => {
    await begin(2, { ...preferred, RUSTEZE_READ_FROM: 'replica', RUSTEZE_HOLD: '1s' })
    const [primary, replica] = cluster.servers as [RedisServer, RedisServer]
    const client = await cluster.client()
    expect(await client.ask('GET', 'k')).toBe('$-1\r\n')
    expect(await getsOf(primary)).toBe(0)
    await replica.kill()
    await cluster.proxy.logs(/replica serves no reads/)
    expect(await pipeline(client, ['GET', 'k'], ['SET', 'k', '1'], ['SCAN', '0'])).toEqual([
      expect.stringMatching(/^-MASTERDOWN .*no fresh replica for 1.0 s; see RUSTEZE_READ_FROM/),
      ok,
      expect.stringMatching(/^\*2\r\n\$1\r\n0\r\n\*1/),
    ])
    expect(await getsOf(primary)).toBe(0)
    await replica.restart()
    // Its own write a client may read from the primary.
    const other = await cluster.client()
    await until('it is read from again', async () => (await other.ask('GET', 'k')) === '$1\r\n1\r\n')
    expect(await getsOf(primary)).toBe(0)
  })

  test('a failover of the primary: its successor takes writes, the others are read from again', async () => {
    await begin(3)
    const [old, next, other] = cluster.servers as [RedisServer, RedisServer, RedisServer]
    const client = await cluster.client()
    await warm(client)
    expect(await converse(client, ['SET', 'k', '1'], ['WAIT', '2', '2000'])).toEqual([ok, ':2\r\n'])
    await old.kill()
    await cluster.promote(next, other)
    expect(await converse(client, ['INCR', 'k'], ['GET', 'k'])).toEqual([':2\r\n', '$1\r\n2\r\n'])
    const before = await getsOf(other)
    await until('a replica is read from again', async () => {
      expect(await client.ask('GET', 'k')).toBe('$1\r\n2\r\n')
      return (await getsOf(other)) > before
    })
  })
})
