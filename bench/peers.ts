// What is compared: how each peer is found, configured and started in front of the same server.
import { accessSync, constants, existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Address, encode, exchange, freePort, isListening } from './measure.ts'
import { type Service, startService, waitUntil } from './processes.ts'

export const PEER_NAMES = ['direct', 'haproxy', 'nutcracker', 'pipe', 'rusteze', 'rusteze-unix'] as const
export type PeerName = (typeof PEER_NAMES)[number]

/** A peer that runs; `direct` has no process of its own. */
export type Peer = { readonly name: PeerName; readonly address: Address; readonly service: Service | null }

/** What every start needs to know. */
export type Surroundings = {
  readonly backendPort: number
  readonly directory: string
  readonly proxyCommand: string | null
  /** Rusteze's, beside where it listens; without it the server is its backend. */
  readonly environment?: Readonly<Record<string, string>>
}

const BUNDLE = fileURLToPath(new URL('../dist/rusteze.mjs', import.meta.url))
const PIPE_PROXY = fileURLToPath(new URL('./pipe-proxy.ts', import.meta.url))

/** Longer than any start on a busy machine. */
const START_TIMEOUT_MS = 15_000

/** The full path of the first of `names` on the PATH, or null. Debian keeps some servers where only root's PATH looks. */
export function findProgram(...names: readonly string[]): string | null {
  const directories = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']
  const candidates = names.flatMap((name) => directories.map((directory) => path.join(directory, name)))
  return candidates.find(isExecutable) ?? null
}

/** Why a peer cannot take part, with the mend, or null when it can. */
export function whyMissing(name: PeerName, proxyCommand: string | null): string | null {
  if (name === 'haproxy' || name === 'nutcracker') {
    return findProgram(name) === null ? `not installed: apt-get install ${name}` : null
  }
  if (name === 'rusteze-unix' && proxyCommand !== null && !takesListenSetting(proxyCommand)) {
    return 'left out: a --proxy-command with {port} listens on a port only'
  }
  if (name.startsWith('rusteze') && proxyCommand === null && !existsSync(BUNDLE)) {
    return 'dist/rusteze.mjs is not there: npm run build'
  }
  return null
}

/** Starts the server all peers stand before: nothing is ever written to disk. */
export async function startServer(
  program: string,
  directory: string,
  bind = '127.0.0.1',
): Promise<{ service: Service; port: number }> {
  const port = await freePort()
  const settings = { port, bind, 'protected-mode': 'no', save: '', appendonly: 'no', dir: directory }
  const words = Object.entries(settings).flatMap(([key, setting]) => [`--${key}`, String(setting)])
  const service = startService('server', [program, ...words], {}, directory)
  await waitUntil(service, 'listening', START_TIMEOUT_MS, () => isListening({ port }))
  return { service, port }
}

/** Starts a peer and returns once it listens; nobody has connected to it yet. */
export async function startPeer(name: PeerName, surroundings: Surroundings): Promise<Peer> {
  if (name === 'direct') return { name, address: { port: surroundings.backendPort }, service: null }
  const peer = await launchPeer(name, surroundings)
  await waitUntil(peer.service, 'listening', START_TIMEOUT_MS, () => isListening(peer.address))
  return peer
}

/** Starts Rusteze, asks it PING until it answers, ends it, and returns the time from its start to the first +PONG. */
export async function measureFirstPing(surroundings: Surroundings): Promise<number> {
  const { address, service } = await launchPeer('rusteze', surroundings)
  let answeredAtMs = 0
  await waitUntil(service, 'answering PING', START_TIMEOUT_MS, async () => {
    try {
      await exchange(address, encode('PING'), '+PONG\r\n', START_TIMEOUT_MS)
      answeredAtMs = performance.now()
      return true
    } catch (error) {
      // Until it listens the connection is refused; any other failure is a failure of the proxy.
      if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') return false
      throw error
    }
  })
  await service.end()
  return answeredAtMs - service.startedAtMs
}

async function launchPeer(
  name: Exclude<PeerName, 'direct'>,
  {
    backendPort,
    directory,
    proxyCommand,
    environment = { RUSTEZE_BACKENDS: `127.0.0.1:${backendPort}` },
  }: Surroundings,
): Promise<Peer & { service: Service }> {
  const port = await freePort()
  // A path of its own for every start: whoever is killed leaves its socket behind.
  const address: Address = name === 'rusteze-unix' ? { path: path.join(directory, `rusteze-${port}.sock`) } : { port }
  switch (name) {
    case 'haproxy': {
      const file = path.join(directory, 'haproxy.cfg')
      writeFileSync(file, haproxyConfiguration(port, backendPort))
      return { name, address, service: startService(name, [program(name), '-db', '-f', file], {}, directory) }
    }
    case 'nutcracker': {
      const file = path.join(directory, 'nutcracker.yml')
      writeFileSync(file, nutcrackerConfiguration(port, backendPort))
      const statistics = ['-a', '127.0.0.1', '-s', String(await freePort())]
      return { name, address, service: startService(name, [program(name), '-c', file, ...statistics], {}, directory) }
    }
    case 'pipe': {
      const command = [process.execPath, PIPE_PROXY, String(port), String(backendPort)]
      return { name, address, service: startService(name, command, {}, directory) }
    }
    case 'rusteze':
    case 'rusteze-unix': {
      const listen = 'path' in address ? `unix:${address.path}` : `127.0.0.1:${port}`
      const command = rustezeCommand(proxyCommand, port, backendPort)
      return {
        name,
        address,
        service: startService(
          name,
          command,
          { RUSTEZE_LISTEN: listen, RUSTEZE_ADMIN: '127.0.0.1:0', ...environment },
          directory,
        ),
      }
    }
  }
}

function rustezeCommand(proxyCommand: string | null, port: number, backendPort: number): readonly string[] {
  if (proxyCommand === null) return [process.execPath, BUNDLE]
  const filled = proxyCommand.replaceAll('{port}', String(port)).replaceAll('{backendPort}', String(backendPort))
  return filled.trim().split(/\s+/)
}

/** A command that is told its port by a placeholder does not look at RUSTEZE_LISTEN. */
function takesListenSetting(proxyCommand: string): boolean {
  return !proxyCommand.includes('{port}')
}

function haproxyConfiguration(port: number, backendPort: number): string {
  return `global
  nbthread 1
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen bench
  bind 127.0.0.1:${port}
  server redis 127.0.0.1:${backendPort}
`
}

function nutcrackerConfiguration(port: number, backendPort: number): string {
  return `bench:
  listen: 127.0.0.1:${port}
  redis: true
  hash: fnv1a_64
  distribution: ketama
  auto_eject_hosts: false
  servers:
    - 127.0.0.1:${backendPort}:1
`
}

function program(name: string): string {
  const found = findProgram(name)
  if (found === null) throw new Error(`${name} is not installed`)
  return found
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    // Not there, or not ours to run: the next directory is looked at.
    return false
  }
}
