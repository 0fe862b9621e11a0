// Runs the benchmark: every round takes every workload through every peer, in an order that rotates with the round.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuSeconds, residentMb, withPeakMemory } from './measure.ts'
import { HELP, type Options, readOptions, UsageError } from './options.ts'
import {
  findProgram,
  measureFirstPing,
  type Peer,
  type PeerName,
  type Surroundings,
  startPeer,
  startServer,
  whyMissing,
} from './peers.ts'
import { endAll, type Service } from './processes.ts'
import { type Cell, LEGEND, type Results, type Start, verdicts, verdictTable, workloadTable } from './report.ts'
import { checkAnswer, fillKeys, load, type Workload } from './workloads.ts'

const EXIT_FAILED = 1
const EXIT_USAGE = 64
const EXIT_MISSING_TOOL = 69

/** Idle memory is what a proxy holds this long after it began to listen, with no client ever. */
const SETTLE_MS = 1_000
/** Enough for a just-in-time compiler to have seen the hot path; the first round measures it cold without. */
const WARM_UP_SECONDS = 0.3
/** redis-benchmark opens 64 connections every 50 ms before its clock starts; a warm-up need not wait for a thousand. */
const WARM_UP_CLIENTS = 64
/** A bound on one cell whatever the warm-up made believe. */
const MOST_REQUESTS = 10_000_000

/** Aborted by SIGINT and SIGTERM. */
const interruption = new AbortController()

