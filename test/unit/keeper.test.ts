// The keeper ends what is guarded and leaves alone what was released.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startKeeper } from '../../scripts/keeper.mjs'

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
