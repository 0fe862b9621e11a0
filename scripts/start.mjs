// Does all the set-up and serves: dependencies, build, an embedded Redis where there is no backend, the proxy.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { constants } from 'node:os'
import { startKeeper } from './keeper.mjs'
import { launchServerOnFreePort, serverVersion } from './local-server.mjs'
import { obtainServer } from './servers.mjs'
import { bundlePath, ensureBuild, ensureDependencies, pinnedNode, SetupError, say } from './toolchain.mjs'

/** Ctrl-C reaches us twice, from the terminal and from npm; what comes later than this is a second one. */
const sameSignalMs = 500

/** A Redis on loopback answers at once unless it is busy; the proxy itself would go on waiting for it. */
const probeTimeoutMs = 1000

/** How long npm's end may go unnoticed. */
const parentCheckMs = 500

const setUp = new AbortController()
/** @type {import('node:child_process').ChildProcess | undefined} */
let proxy
let lastSignalAt = Number.NEGATIVE_INFINITY

/** @type {NodeJS.Signals[]} */
const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP']
for (const signal of endingSignals) process.on(signal, stop)

// npm that is killed has no time to tell us. Only npm's end means ours: a shell may leave us in the background.
if (process.env.npm_lifecycle_event === 'start') {
  const npm = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === npm) return
    clearInterval(watch)
    stop()
  }, parentCheckMs)
  watch.unref()
}

const keeper = startKeeper('rusteze-start')
try {
  process.exitCode = await serve(process.argv.slice(2))
} catch (error) {
  if (setUp.signal.aborted) process.exitCode = 0
  else if (error instanceof SetupError) {
    say(error.message)
    process.exitCode = 1
  } else throw error
} finally {
  await keeper.end()
}

function stop() {
  const now = performance.now()
  if (now - lastSignalAt < sameSignalMs) return
  lastSignalAt = now
  setUp.abort()
  proxy?.kill('SIGTERM')
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
async function serve(args) {
  await ensureDependencies(setUp.signal)
  await ensureBuild(setUp.signal)
  const env = { ...process.env }
  if (args.length === 0 && !isBackendConfigured() && !(await answers(6379))) {
    const address = await embedServer()
    if (address) env.RUSTEZE_BACKENDS = address
  }
  setUp.signal.throwIfAborted()

  // In a group of its own, so that it gets each signal once, from us: a second one cuts its drain short.
  proxy = spawn(pinnedNode(), [bundlePath, ...args], { env, stdio: 'inherit', detached: true })
  keeper.guard(/** @type {number} */ (proxy.pid))
  const [code, killedBy] = await once(proxy, 'exit')
  keeper.release(/** @type {number} */ (proxy.pid))
  // It may not have come to listen for signals yet.
  if (setUp.signal.aborted && killedBy === 'SIGTERM') return 0
  return code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (killedBy)]
}

function isBackendConfigured() {
  const names = Object.keys(process.env)
  return names.some((name) => /^RUSTEZE_(SERVICE$|BACKENDS$|BACKEND_(USERNAME|PASSWORD|TLS))/.test(name))
}

/**
 * @param {number} port
 * @returns {Promise<boolean>} whether a server there says anything to PING, be it only that a password is wanted
 */
async function answers(port) {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.setTimeout(probeTimeoutMs, () => socket.destroy())
  socket.write('PING\r\n')
  return new Promise((resolve) => {
    socket.once('data', () => resolve(true))
    socket.once('close', () => resolve(false))
    socket.once('error', () => resolve(false))
  }).finally(() => socket.destroy())
}

/** @returns {Promise<string | undefined>} the address of the server started, if one is to be had */
async function embedServer() {
  const redis = await obtainServer('redis', setUp.signal)
  const { kind, binary, reason } = redis.binary ? redis : await obtainServer('valkey', setUp.signal)
  setUp.signal.throwIfAborted()
  const why = 'nothing answers at 127.0.0.1:6379 and RUSTEZE_BACKENDS is not set'
  if (!binary) {
    say(`${why}; no local server can be had either (Redis: ${redis.reason}; Valkey: ${reason})`)
    return undefined
  }
  const { port, child } = await launchServerOnFreePort({
    binary,
    host: '127.0.0.1',
    directory: keeper.directory,
    keeper,
  })
  const address = `127.0.0.1:${port}`
  child.once('exit', () => {
    if (proxy?.exitCode === null && proxy.signalCode === null && !setUp.signal.aborted)
      say(`the server on ${address} has ended`)
  })
  const name = kind === 'redis' ? 'Redis' : 'Valkey'
  say(`${why}: started ${name} ${serverVersion(binary)} on ${address}, empty, nothing saved, ended with this command`)
  return address
}
