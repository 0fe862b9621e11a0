// A server that takes its time, 8 s of it, costs nobody an error: slow is not dead. All four pauses at once, since they do little but wait.

import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { ServerKind } from '../../scripts/servers.mjs'
import { connect } from '../support/raw-client.ts'
import { availableServers, type RedisServer } from '../support/redis-server.ts'
import { roles } from './roles.ts'
import { runCrowd } from './run-crowd.ts'

/** Longer than every deadline of the proxy's defaults, RUSTEZE_HOLD included. */
const pauseMs = 8000
/** Seconds of the processor pass slowly on a loaded machine. */
const patienceMs = 120_000
/** Clients are at work so long before and after it, in ms. */
const aroundMs = 500

/** Lua that gives seconds: Redis has no os.clock, and in Valkey TIME stands still inside of a script. */
const nowInScript: Record<ServerKind, string> = {
  redis: `local time = redis.call('TIME') return time[1] + time[2] / 1e6`,
  valkey: 'return os.clock()',
}

async function sleepInScript({ port, kind }: RedisServer): Promise<void> {
  const client = await connect(port, patienceMs)
  const now = `local function now() ${nowInScript[kind]} end`
  const script = `${now} local till = now() + ${pauseMs / 1000} while now() < till do end return 'awake'`
  expect(await client.ask('EVAL', script, '0')).toContain('awake')
  await client.close()
}

async function stopProcess(server: RedisServer): Promise<void> {
  server.pause()
  await delay(pauseMs)
  server.resume()
}

const pauses = [
  ['in a script', sleepInScript],
  ['as a stopped process', stopProcess],
] as const

describe.concurrent('a server that is silent for 8 s', () => {
  for (const kind of ['redis', 'valkey'] satisfies ServerKind[]) {
    test.skipIf(!availableServers().includes(kind)).for(pauses)(
      `costs no client an error: ${kind} %s`,
      { timeout: patienceMs },
      async ([, pause]) => {
        const { crowd } = await runCrowd({
          seed: 1,
          kind,
          isStrict: true,
          roles: roles.map(([role, count]) => [role, Math.ceil(count / 4)]),
          // Else the server itself answers -BUSY, with and without a proxy.
          serverArguments: ['--busy-reply-threshold', String(2 * patienceMs)],
          async work(server) {
            await delay(aroundMs)
            await pause(server)
            await delay(aroundMs)
          },
        })
        expect(crowd.problems).toEqual([])
        expect(crowd.longestReplyMs).toBeGreaterThan(pauseMs / 2)
      },
    )
  }
})
