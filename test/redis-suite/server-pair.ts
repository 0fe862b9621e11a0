// Starts what one unit of the suite talks to: a fresh redis-server and, unless the run is direct, the proxy before it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync } from 'node:fs'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Keeper } from '../../scripts/keeper.mjs'
import { freePort, launchServerOnFreePort } from '../../scripts/local-server.mjs'
import { root } from '../../scripts/toolchain.mjs'

const HOST = '127.0.0.1'

/** As Redis's own CI starts the server for its external tests. */
const SERVER_ARGUMENTS = ['--enable-protected-configs', 'yes', '--enable-debug-command', 'yes'].concat([
  '--enable-module-command',
  'yes',
])

/** The bundle listens within 150 ms on a quiet machine; a command such as `npx` takes seconds. */
const PROXY_START_MS = 15_000
const PROXY_END_MS = 10_000
const POLL_MS = 20
const PORT_ATTEMPTS = 3

export interface PairOptions {
  readonly keeper: Keeper
  readonly redisBinary: string
  /** The server's own working directory; made here. */
  readonly directory: string
  /** `undefined`: the suite talks to Redis itself. */
  readonly proxyCommand: readonly string[] | undefined
  readonly proxyLog: string
}

export interface Pair {
  /** Where the suite connects. */
  readonly port: number
  /** Ends both. What the proxy did that it should not is returned in sentences. */
  stop(): Promise<string[]>
}

export async function startPair(options: PairOptions): Promise<Pair> {
  const { keeper, redisBinary, directory, proxyCommand } = options
  mkdirSync(directory, { recursive: true })
  const server = await launchServerOnFreePort({
    binary: redisBinary,
    host: HOST,
    directory,
    arguments: SERVER_ARGUMENTS,
    keeper,
  })
  async function stopServer(): Promise<void> {
    await end(server.child, 'SIGKILL')
  }
  if (proxyCommand === undefined) {
    return {
      port: server.port,
      async stop() {
        await stopServer()
        return []
      },
    }
  }
  try {
    const proxy = await startProxy(proxyCommand, server.port, options)
    return {
      port: proxy.port,
      async stop() {
        const problems = await stopProxy(proxy.child)
        await stopServer()
        return problems
      },
    }
  } catch (error) {
    await stopServer()
    throw error
  }
}

async function startProxy(
  command: readonly string[],
  serverPort: number,
  { keeper, proxyLog }: PairOptions,
): Promise<{ port: number; child: ChildProcess }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(HOST)
    const child = spawn(command[0] ?? '', command.slice(1), {
      cwd: root,
      env: proxyEnvironment(port, serverPort),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const { pid } = child
    if (pid === undefined) throw (await once(child, 'error'))[0]
    keeper.guard(pid)
    child.once('exit', () => keeper.release(pid))
    const log = createWriteStream(proxyLog, { flags: 'a' })
    child.stdout.pipe(log, { end: false })
    child.stderr.pipe(log, { end: false })
    child.once('close', () => log.end())
    if (await answersPing(port, child)) return { port, child }
    await end(child, 'SIGKILL')
    // Someone may have been faster to take the port.
    if (attempt === PORT_ATTEMPTS) throw new Error(`"${command.join(' ')}" does not serve: see ${proxyLog}`)
  }
}

/** No setting of the proxy leaks in from outside: who wants one writes it into the command (`env NAME=value node …`). */
function proxyEnvironment(port: number, serverPort: number): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('RUSTEZE_'))
  return {
    ...Object.fromEntries(inherited),
    RUSTEZE_LISTEN: `${HOST}:${port}`,
    RUSTEZE_ADMIN: 'off',
    RUSTEZE_BACKENDS: `${HOST}:${serverPort}`,
    RUSTEZE_DENY: 'none',
  }
}

async function stopProxy(child: ChildProcess): Promise<string[]> {
  if (hasEnded(child)) return [`the proxy ended by itself (${child.signalCode ?? `exit code ${child.exitCode}`})`]
  const ended = await end(child, 'SIGTERM', PROXY_END_MS)
  if (ended) return []
  await end(child, 'SIGKILL')
  return [`the proxy did not end within ${PROXY_END_MS} ms of SIGTERM, without a client`]
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function end(child: ChildProcess, signal: NodeJS.Signals, deadlineMs = PROXY_END_MS): Promise<boolean> {
  if (hasEnded(child)) return true
  const exited = once(child, 'exit').then(() => true)
  child.kill(signal)
  const stopWaiting = new AbortController()
  const late = delay(deadlineMs, false, { signal: stopWaiting.signal }).catch(() => false)
  const result = await Promise.race([exited, late])
  stopWaiting.abort()
  return result
}

async function answersPing(port: number, child: ChildProcess): Promise<boolean> {
  const deadlineMs = performance.now() + PROXY_START_MS
  while (!hasEnded(child) && performance.now() < deadlineMs) {
    if (await ping(port)) return true
    await delay(POLL_MS)
  }
  return false
}

function ping(port: number): Promise<boolean> {
  const socket = net.connect(port, HOST)
  return new Promise<boolean>((resolve) => {
    socket.setTimeout(1000, () => resolve(false))
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
    socket.on('data', (chunk) => resolve(chunk.toString('latin1').startsWith('+PONG')))
    socket.write('PING\r\n')
  }).finally(() => socket.destroy())
}
