// A container of 96 MB under load and with clients that ask for much and read nothing: it is not killed, and others are served.

import { expect, test } from 'vitest'
import { encodeCommand, type RawClient } from '../support/raw-client.ts'
import { waitUntil } from '../support/wait-until.ts'
import { describeWithDocker, type RunningContainer, setContainerStage } from './stage.ts'

const MEGABYTE = 1024 * 1024
const LIMIT_BYTES = 96 * MEGABYTE
const CLIENTS = 50
const PIPELINE = 16
const VALUE = Buffer.alloc(16 * 1024, 'v')
/**
 * What clients ask for and do not read, each far more than kernels keep for it. Small replies are held back before anybody has to be
 * closed, if that comes in time; one large reply to each is more than there is room for, and cannot be asked for in parts.
 */
const UNREAD = [
  { key: 'page', value: VALUE, replies: 400, clients: 60 },
  { key: 'book', value: Buffer.alloc(MEGABYTE, 'v'), replies: 8, clients: 40 },
]

/** Half writes, half reads of what was written; answers are looked at. @returns how many. */
async function work(client: RawClient, name: string, untilMs: number): Promise<number> {
  const pairs = Array.from({ length: PIPELINE / 2 }, (_, index) => [
    encodeCommand(['SET', `${name}:${index}`, VALUE]),
    encodeCommand(['GET', `${name}:${index}`]),
  ])
  const batch = Buffer.concat(pairs.flat())
  let answers = 0
  while (performance.now() < untilMs) {
    client.send(batch)
    for (let pair = 0; pair < PIPELINE / 2; pair++) {
      expect((await client.readReply()).toString()).toBe('+OK\r\n')
      expect((await client.readReply()).length).toBe(VALUE.length + '$16384\r\n\r\n'.length)
      answers += 2
    }
  }
  return answers
}

/** Everybody works for so long. @returns the fewest answers one client got, and all of them. */
async function load(clients: readonly RawClient[], seconds: number) {
  const untilMs = performance.now() + seconds * 1000
  const counts = await Promise.all(clients.map((client, index) => work(client, `client${index}`, untilMs)))
  return { least: Math.min(...counts), sum: counts.reduce((sum, count) => sum + count, 0) }
}

async function expectAlive({ engine, output }: RunningContainer): Promise<void> {
  const { State } = await engine.inspect()
  expect({ ...State, log: output() }).toMatchObject({ Running: true, OOMKilled: false })
}

/** What the engine counts, in MB. Control groups of version 1 and 2 name it differently. */
async function memoryText({ engine }: RunningContainer): Promise<string> {
  const { memory_stats: memory } = await engine.stats({ stream: false })
  const details = memory.stats as unknown as Record<string, number | undefined>
  const megabytes = (bytes: number | undefined) => (bytes === undefined ? '?' : (bytes / MEGABYTE).toFixed(0))
  const most = megabytes((memory as { max_usage?: number }).max_usage)
  return `of ${megabytes(memory.limit)} MB in use ${megabytes(memory.usage)} (most ${most}), anonymous ${megabytes(details.rss ?? details.anon)}`
}

describeWithDocker('96 MB of memory', () => {
  const stage = setContainerStage('redis')

  test(`are enough for ${CLIENTS} clients that send and get 16 KiB in pipelines`, async () => {
    const proxy = await stage.proxy({ memoryBytes: LIMIT_BYTES })
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => stage.client(proxy)))
    console.log(`before: ${await memoryText(proxy)}`)
    const { least, sum } = await load(clients, 5)
    console.log(`${sum} answers in 5 s, ${least} or more to each; ${await memoryText(proxy)}`)
    await expectAlive(proxy)
    expect(proxy.output()).not.toContain('closed by the proxy')
    expect(least).toBeGreaterThan(0)
  })

  test('are held when clients do not read what they ask for, and the others are served', async () => {
    const proxy = await stage.proxy({ memoryBytes: LIMIT_BYTES })
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => stage.client(proxy)))
    const first = clients[0]!
    for (const { key, value } of UNREAD) expect(await first.ask('SET', key, value)).toBe('+OK\r\n')
    const kinds = UNREAD.flatMap((kind) => Array.from({ length: kind.clients }, () => kind))
    const slow = await Promise.all(kinds.map(async (kind) => ({ ...kind, client: await stage.client(proxy) })))
    for (const { client, key, replies } of slow) {
      client.socket.pause()
      client.send(Buffer.concat(Array.from({ length: replies }, () => encodeCommand(['GET', key]))))
    }
    const { least, sum } = await load(clients, 8)
    console.log(`${sum} answers in 8 s, ${least} or more to each; ${await memoryText(proxy)}`)
    await expectAlive(proxy)
    expect(least).toBeGreaterThan(0)
    for (const client of clients) expect(client.isEnded).toBe(false)
    await waitUntil(() => /RUSTEZE_MEMORY/.test(proxy.output()), { what: 'the log says why some were closed' })
    // Who was not closed gets all of it.
    for (const { client } of slow) client.socket.resume()
    const gotAll = ({ client, replies }: (typeof slow)[number]) =>
      (async () => {
        for (let reply = 0; reply < replies; reply++) await client.readReply()
        return true
      })().catch(() => false)
    const whole = (await Promise.all(slow.map(gotAll))).filter((isWhole) => isWhole).length
    const closed = proxy.output().match(/closed by the proxy/g)?.length ?? 0
    console.log(`${closed} of ${slow.length} were closed`)
    expect(whole + closed).toBe(slow.length)
    expect(await first.ask('PING')).toBe('+PONG\r\n')
    await expectAlive(proxy)
  })
})
