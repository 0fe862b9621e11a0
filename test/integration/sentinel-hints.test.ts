// Two masters at once, and real Sentinels: their majority is asked only where the servers' own words tell nothing.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { connect, type RawClient } from '../support/raw-client.ts'
import { availableServers, type RedisServer, startRedis } from '../support/redis-server.ts'
import { Sentinels } from '../support/sentinels.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
/** Else a replica is served only after a delay for others that may come. */
const prompt = ['--repl-diskless-sync-delay', '0']

describe.each(availableServers())('Sentinels (%s)', (kind) => {
  const directory = mkdtempSync(join(tmpdir(), 'sentinel-hints-'))
  let sentinels = new Sentinels()
  let servers: RedisServer[] = []
  let proxy: RunningProxy
  let client: RawClient

  afterEach(async () => {
    await client.close()
    await proxy.stop()
    await sentinels.stop()
    await Promise.all(servers.map((server) => server.stop()))
    sentinels = new Sentinels()
    servers = []
  })

  afterAll(() => rmSync(directory, { recursive: true }))

  function passwordFile(password: string): string {
    const path = join(directory, 'password')
    writeFileSync(path, password)
    return path
  }

  async function begin(serverArguments: readonly string[], settings: readonly string[] = []) {
    servers = await Promise.all([1, 2].map(() => startRedis({ kind, arguments: serverArguments })))
    await sentinels.start(kind, ['127.0.0.1', '127.0.0.1', '127.0.0.1'], settings)
    return servers as [RedisServer, RedisServer]
  }

  async function serve(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    proxy = await startProxy({
      RUSTEZE_BACKENDS: servers.map(({ addr }) => addr).join(),
      RUSTEZE_SENTINELS: sentinels.addresses.join(),
      RUSTEZE_HOLD: '20s',
      ...environment,
    })
    client = await connect(proxy.port, 30_000)
  }

  async function valueAt(server: RedisServer): Promise<string> {
    const direct = await connect(server.port)
    const reply = await direct.ask('GET', 'a')
    await direct.close()
    return reply
  }

  test('of two masters that have nothing in common the one is taken that most Sentinels name', async () => {
    const [one, other] = await begin(prompt)
    // An empty one would not be taken.
    for (const server of [one, other]) {
      const direct = await connect(server.port)
      expect(await direct.ask('SET', 'own', server.addr)).toBe(ok)
      await direct.close()
    }
    await sentinels.monitor(0, 'mymaster', one)
    for (const index of [1, 2]) await sentinels.monitor(index, 'mymaster', other)
    await serve()
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    expect([await valueAt(one), await valueAt(other)]).toEqual(['$-1\r\n', '$1\r\n1\r\n'])
    await proxy.logs(/several servers say that they are masters/)
    const line = proxy.logLines.map((text) => JSON.parse(text)).find(({ message }) => /verified/.test(message))
    expect(line).toMatchObject({ backend: other.addr, reason: 'named by the majority of the Sentinels' })
    expect(line.servers).toEqual({ [one.addr]: 'master', [other.addr]: 'master' })

    // A second one changes its mind: now it is the other way round.
    await sentinels.monitor(1, 'mymaster', one)
    await proxy.logs(/"generation":2/, 8_000)
    expect(await client.ask('SET', 'a', '2')).toBe(ok)
    expect([await valueAt(one), await valueAt(other)]).toEqual(['$1\r\n2\r\n', '$1\r\n1\r\n'])
    const contests = proxy.logLines.filter((text) => text.includes('several servers say'))
    expect(contests.length).toBeLessThan(6)
  })

  test('without a majority the accepted one stays; before there is one, commands wait for a majority', async () => {
    const [one, other] = await begin(prompt)
    await sentinels.monitor(0, 'mymaster', one)
    await sentinels.monitor(1, 'mymaster', other)
    await serve()
    client.send(['SET', 'a', '1'])
    await proxy.logs(/nothing tells them apart/)
    await sentinels.monitor(2, 'mymaster', other)
    expect((await client.readReply()).toString()).toBe(ok)
    expect(await valueAt(other)).toBe('$1\r\n1\r\n')
    await sentinels.ask(2, 'SENTINEL', 'REMOVE', 'mymaster')
    for (let count = 0; count < 20; count++) {
      expect(await client.ask('SET', 'a', String(count))).toBe(ok)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await valueAt(one)).toBe('$-1\r\n')
  })

  test('a server that is announced by another address is known by its process; of several groups a setting names the one', async () => {
    const settings = ['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes']
    const [one, other] = await begin(['--requirepass', 'secret'], [...settings, 'requirepass between'])
    for (const index of [0, 1, 2]) {
      expect(await sentinels.ask(index, 'AUTH', 'between')).toBe(ok)
      for (const [group, { port }] of [
        ['mymaster', other],
        ['another', one],
      ] as const) {
        await sentinels.monitor(index, group, { host: 'localhost', port })
        expect(await sentinels.ask(index, 'SENTINEL', 'SET', group, 'auth-pass', 'secret')).toBe(ok)
      }
    }
    await serve({
      RUSTEZE_SENTINEL_MASTER: 'mymaster',
      RUSTEZE_SENTINEL_PASSWORD_FILE: passwordFile('between'),
      RUSTEZE_BACKEND_PASSWORD: 'secret',
    })
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    await proxy.logs(new RegExp(`"backend":"${other.addr}".*named by the majority of the Sentinels`))
  })

  test('a failover by Sentinels is a pause', async () => {
    const [one, other] = await begin(prompt)
    const direct = await connect(other.port)
    expect(await direct.ask('REPLICAOF', one.host, String(one.port))).toBe(ok)
    await direct.close()
    for (const index of [0, 1, 2]) await sentinels.monitor(index, 'mymaster', one)
    await serve()
    expect(await client.ask('SET', 'a', '1')).toBe(ok)
    expect(await client.ask('WAIT', '1', '5000')).toBe(':1\r\n')
    // They know of each other and of the replica.
    await waitUntil(
      async () =>
        /num-slaves\r\n\$1\r\n1[\s\S]*num-other-sentinels\r\n\$1\r\n2/.test(
          await sentinels.ask(0, 'SENTINEL', 'MASTERS'),
        ),
      { what: 'the Sentinels know all others', timeoutMs: 20_000, intervalMs: 100 },
    )
    await one.kill()
    expect(await client.ask('INCR', 'a')).toBe(':2\r\n')
    expect(await valueAt(other)).toBe('$1\r\n2\r\n')
    await one.restart()
    expect(await client.ask('INCR', 'a')).toBe(':3\r\n')
    expect(await valueAt(other)).toBe('$1\r\n3\r\n')
  })
})
