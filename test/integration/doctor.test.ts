// rusteze doctor where all is well, and one fault at a time on its own side: settings, files, addresses, arguments.

import { beforeAll, describe, expect, test } from 'vitest'
import { bundlePath, ensureBuild } from '../../scripts/toolchain.mjs'
import { startProgram } from '../support/child-program.ts'
import { doctor, expectOnly, PASSWORD, setSurgery } from '../support/doctor.ts'
import { describeOnEachServer, freePort, startRedis } from '../support/redis-server.ts'
import { startProxy } from '../support/start-proxy.ts'
import { runSubcommand } from '../support/subcommand.ts'
import { waitUntil } from '../support/wait-until.ts'

const { keep, server, file } = setSurgery()

beforeAll(() => ensureBuild())

describeOnEachServer('a healthy primary', (kind) => {
  test('with a user and a password from a file: nothing but ok', async () => {
    const user = ['--user', 'app', 'on', `>${PASSWORD}`, '~*', '&*', '+@all']
    const only = keep(await startRedis({ kind, arguments: user }))
    const { code, lines } = await doctor({
      RUSTEZE_BACKENDS: only.addr,
      RUSTEZE_BACKEND_USERNAME: 'app',
      RUSTEZE_BACKEND_PASSWORD_FILE: file('password', `${PASSWORD}\n`),
    })
    const version = '\\d+\\.\\d+\\.\\d+'
    expect(lines).toEqual([
      expect.stringMatching(/^ok +settings: RUSTEZE_LISTEN, .*RUSTEZE_BACKENDS.* the rest at their defaults$/),
      expect.stringMatching(/^ok +files: RUSTEZE_BACKEND_PASSWORD_FILE=.*password: readable$/),
      expect.stringMatching(/^ok +memory: .*64 MiB of replies and commands may wait$/),
      'ok       listen: RUSTEZE_LISTEN is any free port',
      expect.stringMatching(`^ok +${only.addr}: ${kind} ${version}, master, logged in as app, answers in [0-9.]+ ms$`),
      `ok       primary: ${only.addr}: the only master`,
      'ok       clock: agrees with 1 other',
      '7 ok, 0 warnings, 0 failed',
    ])
    expect(code).toBe(0)
  })
})

