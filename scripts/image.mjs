// Builds the container image with Docker and labels it with where it comes from; further arguments go to `docker build`.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, say } from './toolchain.mjs'

/** Every version has a tag of its own: no `latest` that means something else tomorrow. */
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const revision = git('rev-parse', 'HEAD')
const isChanged = git('status', '--porcelain') !== ''
// The time of the commit, not of the build: whoever builds the same sources gets the same image.
const epoch = process.env.SOURCE_DATE_EPOCH || git('log', '-1', '--format=%ct') || '0'

/** @type {Record<string, string>} */
const buildArguments = {
  VERSION: version,
  REVISION: revision === '' ? 'unknown' : revision + (isChanged ? '-changed' : ''),
  CREATED: new Date(Number(epoch) * 1000).toISOString().replace('.000Z', 'Z'),
  SOURCE_DATE_EPOCH: epoch,
}
const given = Object.entries(buildArguments).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
const further = process.argv.slice(2)
const tag = further.some((argument) => /^(-t|--tag)\b/.test(argument)) ? [] : ['--tag', `rusteze:${version}`]

const { error, status } = spawnSync('docker', ['build', ...given, ...tag, ...further, root], { stdio: 'inherit' })
if (error) say(`docker cannot be run: ${error.message}`)
process.exitCode = status ?? 1

/**
 * @param {string[]} args
 * @returns {string} what git says; empty where there is no git or no repository, as in a tarball of the sources
 */
function git(...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}
