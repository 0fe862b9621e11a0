// Installs the dependencies, finds the pinned Node and builds the bundle, each only when needed; runs on bare Node 20.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's directory. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** The bundle that `npm run build` makes. */
export const bundlePath = join(root, 'dist', 'rusteze.mjs')

/** A mistake that one sentence explains to the user; no stack trace is wanted. */
export class SetupError extends Error {}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`rusteze: ${line}\n`)
}

/**
 * Runs a command to its end, its output on our stderr. Fails when it does.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {object} [options]
 * @param {AbortSignal | undefined} [options.signal] ends it early
 * @param {NodeJS.Signals} [options.endWith] how
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {boolean} [options.quiet] show the output only in the error
 */
export async function run(command, args, { signal, endWith = 'SIGTERM', env = process.env, quiet = false } = {}) {
  signal?.throwIfAborted()
  const child = spawn(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', quiet ? 'pipe' : 2, quiet ? 'pipe' : 2],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      output += text
    })
  }
  const stop = () => child.kill(endWith)
  signal?.addEventListener('abort', stop)
  const [code, killedBy] = await once(child, 'close').catch((/** @type {Error} */ error) => {
    throw new SetupError(error.message)
  })
  signal?.removeEventListener('abort', stop)
  signal?.throwIfAborted()
  if (code === 0) return
  const lastLine = output.trim().split('\n').at(-1)
  const reason = killedBy ? `ended by ${killedBy}` : `exit code ${code}`
  throw new SetupError(`${command} ${args[0]}: ${reason}${lastLine ? ` (${lastLine})` : ''}`)
}

/**
 * Brings node_modules to what package-lock.json says.
 *
 * @param {AbortSignal} [signal]
 */
export async function ensureDependencies(signal) {
  if (dependenciesAreCurrent()) return
  say('installing dependencies (npm ci)')
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  // Asked to end, npm first takes seconds to undo its work; half an installation is replaced whole the next time.
  await run('npm', args, { signal, endWith: 'SIGKILL', env: { ...process.env, PATH: pathWithoutDependencies() } })
}

/** npm keeps a copy of the lock of what it installed: the two must name the same packages. */
function dependenciesAreCurrent() {
  const installed = readLock(join(root, 'node_modules', '.package-lock.json'))
  const wanted = readLock(join(root, 'package-lock.json'))
  if (!installed || !wanted) return false
  for (const [path, { version, integrity, optional, cpu }] of Object.entries(wanted)) {
    if (path === '') continue
    const found = installed[path]
    // Packages for other machines are never installed.
    const isForUs = !cpu || cpu.includes(process.arch)
    if (!found && optional && !(isForUs && path === pinnedNodePackage)) continue
    if (found?.version !== version || found?.integrity !== integrity) return false
    if (!existsSync(join(root, path))) return false
  }
  return Object.keys(installed).every((path) => path in wanted)
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean, cpu?: string[] }> | undefined}
 */
function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined
}

/** npm under our own node_modules would be run by a Node that it is about to remove. */
function pathWithoutDependencies() {
  const paths = (process.env.PATH ?? '').split(delimiter)
  return paths.filter((path) => !path.includes(`${sep}node_modules${sep}.bin`)).join(delimiter)
}

const pinnedNodePackage = `node_modules/node-${process.platform}-${process.arch}`

/** The Node that Rusteze is made for: the pinned one, or where there is none for this machine, ours if it is new enough. */
export function pinnedNode() {
  const pinned = join(root, pinnedNodePackage, 'bin', 'node')
  if (existsSync(pinned) && spawnSync(pinned, ['--version']).status === 0) return pinned
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath
  throw new SetupError(
    `no pinned Node 24 runs on ${process.platform}-${process.arch}: run this with Node 24 (it is ${process.version})`,
  )
}

/**
 * Builds the bundle if it is older than anything it is made of.
 *
 * @param {AbortSignal} [signal]
 */
export async function ensureBuild(signal) {
  const sources = ['src', 'package.json', 'package-lock.json', 'scripts/build.mjs']
  const newestMs = Math.max(...sources.map((path) => newestChangeMs(join(root, path))))
  if (existsSync(bundlePath) && statSync(bundlePath).mtimeMs >= newestMs) return
  say(`building ${relative(root, bundlePath)}`)
  await run(pinnedNode(), [join(root, 'scripts', 'build.mjs')], { signal })
}

/**
 * A directory's own time counts too: it changes when a file is removed.
 *
 * @param {string} path
 * @returns {number}
 */
function newestChangeMs(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestChangeMs(join(path, name))))
}
