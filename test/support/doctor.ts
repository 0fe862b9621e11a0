// Runs `rusteze doctor`, and holds all of its output to what is true whatever is wrong.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect } from 'vitest'
import { type RedisServer, startRedis } from './redis-server.ts'
import { type Outcome, runSubcommand } from './subcommand.ts'

/** Whatever a test sets, its output never shows this. */
export const PASSWORD = 'a-secret-that-nobody-may-see'

type Stoppable = { stop(): unknown }
type Environment = Readonly<Record<string, string>>

/** Parts that end with each test, and files that end with all of them. To be made once in a test file. */
export function setSurgery() {
  const running: Stoppable[] = []
  const directory = mkdtempSync(join(tmpdir(), 'doctor-'))

  afterEach(async () => {
    for (const each of running.splice(0).reverse()) await each.stop()
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  function keep<Part extends Stoppable>(part: Part): Part {
    running.push(part)
    return part
  }

  return {
    keep,
    server: async (...settings: string[]): Promise<RedisServer> =>
      keep(await startRedis({ arguments: ['--save', '', ...settings] })),
    /** @returns its path. */
    file: (name: string, text: string): string => {
      const path = join(directory, name)
      writeFileSync(path, text)
      return path
    },
  }
}

export async function doctor(environment: Environment, ...args: string[]): Promise<Outcome> {
  const outcome = await runSubcommand(['doctor', ...args], environment)
  expect(outcome.output).not.toContain(PASSWORD)
  if (args.length === 0) {
    for (const line of outcome.lines.slice(0, -1)) expect(line).toMatch(/^(ok {5}|warning|failed ) {2}\S.*: \S/)
    expect(outcome.lines.at(-1)).toMatch(/^\d+ ok, \d+ warnings?, \d+ failed$/)
  }
  return outcome
}

/** Everything but one thing is well. @returns the line that says so. */
export async function expectOnly(pattern: RegExp, environment: Environment): Promise<string> {
  const { lines, output, code } = await doctor(environment)
  const wrong = lines.filter((line) => /^(warning|failed )/.test(line))
  // Without a server that can be used there is no primary either.
  const causes = wrong.filter((line) => !line.includes('primary: none: no server says that it is a loaded master'))
  expect(causes, output).toEqual([expect.stringMatching(pattern)])
  expect(code).toBe(wrong.some((line) => line.startsWith('failed')) ? 1 : 0)
  return causes[0]!
}
