// Moves chaos into a network of its own, in which servers have addresses and can be cut off from each other as machines are.
import { spawnSync } from 'node:child_process'
import { installDebianPackages } from '../../scripts/servers.mjs'
import { SetupError } from '../../scripts/toolchain.mjs'

/** Tells the program that it was moved. */
const VARIABLE = 'CHAOS_NETWORK'
/** All that is needed later, tried once: a bridge, virtual cables, a network inside the network, and a firewall in it. */
const ATTEMPT = `set -e
ip link add attempt type bridge
ip link add cable type veth peer name other
unshare --net nft add table ip attempt`

/** Where the tools for networks are, for those who are not root as well. */
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`

export const isInOwnNetwork = process.env[VARIABLE] === 'own'

/**
 * Begins this program anew inside a network namespace, in the place of this process.
 *
 * @returns why that cannot be, where the machine does not allow it.
 */
export async function enterOwnNetwork(): Promise<string> {
  if (process.platform !== 'linux') return 'only Linux has network namespaces'
  try {
    const packages = { ip: 'iproute2', nft: 'nftables', unshare: 'util-linux' }
    const missing = Object.entries(packages).flatMap(([tool, name]) => (hasTool(tool) ? [] : [name]))
    if (missing.length > 0) await installDebianPackages(missing)
  } catch (error) {
    if (error instanceof SetupError) return error.message
    throw error
  }
  // Whoever is not root may be it in a namespace of users.
  const unshare = ['unshare', '--net', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])]
  const env = { ...process.env, PATH, [VARIABLE]: 'own' }
  const { status, stderr } = spawnSync('env', [...unshare, 'sh', '-c', ATTEMPT], { encoding: 'utf8', env })
  if (status !== 0) return stderr.trim().split('\n').at(-1) ?? ''
  const args = ['env', ...unshare, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  return process.execve!('/usr/bin/env', args, env)
}

function hasTool(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { env: { PATH } }).status === 0
}
