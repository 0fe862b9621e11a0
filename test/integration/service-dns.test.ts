// Discovery by DNS, with a real resolver and a DNS server of its own.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { ServiceDns } from '../../src/discovery/service-dns.ts'
import { nodeRuntime } from '../../src/runtime/node-runtime.ts'
import { type DnsServer, startDnsServer } from '../support/dns-server.ts'
import { waitUntil } from '../support/wait-until.ts'

const HOST = 'redis.data.svc.cluster.local'

let server: DnsServer
let dns: ServiceDns | undefined
let changes: string[]
let rounds: boolean[]

beforeEach(async () => {
  server = await startDnsServer()
  changes = []
  rounds = []
})
afterEach(async () => {
  dns?.stop()
  dns = undefined
  await server.stop()
})

/** Waits are a tenth as long, so that a test does not take what a TTL does. */
const hasty = { ...nodeRuntime, after: (ms: number, run: () => void) => nodeRuntime.after(ms / 10, run) }

function follow(port?: string | number, answerMs?: number): Promise<void> {
  dns = new ServiceDns(hasty, server.makeNameServer(answerMs), HOST, port, {
    changed: (addresses, number) => changes.push(`${addresses.join(' ')} ${number}`),
    asked: (isAnswered) => rounds.push(isAnswered),
  })
  return dns.start()
}

async function afterRounds(count: number): Promise<void> {
  const goal = rounds.length + count
  await waitUntil(() => rounds.length >= goal, { what: `${count} more rounds`, timeoutMs: 10_000 })
}

test('a pod with two addresses counts once, and the same answer in another order is no change', async () => {
  server.records.set(HOST, { A: ['10.0.0.2', '10.0.0.1'], AAAA: ['fd00::1', 'fd00::2'] })
  void follow()
  await afterRounds(1)
  server.records.set(HOST, { A: ['10.0.0.1', '10.0.0.2', '10.0.0.1'], AAAA: ['fd00::2', 'fd00::1'] })
  await afterRounds(2)
  server.records.set(HOST, { A: ['10.0.0.3'] })
  await afterRounds(2)
  expect(changes).toEqual(['10.0.0.1 10.0.0.2 6379', '10.0.0.3 6379'])
})

test('IPv6 alone is used where the name has no IPv4, but not because IPv4 was not answered', async () => {
  server.records.set(HOST, { AAAA: ['fd00::1'] })
  server.isSilent = true
  void follow()
  await afterRounds(1)
  expect([changes, rounds]).toEqual([[], [false]])
  expect(server.questions).not.toContain(`AAAA ${HOST}`)
  server.isSilent = false
  await afterRounds(2)
  expect(changes).toEqual(['fd00::1 6379'])
})

test('what does not resolve, or not now, takes nothing away', async () => {
  server.records.set(HOST, { A: ['10.0.0.1'] })
  void follow(7000)
  await afterRounds(1)
  server.records.delete(HOST)
  await afterRounds(1)
  server.isSilent = true
  await afterRounds(1)
  expect(changes).toEqual(['10.0.0.1 7000'])
  expect(rounds).toContain(false)
})

test('the number of a named port is asked for, and kept while nothing answers', async () => {
  server.records.set(HOST, { A: ['10.0.0.1'] })
  void follow('mine')
  await afterRounds(1)
  server.records.set(`_mine._tcp.${HOST}`, { SRV: [{ port: 7000, host: `pod-0.${HOST}` }] })
  await afterRounds(2)
  server.records.delete(`_mine._tcp.${HOST}`)
  await afterRounds(2)
  expect(changes).toEqual(['10.0.0.1 6379', '10.0.0.1 7000'])
})

test('the TTL says when to ask again, within bounds', async () => {
  const waits: number[] = []
  const runtime = {
    ...nodeRuntime,
    random: () => 0,
    after: (ms: number, run: () => void) => {
      waits.push(ms)
      return nodeRuntime.after(1, run)
    },
  }
  server.records.set(HOST, { A: ['10.0.0.1'] })
  server.ttlSeconds = 7
  dns = new ServiceDns(runtime, server.makeNameServer(), HOST, undefined, {
    changed: () => {},
    asked: () => {
      server.ttlSeconds = [0, 3600][waits.length] ?? 5
      if (waits.length === 2) server.records.delete(HOST)
    },
  })
  void dns.start()
  await waitUntil(() => waits.length >= 4, { what: 'four rounds' })
  expect(waits.slice(0, 4)).toEqual([7000, 1000, 30_000, 5000])
})

test('it ends at once while a question is not answered', async () => {
  server.isSilent = true
  const ended = follow(undefined, 600_000)
  await waitUntil(() => server.questions.length > 0, { what: 'it has asked' })
  dns!.stop()
  await ended
  expect(rounds).toEqual([])
})
