// The command line of the benchmark: its options, its help and its mistakes.
import { parseArgs } from 'node:util'
import { PEER_NAMES, type PeerName } from './peers.ts'
import { type Workload, workloads } from './workloads.ts'

export type Options = {
  readonly rounds: number
  readonly cellSeconds: number
  readonly peers: readonly PeerName[]
  readonly workloads: readonly Workload[]
  readonly proxyCommand: string | null
  readonly jsonFile: string | null
}

/** A mistake on the command line; its message is meant for the reader. */
export class UsageError extends Error {}

export const HELP = `Usage: npm run bench -- [options]

Compares Rusteze with other ways to the same Redis, all of them in one run, and says which targets it reaches.

  --rounds N          rotations over all peers (default 5); the tables show medians
  --seconds S         time of one cell (default 3)
  --quick             one rotation of cells of one second: a look, not a result
  --only a,b          peers: ${PEER_NAMES.join(', ')}
  --workloads a,b     workloads: ${names(workloads(true))}
  --set               SET too, as ${names(workloads(true).filter((each) => each.command === 'SET'))}
  --proxy-command C   what to run as Rusteze in place of dist/rusteze.mjs, without a shell; it is told where to listen by
                      RUSTEZE_LISTEN and RUSTEZE_BACKENDS, or by {port} and {backendPort} in C
  --json FILE         everything measured, as JSON
  --help`

/** Null asks for the help. */
export function readOptions(words: readonly string[]): Options | null {
  const values = parse(words)
  if (values.help === true) return null
  const all = workloads(values.set === true || values.workloads?.includes('-set') === true)
  return {
    rounds: positive('--rounds', values.rounds, values.quick === true ? 1 : 5, true),
    cellSeconds: positive('--seconds', values.seconds, values.quick === true ? 1 : 3, false),
    peers: choose('--only', values.only, PEER_NAMES, (name) => name),
    workloads: choose('--workloads', values.workloads, all, (workload) => workload.id),
    proxyCommand: values['proxy-command'] ?? null,
    jsonFile: values.json ?? null,
  }
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        quick: { type: 'boolean' },
        only: { type: 'string' },
        workloads: { type: 'string' },
        set: { type: 'boolean' },
        'proxy-command': { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function positive(option: string, text: string | undefined, fallback: number, isWhole: boolean): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!(value > 0 && value < 1_000) || (isWhole && !Number.isInteger(value))) {
    throw new UsageError(`${option} ${text}: not a ${isWhole ? 'whole ' : ''}number above 0`)
  }
  return value
}

function choose<T>(
  option: string,
  text: string | undefined,
  all: readonly T[],
  nameOf: (each: T) => string,
): readonly T[] {
  if (text === undefined) return all
  const wanted = text.split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => !all.some((each) => nameOf(each) === name))
  if (unknown !== undefined) throw new UsageError(`${option}: no "${unknown}" among ${all.map(nameOf).join(', ')}`)
  return all.filter((each) => wanted.includes(nameOf(each)))
}

function names(list: readonly Workload[]): string {
  return list.map((each) => each.id).join(', ')
}