describe('this side', () => {
  test('mistakes in the settings: all of them, and nothing else', async () => {
    const { lines, code } = await doctor({ RUSTEZE_HOLD: '5 apples', RUSTEZE_BACKEND: 'here' })
    expect(lines).toEqual([
      expect.stringMatching(/^failed +settings: RUSTEZE_HOLD="5 apples": it is not a duration. Write/),
      expect.stringMatching(
        /^failed +settings: RUSTEZE_BACKEND: there is no such setting. Did you mean RUSTEZE_BACKENDS\?/,
      ),
      '0 ok, 0 warnings, 2 failed',
    ])
    expect(code).toBe(1)
  })

  test('settings that deserve a warning, files that cannot be read or are empty', async () => {
    const only = await server()
    const backends = { RUSTEZE_BACKENDS: only.addr }
    await expectOnly(/^warning +settings: RUSTEZE_PROTECTED=off: everyone who reaches 0.0.0.0/, {
      ...backends,
      RUSTEZE_LISTEN: '0.0.0.0:0',
      RUSTEZE_PROTECTED: 'off',
    })
    await expectOnly(/^failed +files: RUSTEZE_CLIENT_PASSWORD_FILE=\/nowhere\/secret: it cannot be read \(ENOENT\)/, {
      ...backends,
      RUSTEZE_CLIENT_PASSWORD_FILE: '/nowhere/secret',
    })
    await expectOnly(/^failed +files: .*it is empty/, {
      ...backends,
      RUSTEZE_CLIENT_PASSWORD_FILE: file('empty', '\n'),
    })
    await expectOnly(/^warning +files: .*more than one line break/, {
      ...backends,
      RUSTEZE_CLIENT_PASSWORD_FILE: file('breaks', `${PASSWORD}\n\n`),
    })
  })

  test('an address that is free, one of somebody else, one of no interface, and a directory that is none', async () => {
    const only = await server()
    const backends = { RUSTEZE_BACKENDS: only.addr }
    const port = await freePort()
    const free = await doctor({ ...backends, RUSTEZE_LISTEN: `127.0.0.1:${port}` })
    expect(free.lines).toContain(`ok       listen: 127.0.0.1:${port} is free`)
    const other = await server()
    await expectOnly(new RegExp(`^warning +listen: ${other.addr} is taken by a program that does not answer`), {
      ...backends,
      RUSTEZE_LISTEN: other.addr,
    })
    await expectOnly(/^failed +listen: 198.51.100.1:7000 cannot be had: EADDRNOTAVAIL/, {
      ...backends,
      RUSTEZE_LISTEN: '198.51.100.1:7000',
      RUSTEZE_CLIENT_PASSWORD_FILE: file('listen', PASSWORD),
    })
    await expectOnly(/^failed +listen: unix:\/nowhere\/s cannot be had: there is no directory \/nowhere/, {
      ...backends,
      RUSTEZE_LISTEN: 'unix:/nowhere/s',
    })
  })

  test('a proxy that runs there is asked how it fares', async () => {
    const only = await server()
    const environment = { RUSTEZE_BACKENDS: only.addr, RUSTEZE_LISTEN: `127.0.0.1:${await freePort()}` }
    const proxy = keep(await startProxy({ ...environment, RUSTEZE_ADMIN: '127.0.0.1:0' }))
    const same = { ...environment, RUSTEZE_ADMIN: `127.0.0.1:${proxy.adminPort}` }
    await waitUntil(() => proxy.app.status().shards[0]!.state === 'serving', { what: 'it serves' })
    const well = await doctor(same)
    expect(well.lines).toContain(`ok       listen: 127.0.0.1:${proxy.port} is taken, and Rusteze runs here`)
    expect(well.output).toMatch(
      new RegExp(`ok +running proxy: Rusteze [0-9.]+, 0 clients, serves with the primary ${only.addr}`),
    )
    await only.stop()
    await proxy.logs(/no primary/)
    const ill = await doctor(same)
    expect(ill.output).toMatch(/failed +running proxy: Rusteze [0-9.]+, 0 clients, is holding/)
  })

  test('--json: the same findings for programs', async () => {
    const { output, code } = await doctor({ RUSTEZE_BACKENDS: `127.0.0.1:${await freePort()}` }, '--json')
    const { findings, summary } = JSON.parse(output)
    expect(findings).toContainEqual({
      check: expect.stringMatching(/^127/),
      level: 'failed',
      message: 'it refuses connections (ECONNREFUSED)',
      mend: expect.stringMatching(/^Look/),
    })
    expect(summary).toEqual({ ok: findings.length - 2, warnings: 0, failed: 2 })
    expect(code).toBe(1)
  })

  test('whoever reads the output may leave early', async () => {
    const command = `sleep 0.2; exec "$0" "$1" doctor`
    const shell = startProgram('bash', ['-c', `set -o pipefail; (${command}) | true`, process.execPath, bundlePath])
    keep({ stop: () => shell.end() })
    expect(await shell.exit).toEqual({ code: 1, signal: null })
    expect(shell.output()).toBe('')
  })

  test('arguments that it does not know are told with those it knows', async () => {
    expect(await runSubcommand(['doctor', '--jsn'], {})).toMatchObject({
      code: 64,
      output: "rusteze doctor: unknown argument '--jsn'; it takes --json\n",
    })
    expect(await runSubcommand(['doktor'], {})).toMatchObject({
      code: 64,
      output: expect.stringMatching(
        /unknown argument 'doktor', known are doctor, wait, healthcheck, injector, --help, --version/,
      ),
    })
    const help = await runSubcommand(['--help'], {})
    for (const name of ['doctor', 'wait', 'healthcheck']) expect(help.output).toMatch(new RegExp(`^ {2}${name} `, 'm'))
  })
})
