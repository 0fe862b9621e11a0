// Runs a command with a cluster of one node that the machine offers beside the repository, and removes it however this ends.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { join } from 'node:path'
import { startKeeper } from '../scripts/keeper.mjs'
import { root, run } from '../scripts/toolchain.mjs'

const kube = join(root, '..', 'shared', 'kube')
// The keeper removes its own directory before it takes the cluster down, hence one beside it.
const keeper = startKeeper('rusteze-node', `KUBE_STATE="$1-state" '${kube}/down'`)
const state = `${keeper.directory}-state`
const enter = `'${kube}/enter'`
const pidFile = (/** @type {string} */ name) => `${state}/node/pids/${name}`
const start = (/** @type {string} */ name) =>
  `setsid bash ${state}/cmd/${name} >>${state}/logs/${name}.log 2>&1 </dev/null & echo $! >${pidFile(name)}`
const kill = (/** @type {string} */ name) => `kill -KILL $(cat ${pidFile(name)})`

/** @type {NodeJS.ProcessEnv} */
const env = {
  ...process.env,
  KUBE_STATE: state,
  KUBECONFIG: join(state, 'kubeconfig'),
  E2E_LOAD_IMAGE: `${enter} ctr images import`,
  E2E_STOP_API_SERVER: `${enter} sh -c '${kill('kube-apiserver')}'`,
  // A scheduler whose cache does not fit any more gives up and is started again by its kubelet; here nobody would.
  E2E_START_API_SERVER: `${enter} sh -c '${start('kube-apiserver')}
    until kubectl --kubeconfig ${state}/node/kubeconfig get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done
    ${kill('kube-scheduler')}; ${start('kube-scheduler')}'`,
  // Nothing is missing here, so nothing may be skipped.
  E2E_REQUIRED: '1',
}

const [command = '', ...args] = process.argv.slice(2)
try {
  await run(join(kube, 'up'), ['--node'], { env })
  const child = spawn(command, args, { env, stdio: 'inherit' })
  if (child.pid !== undefined) keeper.guard(child.pid)
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) process.on(signal, () => child.kill(signal))
  const [code, killedBy] = await once(child, 'exit')
  if (child.pid !== undefined) keeper.release(child.pid)
  process.exitCode = code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (killedBy)]
} finally {
  await keeper.end()
}
