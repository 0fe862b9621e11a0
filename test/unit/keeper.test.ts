// The keeper ends what is guarded and leaves alone what was released.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startKeeper } from '../../scripts/keeper.mjs'
import { waitUntil } from '../support/wait-until.ts'

function startSleeper() {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  if (child.pid === undefined) throw new Error('sleep did not start')
  return { child, pid: child.pid, exit: once(child, 'exit') }
}

test('ends what is guarded, leaves what was released, removes its directory', async () => {
  const keeper = startKeeper('keeper-test')
  const [first, released, last] = [startSleeper(), startSleeper(), startSleeper()]
  for (const { pid } of [first, released, last]) keeper.guard(pid)
  keeper.release(released.pid)
  writeFileSync(join(keeper.directory, 'file'), '')
  await keeper.end()
  expect(await first.exit).toEqual([null, 'SIGKILL'])
  expect(await last.exit).toEqual([null, 'SIGKILL'])
  expect(existsSync(keeper.directory)).toBe(false)
  expect(released.child.kill('SIGTERM')).toBe(true)
  expect(await released.exit).toEqual([null, 'SIGTERM'])
  await keeper.end()
})

test('runs the last command, also after its owner was killed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keeper-test-'))
  const mark = join(directory, 'mark')
  const keeper = fileURLToPath(new URL('../../scripts/keeper.mjs', import.meta.url))
  const owner = spawn(process.execPath, [
    ...['--input-type=module', '--eval'],
    `import { startKeeper } from ${JSON.stringify(keeper)}
    startKeeper('keeper-test', ${JSON.stringify(`touch '${mark}'`)})
    process.kill(process.pid, 'SIGKILL')`,
  ])
  expect(await once(owner, 'exit')).toEqual([null, 'SIGKILL'])
  await waitUntil(() => existsSync(mark), { what: 'the last command was run' })
  rmSync(directory, { recursive: true })
})
