// Starts the benchmark's processes and ends every one of them by its pid, however the run ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A process that serves until it is ended. */
export type Service = {
  readonly name: string
  readonly pid: number
  /** When the process was asked for, by `performance.now()`. */
  readonly startedAtMs: number
  /** Why the process is no longer there (its exit and the end of its output), or null while it runs. */
  readonly failure: () => string | null
  /** SIGTERM, then SIGKILL when the process does not leave; resolves once it is gone. */
  readonly end: () => Promise<void>
}

export type Output = { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }

/** How long a process may take to leave after SIGTERM before it is killed. */
const END_TIMEOUT_MS = 3_000

const children = new Set<ChildProcess>()

/** `node` in a command means the Node that runs the benchmark, whatever else the machine has installed. */
const childPath = `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH ?? ''}`

/** Starts a process whose output goes to `<directory>/<name>.log`. */
export function startService(
  name: string,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  directory: string,
): Service {
  const logFile = path.join(directory, `${name}.log`)
  const log = openSync(logFile, 'w')
  const startedAtMs = performance.now()
  const child = launch(command, environment, ['ignore', log, log])
  closeSync(log)
  let failure: string | null = null
  child.once('error', (error) => {
    failure = `${name} did not start: ${error.message}`
  })
  child.once('exit', (code, signal) => {
    failure =
      `${name} ended with ${signal ?? `exit code ${code}`}\n${readFileSync(logFile, 'utf8').slice(-2_000)}`.trimEnd()
  })
  return {
    name,
    // A command that cannot be started has no pid; `failure` says why on the next look.
    pid: child.pid ?? 0,
    startedAtMs,
    failure: () => failure,
    end: () => endChild(child),
  }
}

/** Runs a command to its end and returns what it said; killed when it takes longer than `timeoutMs`. */
export async function run(command: readonly string[], timeoutMs: number): Promise<Output> {
  const child = launch(command, {}, ['ignore', 'pipe', 'pipe'])
  const deadline = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const output = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
  })
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return { exitCode, ...output }
  } finally {
    clearTimeout(deadline)
  }
}

/** Ends everything that was started and is still there. */
export async function endAll(): Promise<void> {
  await Promise.all([...children].map(endChild))
}

/** Waits until `condition` holds; fails when `service` has gone or `timeoutMs` have passed. */
export async function waitUntil(
  service: Service,
  what: string,
  timeoutMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!(await condition())) {
    const failure = service.failure()
    if (failure !== null) throw new Error(failure)
    if (performance.now() > deadlineMs) throw new Error(`${service.name}: not ${what} within ${timeoutMs} ms`)
    await delay(2)
  }
}

function launch(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  stdio: Array<'ignore' | 'pipe' | number>,
): ChildProcess {
  const [file, ...argumentsOfIt] = command
  if (file === undefined) throw new Error('an empty command cannot be started')
  const child = spawn(file, argumentsOfIt, { env: { ...process.env, PATH: childPath, ...environment }, stdio })
  children.add(child)
  child.once('error', () => children.delete(child))
  child.once('exit', () => children.delete(child))
  return child
}

async function endChild(child: ChildProcess): Promise<void> {
  if (!children.has(child)) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const deadline = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS)
  await gone
  clearTimeout(deadline)
}

// The last resort: an exit that did not pass through endAll leaves nothing behind either.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
