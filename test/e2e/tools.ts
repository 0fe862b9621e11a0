// Runs kubectl, helm and docker without holding up other tests, and fails with what they say.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { root } from '../../scripts/toolchain.mjs'

/** Runs a command in the repository and gives its output. @throws with its words when it fails. */
export async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let complaint = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  // A command that does not read its input may close it early, and says itself what is wrong.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code, signal] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${signal ?? code}\n${complaint}${output}`)
  return output
}

/** Runs a line for the shell, as users type it. */
export function shell(line: string): Promise<string> {
  return run('sh', ['-euc', line])
}

export function helm(...args: readonly string[]): Promise<string> {
  return run('helm', args)
}

export function kubectl(...args: readonly string[]): Promise<string> {
  return run('kubectl', args)
}
