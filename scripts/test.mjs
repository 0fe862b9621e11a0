// Does all the set-up and runs the tests under the pinned Node, with real servers; arguments go to vitest.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { dockerProblem } from './docker.mjs'
import { binaryVariable, obtainServer, serverKinds } from './servers.mjs'
import { ensureDependencies, pinnedNode, root, SetupError, say } from './toolchain.mjs'

try {
  process.exitCode = await test(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  say(error.message)
  process.exitCode = 1
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
async function test(args) {
  await ensureDependencies()
  const node = pinnedNode()
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
  // The tests are the same wherever they run: no setting of the proxy leaks in.
  for (const name of Object.keys(env)) if (name.startsWith('RUSTEZE_')) delete env[name]
  for (const kind of serverKinds) {
    const { binary, reason } = await obtainServer(kind)
    if (binary) env[binaryVariable[kind]] = binary
    else say(`no ${kind} server here, tests that need one are skipped: ${reason}`)
  }
  for (const tool of [
    'redis-cli',
    'redis-benchmark',
    'openssl',
    'prometheus',
    'promtool',
    'helm',
    'kubernetes-validate',
    'chromium',
  ]) {
    const isAbsent = spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined
    if (isAbsent) say(`no ${tool} here, tests that need it are skipped`)
  }
  if (!existsSync(join(env.KUBEBUILDER_ASSETS ?? '', 'kube-apiserver'))) {
    say(
      'no Kubernetes API server here (KUBEBUILDER_ASSETS names no directory with kube-apiserver), tests that need one are skipped',
    )
  }
  const noDocker = dockerProblem()
  if (noDocker !== undefined) say(`no Docker engine here, tests of the container image are skipped: ${noDocker}`)
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(node, [vitest, 'run', ...args], { cwd: root, env, stdio: 'inherit' })
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) process.on(signal, () => child.kill(signal))
  const [code, killedBy] = await once(child, 'exit')
  return code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (killedBy)]
}
