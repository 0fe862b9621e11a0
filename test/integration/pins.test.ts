// Why clients have connections of their own, for how long and who waits for one; and what is closed for want of room.
import { afterEach, describe, expect, test } from 'vitest'
import { Cluster } from '../support/cluster.ts'
import { availableServers } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'

describe.each(availableServers())('pins (%s)', (kind) => {
  const cluster = new Cluster()
  afterEach(() => cluster.end())
  const pins = () => cluster.proxy.app.status().pins
  /** Those that are not 0. */
  const used = (all: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(all).filter(([, number]) => number > 0))

  test('are counted by their reason, and their time goes on while they are lent', async () => {
    await cluster.begin(kind, 1)
    const [first, second, third] = await Promise.all([cluster.client(), cluster.client(), cluster.client()])
    expect(await first.ask('WATCH', 'a')).toBe(ok)
    expect(await second.ask('CLIENT', 'TRACKING', 'ON')).toBe(ok)
    third.send(['MONITOR'])
    await third.readReply()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(used(pins().now)).toEqual({ transaction: 1, tracking: 1, monitor: 1 })
    const before = pins().heldMs.transaction
    expect(before).toBeGreaterThan(90)
    expect(await first.ask('UNWATCH')).toBe(ok)
    await waitUntil(() => pins().now.transaction === 0, { what: 'it was given back' })
    const { transaction } = pins().heldMs
    expect(transaction).toBeGreaterThanOrEqual(before)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(pins().heldMs.transaction).toBe(transaction)
    for (let time = 0; time < 3; time++) expect(await first.ask('BLPOP', 'list', '0.01')).toMatch(/^[*_]/)
    expect(pins().lent).toMatchObject({ transaction: 1, blocking: 3, tracking: 1, monitor: 1 })
    expect(pins().heldMs.blocking).toBeGreaterThanOrEqual(29)
  })

  test('of which there are too few are waited for, in vain', async () => {
    await cluster.begin(kind, 1, { RUSTEZE_PINS: '1', RUSTEZE_PIN_WAIT: '500ms' })
    const [first, second] = await Promise.all([cluster.client(), cluster.client()])
    expect(await first.ask('WATCH', 'a')).toBe(ok)
    second.send(['WATCH', 'a'])
    await waitUntil(() => pins().waiters === 1, { what: 'one waits' })
    expect((await second.readReply()).toString()).toMatch(/^-ERR rusteze: no connection of its own/)
    expect(pins()).toMatchObject({ waiters: 0, refused: 1, now: { transaction: 1 }, lent: { transaction: 1 } })
    expect(cluster.proxy.app.status().commands.watch).toMatchObject({ ok: 1, refused: 1 })
  })

  test('pools and clients that are closed for want of room or time are counted', async () => {
    await cluster.begin(kind, 1, { RUSTEZE_POOLS: '2', RUSTEZE_CLIENT_IDLE: '300ms' })
    const client = await cluster.client()
    for (const db of ['1', '2', '3', '4']) {
      expect(await client.ask('SELECT', db)).toBe(ok)
      expect(await client.ask('SET', 'a', '1')).toBe(ok)
    }
    const status = () => cluster.proxy.app.status()
    expect(status().shards[0]!.evictedPools).toBe(3)
    await waitUntil(() => status().clients.evicted.idle === 1, { what: 'the idle client is closed' })
    expect(status().clients.evicted).toEqual({ memory: 0, output: 0, idle: 1 })
  })
})
