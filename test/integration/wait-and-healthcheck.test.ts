// rusteze wait and rusteze healthcheck, as containers use them.

import { beforeAll, describe, expect, test } from 'vitest'
import { bundlePath, ensureBuild } from '../../scripts/toolchain.mjs'
import { startProgram } from '../support/child-program.ts'
import { PASSWORD, setSurgery } from '../support/doctor.ts'
import { freePort } from '../support/redis-server.ts'
import { startProxy } from '../support/start-proxy.ts'
import { runSubcommand } from '../support/subcommand.ts'
import { waitUntil } from '../support/wait-until.ts'

const { keep, server, file } = setSurgery()

beforeAll(() => ensureBuild())

describe('wait', () => {
  test('ends with 0 as soon as the primary answers, and not before', async () => {
    const redis = await server()
    await redis.stop()
    const environment = { RUSTEZE_LISTEN: `127.0.0.1:${await freePort()}`, RUSTEZE_BACKENDS: redis.addr }
    const waiting = startProgram(process.execPath, [bundlePath, 'wait', '--max', '30s'], { env: environment })
    keep({ stop: () => waiting.end() })
    const proxy = keep(await startProxy({ ...environment, RUSTEZE_HOLD: '200ms' }))
    await proxy.logs(/no primary/)
    // Its question was held and refused: the proxy alone is not enough.
    await waitUntil(() => proxy.app.status().clients.accepted >= 2, { what: 'it has asked twice' })
    expect(waiting.output()).toBe('')
    await redis.restart()
    expect(await waiting.exit).toEqual({ code: 0, signal: null })
    expect(waiting.output()).toMatch(/^the proxy serves, after \d+\.\d s\n$/)
  })

  test('says what is missing when the time is over', async () => {
    const port = await freePort()
    const nobody = await runSubcommand(['wait', '--max', '300ms'], { RUSTEZE_LISTEN: `127.0.0.1:${port}` })
    expect(nobody).toMatchObject({
      code: 1,
      output: 'rusteze wait: given up after 0.3 s: the proxy does not answer: ECONNREFUSED\n',
    })
    const backend = `127.0.0.1:${await freePort()}`
    const proxy = keep(
      await startProxy({ RUSTEZE_BACKENDS: backend, RUSTEZE_ADMIN: '127.0.0.1:0', RUSTEZE_HOLD: '200ms' }),
    )
    const { code, output } = await runSubcommand(['wait', '--max', '1s'], {
      RUSTEZE_LISTEN: `127.0.0.1:${proxy.port}`,
      RUSTEZE_ADMIN: `127.0.0.1:${proxy.adminPort}`,
    })
    expect(output).toMatch(
      new RegExp(`given up after 1 s: MASTERDOWN .*no confirmed primary for 0.2 s\\) \\(${backend}: ECONNREFUSED\\)`),
    )
    expect(code).toBe(1)
    // The command is held for longer than it waits.
    const holding = keep(await startProxy({ RUSTEZE_BACKENDS: backend }))
    expect(
      await runSubcommand(['wait', '--max', '300ms'], { RUSTEZE_LISTEN: `127.0.0.1:${holding.port}` }),
    ).toMatchObject({
      code: 1,
      output: 'rusteze wait: given up after 0.3 s: the proxy takes commands, and no primary answers\n',
    })
  })

  test('over a unix socket, and with the password of the proxy', async () => {
    const redis = await server()
    const environment = {
      RUSTEZE_BACKENDS: redis.addr,
      RUSTEZE_LISTEN: `unix:${file('socket', '')}-of-the-proxy`,
      RUSTEZE_CLIENT_PASSWORD_FILE: file('password', `${PASSWORD}\n`),
    }
    keep(await startProxy(environment))
    expect(await runSubcommand(['wait', '--max', '5s'], environment)).toMatchObject({ code: 0 })
    const wrong = { ...environment, RUSTEZE_CLIENT_PASSWORD_FILE: file('wrong', 'wrong') }
    const { code, output } = await runSubcommand(['wait', '--max', '300ms'], wrong)
    expect(output).toContain('the proxy refuses RUSTEZE_CLIENT_PASSWORD_FILE: WRONGPASS')
    expect(code).toBe(1)
  })

  test('a server that clients have to log in to has answered', async () => {
    const redis = await server('--requirepass', PASSWORD)
    const proxy = keep(await startProxy({ RUSTEZE_BACKENDS: redis.addr }))
    const outcome = await runSubcommand(['wait', '--max', '5s'], { RUSTEZE_LISTEN: `127.0.0.1:${proxy.port}` })
    expect(outcome).toMatchObject({ code: 0 })
  })

  test.each([
    [['--max'], /--max : it is not a duration/],
    [['--max', '5 apples'], /--max 5 apples: it is not a duration. Write/],
    [['--for', '5s'], /unknown argument '--for'; it takes --max 60s/],
    [['--max', '5s', 'now'], /unknown argument 'now'; it takes --max 60s/],
  ])('%j ends it with 64', async (args, pattern) => {
    expect(await runSubcommand(['wait', ...args], {})).toMatchObject({
      code: 64,
      output: expect.stringMatching(pattern),
    })
  })

  test('mistakes in the settings, and a port that is not known, end it with 64', async () => {
    expect(await runSubcommand(['wait'], { RUSTEZE_HOLD: 'x' })).toMatchObject({
      code: 64,
      output: expect.stringMatching(/^RUSTEZE_HOLD="x": it is not a duration/),
    })
    expect(await runSubcommand(['wait'], {})).toMatchObject({
      code: 64,
      output: expect.stringMatching(/give it a port/),
    })
  })
})

