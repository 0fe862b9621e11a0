// Probes, metrics and status of a whole proxy, as Kubernetes, Prometheus and people ask for them.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bundlePath, ensureBuild } from '../../scripts/toolchain.mjs'
import { definitions } from '../../src/operations/metrics.ts'
import type { Status } from '../../src/operations/status.ts'
import { type ChildProgram, startProgram } from '../support/child-program.ts'
import { parseExposition } from '../support/exposition.ts'
import { connect } from '../support/raw-client.ts'
import { freePort, type RedisServer, startRedis } from '../support/redis-server.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const hasPromtool = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).error === undefined
const openMetrics = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

async function get(port: number, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

async function statusOf(port: number): Promise<Status> {
  return JSON.parse((await get(port, '/status')).body)
}

let server: RedisServer

beforeAll(async () => {
  server = await startRedis({ kind: 'redis' })
})
afterAll(() => server.stop())

describe('a proxy that serves', () => {
  let proxy: RunningProxy | undefined
  const start = async (environment: Record<string, string> = {}) => {
    const settings = { RUSTEZE_BACKENDS: server.addr, RUSTEZE_ADMIN: '127.0.0.1:0', ...environment }
    proxy = await startProxy(settings)
    return proxy
  }

  afterEach(() => proxy?.stop())

  test('is started, alive and ready, and says so to GET and HEAD', async () => {
    const { adminPort } = await start()
    for (const [path, body] of Object.entries({ '/startup': 'started', '/livez': 'alive', '/readyz': 'ready' })) {
      expect(await get(adminPort, path)).toEqual({ status: 200, type: 'text/plain; charset=utf-8', body: `${body}\n` })
      const head = await fetch(`http://127.0.0.1:${adminPort}${path}?verbose`, { method: 'HEAD' })
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(body.length + 1)])
    }
  })

  test('is ready without a server, and not while it is full', async () => {
    const { adminPort, port } = await start({ RUSTEZE_BACKENDS: '127.0.0.1:1', RUSTEZE_CLIENTS: '1' })
    expect((await get(adminPort, '/readyz')).status).toBe(200)
    const client = await connect(port)
    await waitUntil(async () => (await get(adminPort, '/readyz')).status === 503, { what: 'it is full' })
    expect(await get(adminPort, '/readyz')).toMatchObject({ body: 'full: RUSTEZE_CLIENTS is reached\n' })
    await client.close()
    await waitUntil(async () => (await get(adminPort, '/readyz')).status === 200, { what: 'there is room' })
  })

  test('tells what it holds, whom it serves, and why they have connections of their own', async () => {
    const { adminPort, port } = await start()
    const [ordinary, pinned, blocked, listening, turned] = await Promise.all([
      ...[connect(port), connect(port), connect(port), connect(port), connect(port)],
    ] as const)
    await ordinary.ask('SET', 'a', 'x'.repeat(10_000))
    await ordinary.ask('GET', 'a')
    await pinned.ask('WATCH', 'a')
    blocked.send(['BLPOP', 'nothing', '0'])
    await listening.ask('SUBSCRIBE', 'news')
    await turned.close()
    const status = await waitUntil(
      async () => {
        const status = await statusOf(adminPort)
        return status.pins.now.blocking === 1 && status.clients.connected === 4 ? status : undefined
      },
      { what: 'all of it shows' },
    )
    expect(status).toMatchObject({
      health: { isStarted: true, isReady: true },
      clients: { accepted: 5, turnedAway: 0 },
      pins: { now: { transaction: 1, subscription: 1, blocking: 1, other: 0 }, waiters: 0, refused: 0 },
      shards: [
        {
          state: 'serving',
          generation: 1,
          primary: { address: server.addr },
          connections: { pinned: 3, control: 1, shared: expect.any(Number) },
        },
      ],
      hold: { commands: 0, bytes: 0, oldestMs: 0 },
      uncertain: {},
      discovery: { source: 'static', endpoints: { serving: 1 } },
    })
    expect(status.clients.receivedBytes).toBeGreaterThan(10_000)
    expect(status.clients.sentBytes).toBeGreaterThan(10_000)
    expect(status.shards[0]!.connections.shared).toBeGreaterThan(0)
    await Promise.all([ordinary, pinned, blocked, listening].map((client) => client.close()))
    await waitUntil(async () => (await statusOf(adminPort)).clients.connected === 0, { what: 'all have left' })
    // Bytes of clients that are gone still count.
    expect((await statusOf(adminPort)).clients.sentBytes).toBeGreaterThanOrEqual(status.clients.sentBytes)
  })

  test('shows how long the oldest command has waited, and who was turned away', async () => {
    const { adminPort, port } = await start({
      ...{ RUSTEZE_BACKENDS: '127.0.0.1:1', RUSTEZE_CLIENTS: '1' },
      ...{ RUSTEZE_HOLD_COMMANDS: '8', RUSTEZE_HOLD_CLIENT_COMMANDS: '4' },
    })
    const client = await connect(port)
    client.send(['SET', 'a', '1'])
    client.send(['SET', 'b', '2'])
    const second = await connect(port)
    await second.readReply()
    const status = await waitUntil(
      async () => {
        const status = await statusOf(adminPort)
        return status.hold.commands === 2 && status.hold.oldestMs > 100 ? status : undefined
      },
      { what: 'two commands wait' },
    )
    expect(status.hold.bytes).toBe(2 * '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n'.length)
    expect(status.hold.ratio).toBe(2 / 8)
    expect(status.hold.oldestMs).toBeLessThan(10_000)
    expect(status.clients).toMatchObject({ accepted: 2, turnedAway: 1, connected: 1 })
    expect(status.shards).toMatchObject([{ state: 'holding', generation: 0, primary: null }])
    await Promise.all([client.close(), second.close()])
  })

  test('has every metric in both formats, with the labels that were declared', async () => {
    const { adminPort, port } = await start()
    const client = await connect(port)
    await client.ask('PING')
    // OpenMetrics in between: what it renames must not show in the other.
    for (const accept of ['*/*', openMetrics, 'text/plain;version=0.0.4', openMetrics]) {
      const { status, type, body } = await get(adminPort, '/metrics', { accept })
      const isOpenMetrics = accept === openMetrics
      expect([status, type]).toEqual([200, isOpenMetrics ? openMetrics : 'text/plain; version=0.0.4; charset=utf-8'])
      const families = parseExposition(body, isOpenMetrics)
      for (const { name, kind, labels = [] } of definitions) {
        const family = families.get(isOpenMetrics ? name.replace(/_total$/, '') : name)
        expect(family?.type, name).toBe(kind)
        const pairs = labels.map((label) => `${label}="[A-Za-z0-9 .:|_]+"`)
        const ofHistogram = `${name}(_sum|_count|_bucket\\{le="(\\d+\\.\\d+|\\+Inf)"\\})`
        const form = kind === 'histogram' ? ofHistogram : labels.length === 0 ? name : `${name}\\{${pairs}\\}`
        for (const series of family!.samples.keys()) expect(series).toMatch(new RegExp(`^${form}$`))
        // There is one server, and no replica; a limit of memory is the container's.
        if (!/_replicas?(_|$)|_memory_limit_/.test(name)) expect(family!.samples.size, name).toBeGreaterThan(0)
        expect(family!.samples.size, name).toBeLessThanOrEqual(kind === 'histogram' ? 19 : labels.length === 0 ? 1 : 10)
      }
      expect(families.size).toBe(definitions.length)
      const value = (name: string) => families.get(name)!.samples.get(name)
      expect(value('rusteze_clients')).toBe(1)
      expect(value('rusteze_generation')).toBe(1)
      expect(value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
    }
    await client.close()
  })

  test('shows that its event loop stood still', async () => {
    const { adminPort } = await start()
    const delay = async () => {
      const { body } = await get(adminPort, '/metrics')
      return parseExposition(body, false)
        .get('rusteze_event_loop_delay_seconds')!
        .samples.get('rusteze_event_loop_delay_seconds{statistic="max"}')!
    }
    await delay()
    // From its first tick on anything can be late.
    await new Promise((resolve) => setTimeout(resolve, 100))
    const until = performance.now() + 300
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 50))
    const seconds = await delay()
    expect(seconds).toBeGreaterThan(0.2)
  })

  test.skipIf(!hasPromtool)('promtool finds nothing to say (skipped without promtool)', async () => {
    const { adminPort } = await start()
    const { body } = await get(adminPort, '/metrics')
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test('is without an admin server where that is off', async () => {
    const { adminPort } = await start({ RUSTEZE_ADMIN: 'off' })
    expect(adminPort).toBe(0)
  })
})

