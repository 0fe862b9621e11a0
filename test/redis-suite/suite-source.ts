// Gets Redis's own test suite: the upstream archive of Debian's source package, through a private apt configuration.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { obtainServer } from '../../scripts/servers.mjs'
import { SetupError, say } from '../../scripts/toolchain.mjs'

const exec = promisify(execFile)

/** Everything of the suite stays here, outside the repository. */
export const cacheDirectory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rusteze', 'redis-suite')

const APT_DIRECTORY = '/etc/apt'

/** Lets a source mirror that does not answer cost seconds, not minutes. */
const APT_TIMEOUT_SECONDS = 20

/** The path of the archive that holds the suite of exactly this version, downloaded when it is not in the cache. */
export async function obtainSuite(version: string): Promise<string> {
  mkdirSync(cacheDirectory, { recursive: true })
  const cached = findArchive(version)
  if (cached !== undefined) return cached
  await downloadSource()
  const downloaded = findArchive(version)
  if (downloaded !== undefined) return downloaded
  const others = archives().join(', ') || 'nothing'
  throw new SetupError(
    `the suite must be of the server's version ${version}, but apt has ${others}: ` +
      `put redis_${version}.orig.tar.gz into ${cacheDirectory}`,
  )
}

/** Unpacks the suite into `directory`, with the programs it calls by their place in Redis's own tree. */
export async function unpackSuite(archive: string, directory: string, redisBinary: string): Promise<void> {
  mkdirSync(join(directory, 'src'), { recursive: true })
  const without = ['deps', 'src', 'utils'].map((name) => `--exclude=*/${name}/*`)
  await runQuietly('tar', ['--extract', `--file=${archive}`, '--strip-components=1', ...without], directory)
  symlinkSync(redisBinary, join(directory, 'src', 'redis-server'))
  for (const name of ['redis-cli', 'redis-benchmark']) {
    const { stdout } = await exec('sh', ['-c', `command -v ${name}`]).catch(() => {
      throw new SetupError(`the suite calls ${name}: install redis-tools`)
    })
    symlinkSync(stdout.trim(), join(directory, 'src', name))
  }
}

/** The suite is Redis's own, so no other server will do. */
export async function requireRedis(): Promise<string> {
  const { binary, reason } = await obtainServer('redis')
  if (binary === undefined) throw new SetupError(`no redis-server here: ${reason}`)
  return binary
}

/** Makes sure that there is a `tclsh`, which the suite is written for. */
export async function ensureTcl(): Promise<void> {
  if (await hasTcl()) return
  if (process.getuid?.() !== 0) throw new SetupError('the suite needs tclsh: run "apt-get install tcl" as root')
  say('installing tcl (apt-get)')
  await runQuietly('apt-get', ['update'], '/')
  await runQuietly('apt-get', ['install', '--yes', '--no-install-recommends', 'tcl'], '/')
}

function hasTcl(): Promise<boolean> {
  return exec('sh', ['-c', 'command -v tclsh']).then(
    () => true,
    () => false,
  )
}

function archives(): string[] {
  return readdirSync(cacheDirectory).filter((name) => /^redis_.+\.orig\.tar\.\w+$/.test(name))
}

function findArchive(version: string): string | undefined {
  // A repacked archive carries a suffix: 7.0.15+ds.
  const name = archives().find((candidate) => /^redis_(\d+\.\d+\.\d+)/.exec(candidate)?.[1] === version)
  return name && join(cacheDirectory, name)
}

async function downloadSource(): Promise<void> {
  say(`downloading the source package of redis (apt-get source, into ${cacheDirectory})`)
  const apt = join(cacheDirectory, 'apt')
  const parts = join(apt, 'sources.list.d')
  for (const path of [parts, join(apt, 'lists', 'partial'), join(apt, 'cache', 'archives', 'partial')]) {
    mkdirSync(path, { recursive: true })
  }
  writeSourceEntries(parts)
  const options = {
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': parts,
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::Cache': join(apt, 'cache'),
    // The cache belongs to the user who runs this; apt's own user could not write there.
    'APT::Sandbox::User': 'root',
    'Acquire::http::Timeout': APT_TIMEOUT_SECONDS,
    'Acquire::https::Timeout': APT_TIMEOUT_SECONDS,
    'Acquire::Retries': 1,
  }
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  // One source of several may fail to answer without harm, so only the last step decides.
  const updateError = await runQuietly('apt-get', [...flags, 'update'], apt).then(
    () => '',
    (error: unknown) => ` (before that: ${error instanceof Error ? error.message : String(error)})`,
  )
  const source = ['source', '--download-only', '--tar-only', '--only-source', 'redis']
  await runQuietly('apt-get', [...flags, ...source], cacheDirectory).catch((error: unknown) => {
    throw new SetupError(`${error instanceof Error ? error.message : String(error)}${updateError}`)
  })
}

/** Copies this machine's own apt sources, asking each for source packages instead of programs. */
function writeSourceEntries(directory: string): void {
  const machineParts = join(APT_DIRECTORY, 'sources.list.d')
  const names = existsSync(machineParts) ? readdirSync(machineParts).map((name) => join(machineParts, name)) : []
  for (const path of [join(APT_DIRECTORY, 'sources.list'), ...names]) {
    if (!existsSync(path) || !/\.(list|sources)$/.test(path)) continue
    const text = readFileSync(path, 'utf8')
    const entries = path.endsWith('.sources')
      ? text.replace(/^Types:.*$/gm, 'Types: deb-src')
      : text.replace(/^deb-src\b.*$/gm, '').replace(/^deb\b/gm, 'deb-src')
    const name = path.slice(dirname(path).length + 1)
    writeFileSync(join(directory, name), entries)
  }
}

async function runQuietly(command: string, args: string[], cwd: string): Promise<void> {
  await exec(command, args, { cwd }).catch((error: Error & { stderr?: string }) => {
    const reason = error.stderr?.trim().split('\n').at(-1) || error.message
    throw new SetupError(`${command} ${args.at(-1)}: ${reason}`)
  })
}
