// What the program does beside serving, by the name it is given on the command line. A file of its own in the bundle.
import type { Environment } from '../config/read-settings.ts'
import type { SubcommandName } from '../config/subcommands.ts'

/** What a subcommand is given, and how it speaks. */
export interface Invocation {
  /** What follows its name. */
  readonly args: readonly string[]
  readonly environment: Environment
  /** Writes a line to standard output. */
  readonly print: (line: string) => void
  /** Writes a line to standard error. */
  readonly complain: (line: string) => void
}

/** EX_USAGE of sysexits.h, as the program itself ends when its settings are wrong. */
export const USAGE = 64

/** @returns the exit code. */
export async function runSubcommand(name: SubcommandName, invocation: Invocation): Promise<number> {
  switch (name) {
    case 'doctor':
      return (await import('./doctor.ts')).doctor(invocation)
    case 'wait':
      return (await import('./wait.ts')).wait(invocation)
    case 'healthcheck':
      return (await import('./healthcheck.ts')).healthcheck(invocation)
  }
}