describe('a program', () => {
  const directory = mkdtempSync(join(tmpdir(), 'admin-'))
  let program: ChildProgram | undefined

  beforeAll(() => ensureBuild())
  afterAll(() => rmSync(directory, { recursive: true }))
  afterEach(() => program?.end())

  async function start(environment: Record<string, string> = {}) {
    const running = startProgram(process.execPath, [bundlePath], {
      env: {
        RUSTEZE_LISTEN: '127.0.0.1:0',
        RUSTEZE_ADMIN: '127.0.0.1:0',
        RUSTEZE_BACKENDS: server.addr,
        ...environment,
      },
    })
    program = running
    const [, port] = await running.says(/"port":(\d+)[^\n]*"message":"listening"/)
    const [, adminPort] = await running.says(/"port":(\d+)[^\n]*"message":"probes and metrics are answered"/)
    return { running, port: Number(port), adminPort: Number(adminPort) }
  }

  test('that drains is not ready, answers until its end, and then ends with 0', async () => {
    const { running, port, adminPort } = await start()
    const client = await connect(port)
    expect((await get(adminPort, '/readyz')).status).toBe(200)
    // An open transaction keeps the drain from closing the client.
    await client.ask('MULTI')
    process.kill(running.pid, 'SIGTERM')
    await waitUntil(async () => (await get(adminPort, '/readyz')).status === 503, { what: 'it is not ready' })
    expect(await get(adminPort, '/readyz')).toMatchObject({ status: 503, body: 'draining\n' })
    expect((await get(adminPort, '/startup')).status).toBe(200)
    expect((await get(adminPort, '/livez')).status).toBe(200)
    expect((await get(adminPort, '/metrics')).body).toContain('rusteze_ready 0')
    await client.close()
    expect(await running.exit).toEqual({ code: 0, signal: null })
  })

  test('is started in the end though the API server is dead, and not before', async () => {
    const kubeconfig = join(directory, 'kubeconfig')
    const dead = `https://127.0.0.1:${await freePort()}`
    const context = { name: 'a', context: { cluster: 'a', user: 'a', namespace: 'a' } }
    const clusters = [{ name: 'a', cluster: { server: dead } }]
    const users = [{ name: 'a', user: { token: 'a' } }]
    writeFileSync(kubeconfig, JSON.stringify({ contexts: [context], clusters, users, 'current-context': 'a' }))
    const { running, adminPort } = await start({
      RUSTEZE_BACKENDS: '',
      RUSTEZE_SERVICE: 'nowhere/redis',
      RUSTEZE_STARTUP_WAIT: '4s',
      KUBECONFIG: kubeconfig,
    })
    const early = await get(adminPort, '/startup')
    expect(early.status).toBe(503)
    expect(early.body).toMatch(/^starting: waits for the first answer of the discovery, [0-4]\.\d s at most\n$/)
    expect((await get(adminPort, '/readyz')).status).toBe(503)
    expect((await get(adminPort, '/livez')).status).toBe(200)
    const metrics = parseExposition((await get(adminPort, '/metrics')).body, false)
    expect(metrics.get('rusteze_discovery_age_seconds')!.samples.size).toBe(0)
    await waitUntil(async () => (await get(adminPort, '/startup')).status === 200, { what: 'it has started' })
    expect((await get(adminPort, '/startup')).body).toBe('started, though the discovery has not answered\n')
    expect((await get(adminPort, '/readyz')).status).toBe(200)
    process.kill(running.pid, 'SIGTERM')
    expect(await running.exit).toEqual({ code: 0, signal: null })
  })

  test('ends with 0 when it is asked to quit, and only where that is allowed', async () => {
    const { adminPort } = await start()
    const quit = (port: number) => fetch(`http://127.0.0.1:${port}/quitquitquit`, { method: 'POST' })
    const refused = await quit(adminPort)
    expect([refused.status, await refused.text()]).toEqual([403, 'RUSTEZE_ADMIN_QUIT is off\n'])
    expect((await get(adminPort, '/readyz')).status).toBe(200)
    await program!.end()
    const { running, adminPort: allowing } = await start({ RUSTEZE_ADMIN_QUIT: 'on' })
    expect((await get(allowing, '/quitquitquit')).status).toBe(405)
    const accepted = await quit(allowing)
    expect([accepted.status, await accepted.text()]).toEqual([202, 'draining\n'])
    expect(await running.exit).toEqual({ code: 0, signal: null })
  })

  test('ends with a line that names RUSTEZE_ADMIN when its address is taken', async () => {
    const other = createServer()
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port))
    })
    const running = startProgram(process.execPath, [bundlePath], {
      env: { RUSTEZE_LISTEN: '127.0.0.1:0', RUSTEZE_ADMIN: `127.0.0.1:${port}`, RUSTEZE_BACKENDS: server.addr },
    })
    program = running
    expect(await running.exit).toEqual({ code: 1, signal: null })
    expect(running.output()).toMatch(/"fatal".*EADDRINUSE.*RUSTEZE_ADMIN/)
    other.close()
  })
})
