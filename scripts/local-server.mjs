// Starts one Redis or Valkey process on loopback, without persistence, and waits until it serves.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** How long a server may take until it serves; a loaded machine takes about a second. */
const startTimeoutMs = 20_000

/**
 * @param {string} host
 * @returns {Promise<number>} a port that was free a moment ago
 */
export async function freePort(host = '127.0.0.1') {
  const probe = createServer().listen(0, host)
  await once(probe, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address())
  probe.close()
  await once(probe, 'close')
  return port
}

/**
 * @param {string} binary
 * @returns {string} such as "7.0.15"
 */
export function serverVersion(binary) {
  const { stdout, error } = spawnSync(binary, ['--version'], { encoding: 'utf8' })
  const version = /v=(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1]
  if (!version) throw new Error(`${binary} --version names no version: ${error?.message ?? stdout}`)
  return version
}

/**
 * @param {object} options
 * @param {string} options.binary
 * @param {string} options.host
 * @param {number} options.port
 * @param {string} options.directory where the server works; its own
 * @param {string[]} [options.arguments] added last, so they win
 * @param {readonly string[]} [options.wrapper] a program with its arguments that becomes the server, such as nsenter
 * @param {import('./keeper.mjs').Keeper} options.keeper ends the server if we cannot
 * @returns {Promise<import('node:child_process').ChildProcess & { pid: number }>} once it accepts connections
 */
export async function launchServer({ binary, host, port, directory, arguments: more = [], wrapper = [], keeper }) {
  const own = ['--bind', host, '--port', String(port), '--dir', directory, '--save', '', '--appendonly', 'no']
  const [program, ...args] = [...wrapper, binary, ...own, ...more]
  const child = spawn(/** @type {string} */ (program), args, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C goes to the whole group, but a server must outlive the clients that drain.
    detached: true,
  })
  const { pid } = child
  if (pid === undefined) throw (await once(child, 'error'))[0]
  keeper.guard(pid)
  child.once('exit', () => keeper.release(pid))

  const log = await new Promise((resolve) => {
    let text = ''
    let isServing = false
    const deadline = setTimeout(() => resolve(text || 'it said nothing'), startTimeoutMs)
    const settle = (/** @type {string | undefined} */ result) => {
      clearTimeout(deadline)
      resolve(result)
    }
    for (const stream of [child.stdout, child.stderr]) {
      // Read for as long as it lives: a server whose output nobody reads stops once the pipe is full.
      stream.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
        if (isServing) return
        text += chunk
        isServing = text.includes('Ready to accept connections')
        if (isServing) settle(undefined)
      })
    }
    child.once('close', () => settle(text))
  })
  if (log === undefined) return Object.assign(child, { pid })
  child.kill('SIGKILL')
  throw new ServerDidNotStart(`${binary} did not start on ${host}:${port}: ${log.trim()}`)
}

/** The server ended, or said nothing in time; the message has its log. */
export class ServerDidNotStart extends Error {}

/**
 * Starts a server on a port that the system chooses, and again on another when someone was faster to take it.
 *
 * @param {Omit<Parameters<typeof launchServer>[0], 'port'>} options
 */
export async function launchServerOnFreePort(options) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(options.host)
    try {
      return { port, child: await launchServer({ ...options, port }) }
    } catch (error) {
      const isPortTaken = error instanceof ServerDidNotStart && /address already in use/i.test(error.message)
      if (!isPortTaken || attempt === 5) throw error
    }
  }
}
