// Runs a program as a user would, and reads what it says.

import { spawn } from 'node:child_process'
import { waitUntil } from './wait-until.ts'

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** A program that runs in a process group of its own, as a terminal would start it. */
export type ChildProgram = {
  readonly pid: number
  /** Everything said so far, on both outputs. */
  readonly output: () => string
  readonly exit: Promise<Exit>
  /** Waits until the output matches, and returns the match; fails at once if the program ends first. */
  readonly says: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpExecArray>
  /** Kills what is left of the group; a test that went well has left nothing. */
  readonly end: () => Promise<void>
}

export type ProgramOptions = { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string }

export function startProgram(command: string, args: readonly string[], options: ProgramOptions = {}): ChildProgram {
  const { env = {}, cwd } = options
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const pid = child.pid ?? fail(`${command} cannot be started`)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  let hasEnded = false
  const exit = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      hasEnded = true
      resolve({ code, signal })
    })
  })

  async function says(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    const what = `${command} says ${pattern}`
    const answer = await waitUntil(() => pattern.exec(output) ?? (hasEnded ? 'ended' : undefined), { what, timeoutMs })
    if (answer === 'ended') throw new Error(`ended before ${what}; it said: ${output}`)
    return answer
  }

  async function end(): Promise<void> {
    if (!hasEnded) process.kill(-pid, 'SIGKILL')
    await exit
  }

  return { pid, output: () => output, exit, says, end }
}

function fail(message: string): never {
  throw new Error(message)
}
