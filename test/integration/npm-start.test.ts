// npm start does all the set-up, serves, and ends with everything that it started.

import { connect as connectSocket } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ensureBuild, root } from '../../scripts/toolchain.mjs'
import { type ChildProgram, startProgram } from '../support/child-program.ts'
import { connect } from '../support/raw-client.ts'
import { availableServers, freePort, startRedis } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'

/** Longer than the set-up takes when there is nothing to install or build. */
const startTimeoutMs = 10_000

async function isClosed(port: number): Promise<boolean> {
  const socket = connectSocket(port, '127.0.0.1')
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(false))
    socket.once('error', () => resolve(true))
  }).finally(() => socket.destroy())
}

const isDefaultBackendAbsent = await isClosed(6379)

let port: number
let running: ChildProgram | undefined

beforeAll(async () => {
  await ensureBuild()
})

beforeEach(async () => {
  port = await freePort()
})

afterEach(async () => {
  await running?.end()
  running = undefined
})

function npmStart(env: NodeJS.ProcessEnv = {}): ChildProgram {
  running = startProgram('npm', ['start'], { cwd: root, env: { RUSTEZE_LISTEN: `127.0.0.1:${port}`, ...env } })
  return running
}

async function setAndGet(): Promise<void> {
  const client = await connect(port)
  expect(await client.ask('SET', 'k', 'v')).toBe('+OK\r\n')
  expect(await client.ask('GET', 'k')).toBe('$1\r\nv\r\n')
  await client.close()
}

const servers = availableServers()

describe.skipIf(servers.length === 0 || !isDefaultBackendAbsent)('where nothing answers at 127.0.0.1:6379', () => {
  test('starts a server, says so in one line, and ends it on SIGTERM to npm', async () => {
    const start = npmStart()
    const [, embedded] = await start.says(/started (?:Redis|Valkey) \S+ on 127\.0\.0\.1:(\d+)/, startTimeoutMs)
    await start.says(/listening/, startTimeoutMs)
    await setAndGet()
    expect(await isClosed(Number(embedded))).toBe(false)
    process.kill(start.pid, 'SIGTERM')
    expect(await start.exit).toEqual({ code: 0, signal: null })
    expect(await isClosed(port)).toBe(true)
    expect(await isClosed(Number(embedded))).toBe(true)
    expect(start.output().match(/^rusteze: .*$/gm)).toHaveLength(1)
  })

  test('npm that is killed leaves nothing behind', async () => {
    const start = npmStart()
    const [, embedded] = await start.says(/started (?:Redis|Valkey) \S+ on 127\.0\.0\.1:(\d+)/, startTimeoutMs)
    await start.says(/listening/, startTimeoutMs)
    process.kill(start.pid, 'SIGKILL')
    // Comes when nobody holds npm's output any more.
    expect(await start.exit).toEqual({ code: null, signal: 'SIGKILL' })
    expect(await isClosed(port)).toBe(true)
    await waitUntil(() => isClosed(Number(embedded)), { what: 'the embedded server has ended' })
  })
})

describe.skipIf(servers.length === 0)('where a backend is configured', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('serves it alone, and hears %s to the whole group once', async (signal) => {
    const server = await startRedis()
    const start = npmStart({ RUSTEZE_BACKENDS: server.addr })
    await start.says(/listening/, startTimeoutMs)
    await setAndGet()
    process.kill(-start.pid, signal)
    expect(await start.exit).toEqual({ code: 0, signal: null })
    expect(start.output()).not.toMatch(/^rusteze: /m)
    expect(await isClosed(port)).toBe(true)
    await server.stop()
  })
})

test('the exit code of a proxy that ends of itself is that of npm start', async () => {
  const start = npmStart({ RUSTEZE_BACKENDS: '127.0.0.1:1', RUSTEZE_HOLD: '5 apples' })
  expect(await start.exit).toEqual({ code: 64, signal: null })
})
