// Runs a subcommand of the built program, as people and containers do.

import { bundlePath } from '../../scripts/toolchain.mjs'
import { startProgram } from './child-program.ts'

export type Outcome = { readonly code: number | null; readonly output: string; readonly lines: readonly string[] }

export async function runSubcommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const program = startProgram(process.execPath, [bundlePath, ...args], {
    env: { RUSTEZE_LISTEN: '127.0.0.1:0', RUSTEZE_ADMIN: 'off', RUSTEZE_MEMORY: '64mb', ...environment },
  })
  const { code } = await program.exit
  const output = program.output()
  return { code, output, lines: output.trim().split('\n') }
}
