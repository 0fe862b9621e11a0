// The loads of the benchmark: what is asked for, how the keys come to be there, and how redis-benchmark is run for it.
import { type Address, encode, exchange } from './measure.ts'
import { run } from './processes.ts'

export type Workload = {
  readonly id: string
  readonly title: string
  readonly command: 'GET' | 'SET'
  readonly clients: number
  readonly pipeline: number
  readonly valueBytes: number
  readonly keys: number
  /** Requests of the warm-up of a peer whose rate is not known yet: some tenths of a second of the slowest. */
  readonly firstWarmUp: number
}

/** What redis-benchmark saw. With a pipeline its latency is the time to the first reply of each batch. */
export type Load = { readonly requestsPerSecond: number; readonly p50Ms: number; readonly p99Ms: number }

const GET_WORKLOADS: readonly Workload[] = [
  workload('c50', '50 clients 64 B', { clients: 50, pipeline: 1, valueBytes: 64, keys: 10_000, firstWarmUp: 10_000 }),
  workload('p16', '50 clients pipeline 16', {
    clients: 50,
    pipeline: 16,
    valueBytes: 64,
    keys: 10_000,
    firstWarmUp: 100_000,
  }),
  workload('c1000', '1000 clients', { clients: 1000, pipeline: 1, valueBytes: 64, keys: 10_000, firstWarmUp: 10_000 }),
  workload('16k', '50 clients 16 KiB', {
    clients: 50,
    pipeline: 1,
    valueBytes: 16_384,
    keys: 1_000,
    firstWarmUp: 6_000,
  }),
]

/** The workloads in the order they are run; `withSet` adds the same with SET behind them, as `c50-set` and so on. */
export function workloads(withSet: boolean): readonly Workload[] {
  const sets = GET_WORKLOADS.map(
    (get): Workload => ({ ...get, id: `${get.id}-set`, title: `${get.title} SET`, command: 'SET' }),
  )
  return withSet ? [...GET_WORKLOADS, ...sets] : GET_WORKLOADS
}

/** Writes every key the workloads ask for, each with the only value the benchmark ever gives it. */
export async function fillKeys(server: Address, chosen: readonly Workload[]): Promise<void> {
  const bySize = new Map(chosen.map((each) => [each.valueBytes, each]))
  for (const { keys, valueBytes } of bySize.values()) {
    const requests = Array.from({ length: keys }, (_, index) =>
      encode('SET', keyOf(valueBytes, index), value(valueBytes)),
    )
    await exchange(server, requests.join(''), '+OK\r\n'.repeat(keys), 30_000)
  }
}

/** Fails unless a GET through `address` gives the value that was written, so that no fast wrong answer is measured. */
export async function checkAnswer(address: Address, { valueBytes }: Workload): Promise<void> {
  const expected = `$${valueBytes}\r\n${value(valueBytes)}\r\n`
  await exchange(address, encode('GET', keyOf(valueBytes, 7)), expected, 5_000)
}

/** Sends `requests` requests of the workload to `address` by redis-benchmark, which ends at the first error reply. */
export async function load(
  program: string,
  address: Address,
  { command, clients, pipeline, valueBytes, keys }: Workload,
  requests: number,
): Promise<Load> {
  const target = 'path' in address ? ['-s', address.path] : ['-h', '127.0.0.1', '-p', String(address.port)]
  const shape = ['-c', clients, '-P', pipeline, '-r', keys, '-n', requests].map(String)
  const words = [command, `${keyPrefix(valueBytes)}__rand_int__`, ...(command === 'SET' ? [value(valueBytes)] : [])]
  const output = await run([program, ...target, ...shape, '--csv', ...words], 60_000)
  const row = /^"(?:GET|SET) [^"]*"((?:,"[0-9.]+")+)$/m.exec(output.stdout)?.[1]
  // test, rps, avg, min, p50, p95, p99, max: a release of redis-benchmark without latencies is older than 6.2.
  const numbers = row?.match(/[0-9.]+/g)?.map(Number)
  const [requestsPerSecond, , , p50Ms, , p99Ms] = numbers ?? []
  if (output.exitCode !== 0 || requestsPerSecond === undefined || p50Ms === undefined || p99Ms === undefined) {
    const said = `${output.stdout}${output.stderr}`.trim().split('\n').at(-1)?.slice(0, 300)
    throw new Error(`redis-benchmark ended with ${output.exitCode ?? 'a signal (60 s are the most)'}: ${said}`)
  }
  return { requestsPerSecond, p50Ms, p99Ms }
}

function workload(
  id: string,
  title: string,
  shape: Pick<Workload, 'clients' | 'pipeline' | 'valueBytes' | 'keys' | 'firstWarmUp'>,
): Workload {
  return { id, title, command: 'GET', ...shape }
}

/** redis-benchmark puts twelve digits in the place of `__rand_int__`. */
function keyOf(valueBytes: number, index: number): string {
  return `${keyPrefix(valueBytes)}${String(index).padStart(12, '0')}`
}

function keyPrefix(valueBytes: number): string {
  return `value-${valueBytes}:`
}

function value(valueBytes: number): string {
  return 'x'.repeat(valueBytes)
}