type Bench = {
  readonly options: Options
  readonly surroundings: Surroundings
  readonly server: Service
  readonly loadProgram: string
  /** The last rate seen of a peer under a workload: how many requests make a cell of the wanted length. */
  readonly rates: Map<string, number>
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) {
    console.log(HELP)
    return 0
  }
  const loadProgram = findProgram('redis-benchmark', 'valkey-benchmark')
  const serverProgram = findProgram('redis-server', 'valkey-server')
  if (loadProgram === null) console.error('redis-benchmark is not installed: apt-get install redis-tools')
  if (serverProgram === null) console.error('redis-server is not installed: apt-get install redis-server')
  if (loadProgram === null || serverProgram === null) return EXIT_MISSING_TOOL

  const directory = mkdtempSync(path.join(os.tmpdir(), 'rusteze-bench-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const { service: server, port } = await startServer(serverProgram, directory)
  await fillKeys({ port }, options.workloads)
  const surroundings = { backendPort: port, directory, proxyCommand: options.proxyCommand }
  await measure({ options, surroundings, server, loadProgram, rates: new Map() })
  return 0
}

async function measure(bench: Bench): Promise<void> {
  const { options, surroundings } = bench
  const machine = `${os.availableParallelism()} cores, load average ${os.loadavg()[0]?.toFixed(2)}, Node ${process.version}`
  console.log(`${options.rounds} rounds, cells of ${options.cellSeconds} s; ${machine}`)
  const peers = options.peers.filter((name) => {
    const reason = whyMissing(name, surroundings.proxyCommand)
    if (reason !== null) console.log(`${name}: ${reason}`)
    return reason === null
  })
  const cells: Cell[] = []
  const starts: Start[] = []
  for (let round = 1; round <= options.rounds; round++) {
    starts.push(await runRound(bench, round, peers, (cell) => cells.push(cell)))
  }
  report(options, peers, { cells, starts })
}

async function runRound(
  bench: Bench,
  round: number,
  names: readonly PeerName[],
  keep: (cell: Cell) => void,
): Promise<Start> {
  const firstPingMs = names.includes('rusteze')
    ? await attempt('rusteze: first PING', () => measureFirstPing(bench.surroundings))
    : null
  const peers: Peer[] = []
  for (const name of names) {
    const peer = await attempt(name, () => startPeer(name, bench.surroundings))
    if (peer !== null) peers.push(peer)
  }
  await delay(SETTLE_MS)
  const rusteze = peers.find((peer) => peer.name === 'rusteze')?.service ?? null
  const idleMb = rusteze === null ? null : await attempt('rusteze: idle memory', async () => residentMb(rusteze.pid))
  for (const workload of bench.options.workloads) {
    for (const peer of rotated(peers, round - 1)) {
      // The unix socket stands beside the first workload only: what it saves there it saves everywhere.
      if (peer.name === 'rusteze-unix' && workload.id !== 'c50') continue
      const what = `round ${round}, ${workload.title}, ${peer.name}`
      const cell = await attempt(what, () => runCell(bench, round, peer, workload))
      if (cell === null) continue
      keep(cell)
      console.log(`${what}: ${Math.round(cell.requestsPerSecond)}/s`)
    }
  }
  await Promise.all(peers.map((peer) => peer.service?.end()))
  return { round, idleMb, firstPingMs }
}

async function runCell(bench: Bench, round: number, peer: Peer, workload: Workload): Promise<Cell> {
  const { server, loadProgram, rates, options } = bench
  const { address, service } = peer
  const key = `${peer.name} ${workload.id}`
  const warm: Workload = { ...workload, clients: Math.min(workload.clients, WARM_UP_CLIENTS) }
  try {
    await checkAnswer(address, workload)
    const known = rates.get(key)
    const warmUpRequests = known === undefined ? workload.firstWarmUp : requestsFor(known, WARM_UP_SECONDS, warm)
    const warmUp = await load(loadProgram, address, warm, warmUpRequests)
    // The warm-up is short and cold, so it guesses low; the last round knows better.
    const rate = Math.max(known ?? 0, warmUp.requestsPerSecond)
    const requests = requestsFor(rate, options.cellSeconds, workload)

    const serverBefore = cpuSeconds(server.pid)
    const proxyBefore = service === null ? 0 : cpuSeconds(service.pid)
    const { result, peakMb } = await withPeakMemory(service?.pid ?? null, () =>
      load(loadProgram, address, workload, requests),
    )
    const perOperationUs = (seconds: number) => (seconds / requests) * 1e6
    rates.set(key, result.requestsPerSecond)
    return {
      round,
      peer: peer.name,
      workload: workload.id,
      requests,
      ...result,
      proxyCpuUs: service === null ? null : perOperationUs(cpuSeconds(service.pid) - proxyBefore),
      serverCpuUs: perOperationUs(cpuSeconds(server.pid) - serverBefore),
      proxyPeakMb: peakMb,
    }
  } catch (error) {
    // A process that has ended says more than the connection it refused.
    throw new Error(service?.failure() ?? server.failure() ?? messageOf(error), { cause: error })
  }
}

/** A whole number of pipelines for every client, so that no peer ends on a partial one. */
function requestsFor(requestsPerSecond: number, seconds: number, { clients, pipeline }: Workload): number {
  const wholeTurn = clients * pipeline
  return Math.ceil(Math.min(requestsPerSecond * seconds, MOST_REQUESTS) / wholeTurn) * wholeTurn
}

function report(options: Options, peers: readonly PeerName[], results: Results): void {
  const judged = verdicts(results)
  for (const workload of options.workloads) {
    const rows = peers.filter((peer) => peer !== 'rusteze-unix' || workload.id === 'c50')
    console.log(`\n${workloadTable(workload, rows, results)}`)
  }
  console.log(`\n${LEGEND}\n\n${verdictTable(judged)}`)
  if (options.jsonFile === null) return
  const about = {
    at: new Date().toISOString(),
    node: process.version,
    cpu: os.cpus()[0]?.model,
    cores: os.cpus().length,
  }
  const { rounds, cellSeconds } = options
  const everything = { about, rounds, cellSeconds, verdicts: judged, ...results }
  writeFileSync(options.jsonFile, `${JSON.stringify(everything, null, 2)}\n`)
}

/** One peer that fails is named and left out of the round; the others are still measured. */
async function attempt<T>(what: string, work: () => Promise<T>): Promise<T | null> {
  interruption.signal.throwIfAborted()
  try {
    return await work()
  } catch (error) {
    if (interruption.signal.aborted) throw error
    console.error(`${what} failed: ${messageOf(error)}`)
    process.exitCode = EXIT_FAILED
    return null
  }
}

function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const start = list.length === 0 ? 0 : by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

// Ending the processes makes whatever waits for them fail, so that an interrupted run unwinds as a failed one does.
for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    process.exitCode = exitCode
    interruption.abort()
    void endAll()
  })
}

try {
  const exitCode = await main()
  process.exitCode ||= exitCode
} catch (error) {
  if (!interruption.signal.aborted) {
    console.error(error instanceof UsageError ? error.message : error)
    process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED
  }
} finally {
  await endAll()
}
