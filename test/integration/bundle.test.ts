// The bundle runs alone: one file, copied away from the repository and its node_modules.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { bundlePath, ensureBuild } from '../../scripts/toolchain.mjs'
import { startProgram } from '../support/child-program.ts'
import { connect } from '../support/raw-client.ts'
import { describeOnEachServer, freePort, startRedis } from '../support/redis-server.ts'

let directory: string
let bundle: string

beforeAll(async () => {
  await ensureBuild()
  directory = mkdtempSync(join(tmpdir(), 'bundle-'))
  bundle = join(directory, 'rusteze.mjs')
  copyFileSync(bundlePath, bundle)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function runBundle(args: string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [bundle, ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
}

test('--version is that of package.json', () => {
  expect(runBundle(['--version'])).toMatchObject({ status: 0, stdout: `${manifest.version}\n`, stderr: '' })
})

test('no module of Node is loaded that takes memory for nothing', () => {
  const tell = join(mkdtempSync(join(tmpdir(), 'bundle-modules-')), 'tell.cjs')
  writeFileSync(tell, 'process.on("exit", () => process.stderr.write(process.moduleLoadList.join("\\n")))')
  const { stderr } = runBundle(['--version'], { NODE_OPTIONS: `--require=${tell}` })
  rmSync(dirname(tell), { recursive: true })
  const loaded = stderr.split('\n').map((line) => line.replace('NativeModule ', ''))
  expect(loaded).toContain('net')
  const heavy = ['assert', 'crypto', 'fs/promises', 'http', 'https', 'tls', 'worker_threads', 'internal/fs/promises']
  expect(loaded.filter((name) => heavy.includes(name) || name.includes('undici'))).toEqual([])
})

test('a subcommand needs the file beside it, and says so', () => {
  const { status, stderr } = runBundle(['healthcheck'])
  expect(stderr).toBe('rusteze: subcommands.mjs is missing: put it beside rusteze.mjs, as npm run build makes both\n')
  expect(status).toBe(64)
})

test('an unknown argument is told with those that are known', () => {
  const { status, stderr } = runBundle(['--verbose'])
  expect(stderr).toMatch(
    /^rusteze: unknown argument '--verbose', known are doctor, wait, healthcheck, injector, --help, --version;/,
  )
  expect(status).toBe(64)
})

test('--help names the settings', () => {
  const { status, stdout } = runBundle(['--help'])
  expect(status).toBe(0)
  expect(stdout).toContain('RUSTEZE_BACKENDS')
})

test('a wrong setting ends it with 64', () => {
  const { status, stderr } = runBundle([], { RUSTEZE_BACKEND: '127.0.0.1:6379', RUSTEZE_HOLD: '5 apples' })
  expect(status).toBe(64)
  expect(stderr).toContain('RUSTEZE_BACKENDS')
  expect(stderr).toContain('5 apples')
})

test('the injector is in the file beside it', () => {
  const injector = join(directory, 'injector.mjs')
  copyFileSync(join(dirname(bundlePath), 'injector.mjs'), injector)
  const { status, stderr } = runBundle(['injector'])
  rmSync(injector)
  expect(status).toBe(64)
  expect(stderr).toContain('RUSTEZE_INJECTOR_SERVICE: it is missing')
})

test('files that cannot be read end it with 64, all of them named', () => {
  const { status, stderr } = runBundle([], {
    RUSTEZE_CLIENT_PASSWORD_FILE: '/nowhere/password',
    RUSTEZE_BACKEND_PASSWORD_FILE: directory,
  })
  expect(status).toBe(64)
  expect(stderr).toMatch(/RUSTEZE_CLIENT_PASSWORD_FILE.*\/nowhere\/password.*ENOENT/)
  expect(stderr).toMatch(/RUSTEZE_BACKEND_PASSWORD_FILE.*EISDIR/)
})

test('only what is loaded late is wrapped for that: on the way of a command it would cost time', () => {
  // Long lines of the bundle are broken, within names as well.
  const text = readFileSync(bundle, 'utf8').replaceAll('\\\n', '')
  const wrapped = Array.from(text.matchAll(/"src\/([^"]+)"\(\)/g), ([, path]) => path!)
  expect(wrapped).toContain('operations/exposition.ts')
  expect(wrapped.filter((path) => !/^(operations|config)\//.test(path))).toEqual([])
})

test('without kubeconfig.mjs beside it, it says where it can find Kubernetes', async () => {
  const proxy = startProgram(process.execPath, [bundle], {
    cwd: directory,
    env: { RUSTEZE_LISTEN: '127.0.0.1:0', RUSTEZE_SERVICE: 'data/redis', KUBECONFIG: '', KUBERNETES_SERVICE_HOST: '' },
  })
  try {
    await proxy.says(/kubeconfig\.mjs is not beside the program.* only in a pod/)
    expect(proxy.output()).toContain('DNS is used')
  } finally {
    await proxy.end()
  }
})

test('the live page is in it, with a policy that allows its own script and style alone', async () => {
  const port = await freePort()
  const proxy = startProgram(process.execPath, [bundle], {
    cwd: directory,
    env: { RUSTEZE_LISTEN: '127.0.0.1:0', RUSTEZE_BACKENDS: '127.0.0.1:1', RUSTEZE_ADMIN: `127.0.0.1:${port}` },
  })
  try {
    await proxy.says(/probes and metrics are answered/)
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = response.headers.get('content-security-policy')
    const html = await response.text()
    for (const name of ['script', 'style']) {
      const [, text] = html.match(new RegExp(`<${name}>([\\s\\S]*)</${name}>`))!
      expect(policy).toContain(`${name}-src 'sha256-${createHash('sha256').update(text!).digest('base64')}';`)
    }
    expect(html).not.toMatch(/ (src|href)="(?!data:)/)
  } finally {
    await proxy.end()
  }
})

describeOnEachServer('the bundle', (kind) => {
  test('serves, and ends with 0 on SIGTERM', async () => {
    const server = await startRedis({ kind })
    const port = await freePort()
    const proxy = startProgram(process.execPath, [bundle], {
      cwd: directory,
      env: { RUSTEZE_LISTEN: `127.0.0.1:${port}`, RUSTEZE_BACKENDS: server.addr },
    })
    try {
      await proxy.says(/listening/)
      const client = await connect(port)
      expect(await client.ask('SET', 'k', 'v')).toBe('+OK\r\n')
      expect(await client.ask('GET', 'k')).toBe('$1\r\nv\r\n')
      await client.close()
      process.kill(proxy.pid, 'SIGTERM')
      expect(await proxy.exit).toEqual({ code: 0, signal: null })
      expect(readdirSync(directory)).toEqual(['rusteze.mjs'])
    } finally {
      await proxy.end()
      await server.stop()
    }
  })
})