describe('healthcheck', () => {
  test('tells what the probes tell', async () => {
    const proxy = keep(
      await startProxy({ RUSTEZE_BACKENDS: '127.0.0.1:1', RUSTEZE_ADMIN: '127.0.0.1:0', RUSTEZE_DRAIN: '20s' }),
    )
    const environment = { RUSTEZE_ADMIN: `127.0.0.1:${proxy.adminPort}` }
    const check = async (...args: string[]) => {
      const { code, output } = await runSubcommand(['healthcheck', ...args], environment)
      return [code, output]
    }
    expect(await check()).toEqual([0, 'alive\n'])
    expect(await check('readyz')).toEqual([0, 'ready\n'])
    expect(await check('startup')).toEqual([0, 'started\n'])
    expect(await check('healthz')).toEqual([
      64,
      "rusteze healthcheck: unknown argument 'healthz'; it takes one of livez, readyz, startup\n",
    ])
    // Of every interface.
    const everywhere = { RUSTEZE_ADMIN: `[::]:${proxy.adminPort}` }
    expect(await runSubcommand(['healthcheck'], everywhere)).toMatchObject({ code: 0, output: 'alive\n' })
  })

  test('is 1 where a probe says no, nobody answers, or nobody is to be asked', async () => {
    const kubeconfig = { KUBECONFIG: '/nowhere', KUBERNETES_SERVICE_HOST: '', RUSTEZE_SERVICE: 'nowhere/redis' }
    const port = await freePort()
    const program = startProgram(process.execPath, [bundlePath], {
      env: { ...kubeconfig, RUSTEZE_LISTEN: '127.0.0.1:0', RUSTEZE_ADMIN: `127.0.0.1:${port}` },
    })
    keep({ stop: () => program.end() })
    await program.says(/probes and metrics are answered/)
    const environment = { RUSTEZE_ADMIN: `127.0.0.1:${port}` }
    expect(await runSubcommand(['healthcheck', 'readyz'], environment)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^starting: waits for the first answer of the discovery/),
    })
    await program.end()
    expect(await runSubcommand(['healthcheck'], environment)).toMatchObject({
      code: 1,
      output: 'the admin server (RUSTEZE_ADMIN) does not answer: ECONNREFUSED\n',
    })
    expect(await runSubcommand(['healthcheck'], {})).toMatchObject({
      code: 1,
      output: expect.stringMatching(/RUSTEZE_ADMIN names no address/),
    })
  })
})
