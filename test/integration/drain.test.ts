// SIGTERM to the program: what is owed is delivered, everybody is let go in time, and it ends with 0.

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { bundlePath, ensureBuild } from '../../scripts/toolchain.mjs'
import { type ChildProgram, startProgram } from '../support/child-program.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { describeOnEachServer, freePort } from '../support/redis-server.ts'
import { setStage } from '../support/stage.ts'

const ended = { code: 0, signal: null }
const directory = mkdtempSync(join(tmpdir(), 'drain-'))

beforeAll(() => ensureBuild())
afterAll(() => rmSync(directory, { recursive: true }))

describeOnEachServer('SIGTERM', (kind) => {
  const stage = setStage(kind)
  let program: ChildProgram | undefined

  afterEach(() => program?.end())

  /** A proxy of its own process, and how to connect to it and to stop it. */
  async function start(environment: Record<string, string> = {}) {
    const running = startProgram(process.execPath, [bundlePath], {
      env: { RUSTEZE_LISTEN: '127.0.0.1:0', RUSTEZE_BACKENDS: stage.server.addr, ...environment },
    })
    program = running
    await running.says(/listening/)
    const ports = Array.from(running.output().matchAll(/"port":(\d+)/g), ([, port]) => Number(port))
    const [port = 0] = ports
    return {
      running,
      ports,
      client: async (): Promise<RawClient> => stage.keep(await connect(port)),
      stop: async () => {
        process.kill(running.pid, 'SIGTERM')
        await running.says(/stopping/)
      },
    }
  }

  test('idle clients are closed with a proper end once they have been silent', async () => {
    const { running, client, stop } = await start({ RUSTEZE_DRAIN_IDLE: '200ms' })
    const [idle, subscriber] = await Promise.all([client(), client()])
    await idle.ask('PING')
    await subscriber.ask('SUBSCRIBE', 'c')
    await stop()
    expect((await idle.readUntilClose()).length).toBe(0)
    expect((await subscriber.readUntilClose()).length).toBe(0)
    idle.end()
    subscriber.end()
    expect(await running.exit).toEqual(ended)
  })

  test('a client at work is served on, a new one too, and a slow reply is delivered', async () => {
    const { running, client, stop } = await start({ RUSTEZE_DRAIN_IDLE: '300ms', RUSTEZE_DRAIN: '20s' })
    const [busy, blocked] = await Promise.all([client(), client()])
    blocked.send(['BLPOP', 'late', '0'])
    await stage.blockedClients(1)
    await stop()
    expect(await busy.ask('SET', 'served', '1')).toBe('+OK\r\n')
    const late = await client()
    expect(await late.ask('GET', 'served')).toBe('$1\r\n1\r\n')
    expect(await late.ask('RPUSH', 'late', 'x')).toBe(':1\r\n')
    expect((await blocked.readUntilClose()).toString()).toBe('*2\r\n$4\r\nlate\r\n$1\r\nx\r\n')
    for (const each of [busy, late]) expect((await each.readUntilClose()).length).toBe(0)
    expect(await running.exit).toEqual(ended)
  })

  test('a second signal waits for owed replies only', async () => {
    const { running, client, stop } = await start({ RUSTEZE_DRAIN: '20s', RUSTEZE_DRAIN_IDLE: '20s' })
    const [idle, owed] = await Promise.all([client(), client()])
    await idle.ask('PING')
    owed.send(['BLPOP', 'owed', '0'])
    await stage.blockedClients(1)
    await stop()
    process.kill(running.pid, 'SIGTERM')
    expect((await idle.readUntilClose()).length).toBe(0)
    const aside = await stage.direct()
    await aside.ask('RPUSH', 'owed', 'y')
    expect((await owed.readUntilClose()).toString()).toBe('*2\r\n$4\r\nowed\r\n$1\r\ny\r\n')
    expect(await running.exit).toEqual(ended)
  })

  test('whoever is in a transaction, listens to MONITOR or is still blocked at RUSTEZE_DRAIN is closed, and the last hears why', async () => {
    const { running, client, stop } = await start({ RUSTEZE_DRAIN: '700ms', RUSTEZE_DRAIN_IDLE: '50ms' })
    const [blocked, inside, monitor] = await Promise.all([client(), client(), client()])
    blocked.send(['BLPOP', 'never', '0'])
    await stage.blockedClients(1)
    await inside.ask('MULTI')
    await monitor.ask('MONITOR')
    await stop()
    expect((await blocked.readUntilClose()).toString()).toBe(
      '-UNCERTAIN rusteze stops; the command may have been executed\r\n',
    )
    expect((await inside.readUntilClose()).length).toBe(0)
    await monitor.readUntilClose()
    expect(await running.exit).toEqual(ended)
    await stage.blockedClients(0)
  })

  test('with no server at all it ends in time too, and who waits hears that nothing was run', async () => {
    const { running, client, stop } = await start({
      RUSTEZE_BACKENDS: `127.0.0.1:${await freePort()}`,
      RUSTEZE_DRAIN: '800ms',
      RUSTEZE_HOLD: '20s',
    })
    const waiting = await client()
    for (const key of ['x', 'y']) waiting.send(['GET', key])
    await stop()
    const error = '-MASTERDOWN Link with MASTER is down (rusteze stops; the command did not run)\r\n'
    expect((await waiting.readUntilClose()).toString()).toBe(error.repeat(2))
    expect(await running.exit).toEqual(ended)
  })

  test('several addresses are listened on, a unix socket among them that is ours alone', async () => {
    const path = join(directory, `${kind}.sock`)
    const { running, ports, stop } = await start({
      RUSTEZE_LISTEN: `127.0.0.1:0, 127.0.0.1:${await freePort()}, unix:${path}`,
      RUSTEZE_DRAIN_IDLE: '50ms',
    })
    const [first = 0, second = 0] = ports
    for (const target of [first, second, { path }]) {
      const client = await connect(target)
      expect(await client.ask('PING')).toBe('+PONG\r\n')
      expect(await client.ask('CLIENT', 'LIST')).toMatch(/ addr=\S+ /)
      await client.close()
    }
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await stop()
    expect(await running.exit).toEqual(ended)
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  })

  test('a unix socket is for whom RUSTEZE_SOCKET_MODE says', async () => {
    const path = join(directory, `${kind}-all.sock`)
    await start({ RUSTEZE_LISTEN: `127.0.0.1:0,unix:${path}`, RUSTEZE_SOCKET_MODE: '666' })
    expect(statSync(path).mode & 0o777).toBe(0o666)
  })
})
