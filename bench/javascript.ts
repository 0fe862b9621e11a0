// Measures what a GET costs of the proxy's own JavaScript, without sockets: it tells apart what the noise of a whole benchmark hides.
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { InMemoryWorld } from './in-memory.ts'

const HELP = `Usage: npm run bench:javascript [-- --against DIRECTORY] [--rounds N] [--pipeline N]

The whole proxy in one process, 50 clients and one server in memory: CPU time for each GET, alone and in pipelines of
16 (or of another length), the best of N processes (default 10). With --against, those of another working tree take turns with this one's.`

const CLIENTS = 50
const PIPELINES = [1, 16] as const
const WARM_UP_MS = 500
const ROUND_MS = 80
const ROUNDS_OF_A_PROCESS = 8
/** Turns between two looks at the clock. */
const TURNS = 100

function main(): void {
  const { values } = parseArgs({
    options: {
      against: { type: 'string' },
      rounds: { type: 'string', default: '10' },
      measure: { type: 'string' },
      pipeline: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) console.log(HELP)
  else if (values.measure !== undefined) void measure(values.measure, Number(values.pipeline))
  else
    compare(
      values.against,
      Number(values.rounds),
      values.pipeline === undefined ? PIPELINES : [Number(values.pipeline)],
    )
}

function compare(against: string | undefined, rounds: number, pipelines: readonly number[]): void {
  const own = path.resolve(import.meta.dirname, '..')
  const trees = against === undefined ? [own] : [path.resolve(against), own]
  for (const pipeline of pipelines) {
    const best = trees.map(() => Number.POSITIVE_INFINITY)
    for (let round = 0; round < rounds; round++)
      for (const [index, tree] of trees.entries()) best[index] = Math.min(best[index]!, inProcess(tree, pipeline))
    const times = best.map((ns, index) => `${ns.toFixed(1)} ns in ${trees[index]}`)
    const difference = against === undefined ? '' : `; ${(best[1]! - best[0]!).toFixed(1)} ns more`
    console.log(`pipelines of ${pipeline}: ${times.join(', ')}${difference}`)
  }
}

/** A process of its own each time: how the compiler and memory turn out differs from one to the next. */
function inProcess(tree: string, pipeline: number): number {
  const words = [import.meta.filename, '--measure', tree, '--pipeline', String(pipeline)]
  return Number(execFileSync(process.execPath, words, { encoding: 'utf8' }))
}

async function measure(tree: string, pipeline: number): Promise<void> {
  const { startApp } = (await import(path.join(tree, 'src/app.ts'))) as typeof import('../src/app.ts')
  const { parseConfig } = (await import(path.join(tree, 'src/config.ts'))) as typeof import('../src/config.ts')
  const { createLog } = (await import(
    path.join(tree, 'src/operations/log.ts')
  )) as typeof import('../src/operations/log.ts')
  const parsed = parseConfig({ RUSTEZE_BACKENDS: '127.0.0.1:6379' })
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors))
  // Nobody scrapes.
  const config = { ...parsed.config, admin: undefined }
  const world = new InMemoryWorld(CLIENTS, pipeline)
  const log = createLog('warn', 'json', { write: (line) => console.error(line) })
  const app = startApp({ config, runtime: world.runtime, log })
  await app.listening
  world.connectClients(CLIENTS)
  // These wait until the server is known to be the primary.
  world.ask()
  await catchUp(world, CLIENTS * pipeline)
  await turnFor(world, pipeline, WARM_UP_MS)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS_OF_A_PROCESS; round++)
    best = Math.min(best, await turnFor(world, pipeline, ROUND_MS))
  console.log(best)
  process.exit()
}

/** @returns ns for each GET. */
async function turnFor(world: InMemoryWorld, pipeline: number, ms: number): Promise<number> {
  const before = world.answered
  let turns = 0
  let busyMs = 0
  const start = process.threadCpuUsage()
  while (busyMs < ms) {
    for (let turn = 0; turn < TURNS; turn++) {
      world.ask()
      world.turn()
    }
    turns += TURNS
    // Of this thread alone: neither what else the machine does nor the compiler counts.
    const { user, system } = process.threadCpuUsage(start)
    busyMs = (user + system) / 1000
    // Timers, among them the probes of the server.
    await setImmediate()
  }
  await catchUp(world, before + turns * CLIENTS * pipeline)
  return (busyMs * 1e6) / (turns * CLIENTS * pipeline)
}

/** Nothing may be missing. */
async function catchUp(world: InMemoryWorld, expected: number): Promise<void> {
  for (let turn = 0; world.answered < expected; turn++) {
    if (turn > 100_000) throw new Error(`${world.answered} of ${expected} requests were answered`)
    world.turn()
    await setImmediate()
  }
}

main()
