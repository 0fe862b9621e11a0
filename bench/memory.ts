// Measures what Rusteze takes while nothing happens: resident memory, idle and per silent client, and the time until it answers.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { encode, median, type Resident, resident } from './measure.ts'
import { findProgram, measureFirstPing, type Surroundings, startPeer, startServer, whyMissing } from './peers.ts'
import { isInPod, POD_ADDRESS, runInPod, startCluster, whyNoPod } from './pod.ts'
import { endAll } from './processes.ts'
import { align, atMost, judge, verdictTable } from './report.ts'

const HELP = `Usage: npm run bench:memory [-- --starts N]

Starts dist/rusteze.mjs N times (default 5) for each line, as the container image does, and shows medians: resident memory idle, idle
with the watch of a Service (a real API server from KUBEBUILDER_ASSETS), with 500 and 5000 clients that asked PING and GET once and
are silent since, and the time from the start to the first PONG.`

const EXIT_USAGE = 64
const EXIT_MISSING_TOOL = 69

/** As the container image sets it: the C library keeps one arena instead of one for each thread. */
const PRODUCTION = { MALLOC_ARENA_MAX: '1' }
/** Time for everything that follows a start or a crowd of clients. */
const SETTLE_MS = 2_000
const CROWDS = [500, 5_000] as const
/** So many clients come at a time. */
const BATCH = 100

type Crowd = { readonly first: Resident; readonly all: Resident }

async function main(): Promise<void> {
  const starts = readStarts()
  if (starts === null) return console.log(HELP)
  const program = findProgram('redis-server', 'valkey-server')
  const reason =
    program === null ? 'redis-server is not installed: apt-get install redis-server' : whyMissing('rusteze', null)
  if (program === null || reason !== null) return fail(EXIT_MISSING_TOOL, reason ?? '')
  const noPod = isInPod ? null : whyNoPod()
  if (!isInPod && noPod === null) {
    process.exitCode = runInPod()
    return
  }
  const directory = mkdtempSync(path.join(os.tmpdir(), 'rusteze-memory-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const host = isInPod ? POD_ADDRESS : '127.0.0.1'
  const { port } = await startServer(program, directory, host)
  const backend = { RUSTEZE_BACKENDS: `${host}:${port}`, ...PRODUCTION }
  const surroundings = { backendPort: port, directory, proxyCommand: null, environment: backend }
  const cluster = isInPod ? await startCluster(port) : null
  try {
    const watching = cluster && { ...surroundings, environment: { ...cluster.environment, ...PRODUCTION } }
    await measure(starts, surroundings, watching, noPod)
  } finally {
    await cluster?.stop()
  }
}

async function measure(
  starts: number,
  surroundings: Surroundings,
  watching: Surroundings | null,
  noPod: string | null,
): Promise<void> {
  console.log(`medians of ${starts} starts; MB of 1024 × 1024 bytes; Node ${process.version}`)
  const firstPings: number[] = []
  const idle: Resident[] = []
  const watched: Resident[] = []
  const crowds = CROWDS.map((): Crowd[] => [])
  for (let start = 0; start < starts; start++) {
    firstPings.push(await measureFirstPing(watching ?? surroundings))
    idle.push(await measureIdle(surroundings))
    if (watching !== null) watched.push(await measureIdle(watching))
    for (const [index, clients] of CROWDS.entries()) crowds[index]!.push(await measureCrowd(surroundings, clients))
  }
  const rows = [
    row('idle', idle),
    row('idle, watching a Service', watched),
    row(
      'after one client',
      crowds[0]!.map(({ first }) => first),
    ),
    ...CROWDS.map((clients, index) =>
      row(
        `${clients} silent clients`,
        crowds[index]!.map(({ all }) => all),
      ),
    ),
  ]
  const legend = 'files: pages of the node binary, which all its processes on a machine share'
  console.log(`\n${align([['', 'resident MB', 'of it files', 'own'], ...rows])}\n${legend}\n`)
  const perClient = CROWDS.map((clients, index) =>
    median(crowds[index]!.map(({ first, all }) => ((all.totalMb - first.totalMb) * 1024) / (clients - 1))),
  )
  console.log(
    verdictTable([
      judge('idle, watching a Service', ' MB', median(watched.map(({ totalMb }) => totalMb)), atMost(64)),
      judge('each of 500 silent clients', ' KB', perClient[0]!, atMost(16)),
      judge('each of 5000 silent clients', ' KB', perClient[1]!, atMost(8)),
      judge('start to first PING answered', ' ms', median(firstPings), atMost(150)),
    ]),
  )
  if (noPod !== null) console.log(`the watch is not measured: ${noPod}`)
}

async function measureIdle(surroundings: Surroundings): Promise<Resident> {
  const { service } = await startPeer('rusteze', surroundings)
  await delay(SETTLE_MS)
  const memory = resident(service!.pid)
  const log = readFileSync(path.join(surroundings.directory, 'rusteze.log'), 'utf8')
  const isWatching = surroundings.environment?.RUSTEZE_SERVICE !== undefined
  if (!log.includes('primary verified') || (isWatching && !log.includes('"endpoint slices"')))
    throw new Error(`rusteze does not serve:\n${log}`)
  await service!.end()
  return memory
}

/** Memory once the first client is there (with it come the table of commands and compiled code), and once all are. */
async function measureCrowd(surroundings: Surroundings, clients: number): Promise<Crowd> {
  const { service, address } = await startPeer('rusteze', surroundings)
  const sockets: net.Socket[] = []
  const come = async (count: number) => {
    sockets.push(...(await Promise.all(Array.from({ length: count }, () => silentClient(address)))))
  }
  try {
    await come(1)
    await delay(SETTLE_MS)
    const first = resident(service!.pid)
    while (sockets.length < clients) await come(Math.min(BATCH, clients - sockets.length))
    await delay(SETTLE_MS)
    return { first, all: resident(service!.pid) }
  } finally {
    for (const socket of sockets) socket.destroy()
    await service!.end()
  }
}

/** A connection over which PING and GET were answered. */
function silentClient(address: net.NetConnectOpts): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', ...address })
    const expected = '+PONG\r\n$-1\r\n'
    let received = ''
    socket.setNoDelay(true).setEncoding('latin1')
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the proxy closed a client')))
    socket.once('connect', () => socket.write(encode('PING')))
    socket.on('data', (text: string) => {
      received += text
      if (received === '+PONG\r\n') socket.write(encode('GET', 'no such key'))
      else if (received === expected) resolve(socket)
      else reject(new Error(`unexpected reply ${JSON.stringify(received)}`))
    })
  })
}

function row(text: string, measured: readonly Resident[]): string[] {
  const middle = (part: keyof Resident) => median(measured.map((each) => each[part]))?.toFixed(1) ?? '–'
  return [text, middle('totalMb'), middle('fileMb'), middle('ownMb')]
}

/** Null asks for the help. */
function readStarts(): number | null {
  try {
    const { values } = parseArgs({ options: { starts: { type: 'string', default: '5' }, help: { type: 'boolean' } } })
    if (values.help === true) return null
    if (/^[1-9]\d?$/.test(values.starts)) return Number(values.starts)
    throw new Error(`--starts ${values.starts}: not a whole number from 1 to 99`)
  } catch (error) {
    fail(EXIT_USAGE, String(error))
    process.exit()
  }
}

function fail(exitCode: number, text: string): void {
  console.error(text)
  process.exitCode = exitCode
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
try {
  await main()
} finally {
  await endAll()
}
