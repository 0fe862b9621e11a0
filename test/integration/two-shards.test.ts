// The seam for several primaries: two shards behind the real client side. Order is the client's, holding is each shard's own.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BackendContext } from '../../src/backend/backend-context.ts'
import { Credentials } from '../../src/backend/credentials.ts'
import { Hold } from '../../src/backend/hold.ts'
import type { Request } from '../../src/backend/request.ts'
import { Shard } from '../../src/backend/shard.ts'
import { ConnectionManager } from '../../src/client/connection-manager.ts'
import { noEvictions } from '../../src/client/evictions.ts'
import { Memory } from '../../src/client/memory.ts'
import { Outcomes } from '../../src/client/outcomes.ts'
import { Pause } from '../../src/client/pause.ts'
import { PinBudget } from '../../src/client/pin-budget.ts'
import type { Proxy } from '../../src/client/proxy.ts'
import { kindsWithout } from '../../src/command/classify.ts'
import { builtInEntries, CommandTable } from '../../src/command/table.ts'
import { parseConfig } from '../../src/config.ts'
import { createLog } from '../../src/operations/log.ts'
import { Arguments } from '../../src/resp/request.ts'
import type { Router } from '../../src/route/router.ts'
import { ScriptCache } from '../../src/route/scripts.ts'
import { nodeRuntime } from '../../src/runtime/node-runtime.ts'
import { Turn } from '../../src/runtime/turn.ts'
import { type FaultLink, startFaultLink } from '../support/fault-link.ts'
import { connect, encodeCommand, type RawClient } from '../support/raw-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'

/** Keys that begin with `b` belong to the second shard. */
function isSecond(request: Request): boolean {
  const words = new Arguments(request.bytes, request.start, request.end)
  return words.count > 1 && words.text(1).startsWith('b')
}

/** What app.ts builds, with two shards and a router that looks at the key. */
async function startTwoShards(ports: readonly [number, number]) {
  const parsed = parseConfig({ RUSTEZE_LISTEN: '127.0.0.1:0', RUSTEZE_HOLD: '10s' })
  if ('errors' in parsed) throw new Error('the settings of this test are wrong')
  const { config } = parsed
  const runtime = nodeRuntime
  const log = createLog('silent', 'json', { write: () => {} })
  const turn = new Turn(runtime)
  const credentials = new Credentials(config, runtime, log)
  const { ownIdentity, tls, clientPassword, sentinelPassword } = credentials
  const context: BackendContext = { config, runtime, turn, log, ownIdentity, sentinelPassword, tls }
  const shards = ports.map(() => new Shard(context, () => {}))
  const router: Router = { shards, route: (request) => shards[isSecond(request) ? 1 : 0]! }
  const hold = new Hold(runtime, turn, config)
  const clients = new Map<number, Proxy>()
  const pause = new Pause({ config, runtime, turn, log, router, clients })
  const services = {
    ...{ config, runtime, turn, log, hold, pause, clients, router, ownIdentity, clientPassword },
    pins: new PinBudget(0),
    scripts: new ScriptCache(),
    commands: new CommandTable(builtInEntries(), kindsWithout(config.deny)),
    needsPassword: false,
    memory: new Memory(0, clients, turn),
    info: () => '',
    isLocal: () => true,
    outcomes: new Outcomes(runtime, turn, config.slowMs),
    evictions: noEvictions(),
  }
  const manager = new ConnectionManager(services, clients)
  for (const [index, port] of ports.entries())
    shards[index]!.follow([{ address: { host: '127.0.0.1', port }, uid: '', zone: undefined }])
  const [address] = await manager.listen([{ host: '127.0.0.1', port: 0 }])
  return {
    port: (address as { port: number }).port,
    shards,
    stop() {
      manager.endAll()
      manager.closeAll()
      hold.close()
      for (const shard of shards) shard.close()
      credentials.close()
    },
  }
}

describe('two shards', () => {
  let servers: [RedisServer, RedisServer]
  let first: FaultLink
  let proxy: Awaited<ReturnType<typeof startTwoShards>>
  let client: RawClient

  beforeAll(async () => {
    servers = await Promise.all([startRedis(), startRedis()])
  })
  afterAll(() => Promise.all(servers.map((server) => server.stop())))
  beforeEach(async () => {
    first = await startFaultLink({ target: servers[0].port, seed: 1 })
    proxy = await startTwoShards([first.port, servers[1].port])
    client = await connect(proxy.port)
  })
  afterEach(async () => {
    await client.close()
    proxy.stop()
    await first.close()
  })

  test('each key is where its shard is', async () => {
    expect(await client.ask('SET', 'a', 'first')).toBe('+OK\r\n')
    expect(await client.ask('SET', 'b', 'second')).toBe('+OK\r\n')
    const direct = await Promise.all(servers.map((server) => connect(server.port)))
    expect(await direct[0]!.ask('KEYS', '*')).toBe('*1\r\n$1\r\na\r\n')
    expect(await direct[1]!.ask('KEYS', '*')).toBe('*1\r\n$1\r\nb\r\n')
    for (const each of direct) await each.close()
  })

  test('replies come in the order of the requests, whichever shard is faster', async () => {
    first.delay = { leastMs: 5, mostMs: 20 }
    const keys = Array.from({ length: 200 }, (_, index) => `${index % 3 === 0 ? 'a' : 'b'}:${index}`)
    client.send(Buffer.concat(keys.map((key) => encodeCommand(['SET', key, key]))))
    client.send(Buffer.concat(keys.map((key) => encodeCommand(['GET', key]))))
    for (const _ of keys) expect((await client.readReply()).toString()).toBe('+OK\r\n')
    for (const key of keys) expect((await client.readReply()).toString()).toBe(`$${key.length}\r\n${key}\r\n`)
  })

  test('what one shard holds keeps nobody from the other, and comes before what was asked after it', async () => {
    await client.ask('SET', 'a', 'before')
    await first.refuse()
    for (const connection of first.connections) connection.cut('reset')
    const other = await connect(proxy.port)
    client.send(Buffer.concat([encodeCommand(['GET', 'a']), encodeCommand(['SET', 'b', 'behind'])]))
    expect(await other.ask('SET', 'b2', 'free')).toBe('+OK\r\n')
    expect(proxy.shards.map((shard) => shard.isServing)).toEqual([false, true])
    await first.accept()
    expect((await client.readReply()).toString()).toBe('$6\r\nbefore\r\n')
    expect((await client.readReply()).toString()).toBe('+OK\r\n')
    await other.close()
  })
})
