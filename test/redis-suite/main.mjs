// Installs the dependencies on bare Node 20 and runs Redis's own test suite under the pinned Node.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, dirname, join } from 'node:path'
import { ensureDependencies, pinnedNode, root, SetupError, say } from '../../scripts/toolchain.mjs'

try {
  await ensureDependencies()
  const node = pinnedNode()
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
  const child = spawn(node, [join(root, 'test', 'redis-suite', 'run.ts'), ...process.argv.slice(2)], {
    env,
    stdio: 'inherit',
  })
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) process.on(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  process.exitCode = code ?? 1
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  say(error.message)
  process.exitCode = 1
}
