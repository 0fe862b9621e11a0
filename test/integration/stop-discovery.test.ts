// SIGTERM ends the program with 0 at any moment of discovery, whatever it is waiting for.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundlePath, ensureBuild } from '../../scripts/toolchain.mjs'
import { startProgram } from '../support/child-program.ts'
import { hasKubernetes, KubernetesApiServer } from '../support/kubernetes-api-server.ts'
import { freePort } from '../support/redis-server.ts'
import { TcpLink } from '../support/tcp-link.ts'

/** Tells when the program begins to catch signals: before that there is nothing of ours that runs. */
const tellsWhenReady = `--import=data:text/javascript,${encodeURIComponent(`
  import { writeSync } from 'node:fs'
  const on = process.on
  process.on = (event, ...rest) => {
    on.call(process, event, ...rest)
    if (event === 'SIGTERM') writeSync(1, 'catches SIGTERM\\n')
    return process
  }`)}`

/** In ms after the program could be stopped for the first time: it loads, reads the kubeconfig, connects, lists, watches, waits. */
const MOMENTS = [0, 10, 40, 80, 120, 160, 220, 280, 340, 400, 500, 800, 1500]

const environment = {
  RUSTEZE_LISTEN: '127.0.0.1:0',
  RUSTEZE_SERVICE: 'default/redis',
  RUSTEZE_DRAIN_IDLE: '10ms',
  // Longer than a test may take: only what ends of itself passes.
  RUSTEZE_DRAIN: '60s',
  KUBERNETES_SERVICE_HOST: '',
  NODE_OPTIONS: tellsWhenReady,
}

async function stopAt(
  momentMs: number,
  env: Readonly<Record<string, string>>,
  command = [process.execPath, bundlePath],
) {
  const [program, ...args] = command
  const running = startProgram(program!, args, { env: { ...environment, ...env } })
  try {
    await running.says(/catches SIGTERM/)
    await delay(momentMs)
    process.kill(running.pid, 'SIGTERM')
    expect(await running.exit, running.output()).toEqual({ code: 0, signal: null })
    return running.output()
  } finally {
    await running.end()
  }
}

async function stopAtAll(env: Readonly<Record<string, string>>, moments = MOMENTS): Promise<void> {
  // Two at a time: this is about moments, which more at once would blur.
  const left = [...moments]
  const worker = async () => {
    for (let moment = left.shift(); moment !== undefined; moment = left.shift()) await stopAt(moment, env)
  }
  await Promise.all([worker(), worker()])
}

let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stop-'))
  await ensureBuild()
}, 60_000)
afterAll(() => rmSync(directory, { recursive: true }))

function kubeconfig(port: number): string {
  const path = join(directory, `kubeconfig-${port}`)
  const config = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    clusters: [{ name: 'test', cluster: { server: `https://127.0.0.1:${port}` } }],
    users: [{ name: 'test', user: {} }],
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}

test(
  'while there is no kubeconfig',
  () => stopAtAll({ KUBECONFIG: join(directory, 'none') }, [0, 40, 120, 220, 400, 1500]),
  60_000,
)

test('while nothing listens at the API server', async () => {
  await stopAtAll({ KUBECONFIG: kubeconfig(await freePort()) }, [0, 80, 160, 280, 500, 1500])
}, 60_000)

test('in the TLS handshake with a server that does not answer', async () => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => sockets.push(socket.on('error', () => {})))
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  await stopAtAll({ KUBECONFIG: kubeconfig((silent.address() as AddressInfo).port) })
  expect(sockets.length).toBeGreaterThan(0)
  for (const socket of sockets) socket.destroy()
  silent.close()
}, 60_000)

const canUnshare =
  spawnSync('unshare', ['--map-root-user', '--mount', '--net', 'ip', 'link', 'set', 'lo', 'up']).status === 0

/** In a network of its own the only name server never answers; a resolver of the system would hold up the end for 20 s. */
test.skipIf(!canUnshare)('while DNS does not answer (skipped where namespaces are not allowed)', async () => {
  const silence = join(directory, 'resolv.conf')
  writeFileSync(silence, 'nameserver 127.0.0.77\nsearch default.svc.cluster.local svc.cluster.local cluster.local\n')
  // A child of the program, which it stops with the first question and does not outlive.
  const nameServer = `const { ppid } = process
    const socket = require('node:dgram').createSocket('udp4').bind(53, '127.0.0.77')
    socket.once('message', () => process.kill(ppid, 'SIGTERM'))
    setInterval(() => process.ppid === ppid || process.exit(), 100)`
  const script = `ip link set lo up && mount --bind "$1" /etc/resolv.conf || exit 1
    NODE_OPTIONS= "$0" -e "$2" >/dev/null &
    exec "$0" "$3"`
  const running = startProgram(
    'unshare',
    [...['--map-root-user', '--mount', '--net', 'sh', '-c', script], process.execPath, silence, nameServer, bundlePath],
    { env: { ...environment, KUBECONFIG: join(directory, 'none') } },
  )
  try {
    expect(await running.exit, running.output()).toEqual({ code: 0, signal: null })
    expect(running.output()).toContain('stopping')
  } finally {
    await running.end()
  }
})

describe.skipIf(!hasKubernetes)('with an API server (skipped without KUBEBUILDER_ASSETS)', () => {
  const api = new KubernetesApiServer()
  beforeAll(() => api.start(), 90_000)
  afterAll(() => api.stop())

  test('that answers', () => stopAtAll({ KUBECONFIG: api.kubeconfig('admin') }), 60_000)

  test(
    'that may not be asked',
    () => stopAtAll({ KUBECONFIG: api.kubeconfig('app') }, [0, 300, 600, 1200, 2500]),
    60_000,
  )

  test('that stands still after any number of bytes: in the handshake, in a list, in a watch', async () => {
    for (const bytes of [1, 1000, 1500, 2000, 3000, 4000]) {
      const link = await TcpLink.start(api.port, bytes)
      await stopAtAll({ KUBECONFIG: api.kubeconfig('admin', link.port) }, [400, 900])
      link.close()
    }
  }, 60_000)
})
