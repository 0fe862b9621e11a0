// Connections nobody uses: kept alive, found when they are half open, and missed by nobody when the server closes them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, type Stage, setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { passing } from './in-flight.ts'

const ok = '+OK\r\n'
const queued = '+QUEUED\r\n'

/** Waits until none of the connections of now is left. */
async function allReplaced({ link }: Stage): Promise<void> {
  const known = [...link.connections]
  await waitUntil(() => known.every((connection) => !link.connections.has(connection)), {
    what: 'all connections are replaced',
    timeoutMs: 10_000,
  })
}

describeOnEachServer('connections that are idle', (kind) => {
  const stage = setStage(kind, {
    hasLink: true,
    environment: { RUSTEZE_BACKEND_PING: '200ms', RUSTEZE_REPLY_TIMEOUT: '300ms' },
  })

  test('are pinged, but not in the middle of a transaction', async () => {
    const client = await stage.client()
    await converse(client, ['GET', 'a'], ['MULTI'], ['INCR', 'pinged'])
    // The prober pings as well, several times in the time in which idle connections are looked after once.
    for (let times = 0; times < 4; times++) await passing(stage.link, ['PING'])
    expect(await client.ask('EXEC')).toBe('*1\r\n:1\r\n')
  })

  test('are replaced when they are half open, before anybody needs them', async () => {
    const [plain, watching, subscriber, direct] = await Promise.all([
      stage.client(),
      stage.client(),
      stage.client(),
      stage.direct(),
    ])
    await plain.ask('SET', 'plain', '1')
    await watching.ask('WATCH', 'watched')
    await subscriber.ask('SUBSCRIBE', 'news')
    for (const connection of stage.link.connections) connection.holdReplies()
    await allReplaced(stage)
    expect(await plain.ask('INCR', 'plain')).toBe(':2\r\n')
    expect(await converse(watching, ['MULTI'], ['INCR', 'watched'], ['EXEC'])).toEqual([ok, queued, '*-1\r\n'])
    await waitUntil(async () => (await direct.ask('PUBLISH', 'news', 'x')) !== ':0\r\n', { what: 'it is subscribed' })
    expect((await subscriber.readReply()).toString()).toContain('message')
  })
})

describeOnEachServer('connections that the server closes for being idle', (kind) => {
  const stage = setStage(kind, { hasLink: true, serverArguments: ['--timeout', '1'] })

  test('are missed by nobody', async () => {
    const [plain, other, blockOwner, subscriber] = await Promise.all([
      stage.client(),
      stage.client(),
      stage.client(),
      stage.client(),
    ])
    await plain.ask('SET', 'plain', '1')
    await other.ask('BLPOP', 'none', '0.01')
    await converse(blockOwner, ['MULTI'], ['INCR', 'block'])
    const idle = [...stage.link.connections]
    await subscriber.ask('SUBSCRIBE', 'news')
    // The control connection is in use.
    await waitUntil(() => idle.filter((connection) => stage.link.connections.has(connection)).length <= 1, {
      what: 'the server has closed them',
    })
    expect(await plain.ask('INCR', 'plain')).toBe(':2\r\n')
    expect(await other.ask('BLPOP', 'none', '0.01')).toBe('*-1\r\n')
    expect(await converse(blockOwner, ['INCR', 'block'], ['EXEC'])).toEqual([queued, '*2\r\n:1\r\n:2\r\n'])
    expect(await plain.ask('PUBLISH', 'news', 'x')).toBe(':1\r\n')
    expect((await subscriber.readReply()).toString()).toContain('message')
  })
})

describeOnEachServer('a password that is rotated', (kind) => {
  const directory = mkdtempSync(join(tmpdir(), 'rusteze-rotation-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'password')
  writeFileSync(file, 'old\n')
  const stage = setStage(kind, {
    serverArguments: ['--requirepass', 'old'],
    environment: { RUSTEZE_BACKEND_PASSWORD_FILE: file, RUSTEZE_HOLD: '30s' },
  })

  test('reaches new connections; clients wait in between, and none is dropped', async () => {
    const [client, idle, direct] = await Promise.all([stage.client(15_000), stage.client(), stage.direct()])
    expect(await converse(client, ['SET', 'a', '1'], ['INCR', 'a'])).toEqual([ok, ':2\r\n'])
    expect(await idle.ask('GET', 'a')).toBe('$1\r\n2\r\n')
    expect(await converse(direct, ['AUTH', 'old'], ['CONFIG', 'SET', 'requirepass', 'new'])).toEqual([ok, ok])
    expect(await direct.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')).toMatch(/^:[1-9]/)
    const answer = client.ask('INCR', 'a')
    await stage.proxy.logs(/WRONGPASS/)
    writeFileSync(file, 'new\n')
    expect(await answer).toBe(':3\r\n')
    expect(await idle.ask('GET', 'a')).toBe('$1\r\n3\r\n')
  })
})
