// Starts real Redis and Valkey servers for tests; none of them outlives the process that started it.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { type Keeper, startKeeper } from '../../scripts/keeper.mjs'
import { freePort, launchServer, launchServerOnFreePort, serverVersion } from '../../scripts/local-server.mjs'
import { findServer, type ServerKind, serverKinds } from '../../scripts/servers.mjs'

export { freePort, type ServerKind }

export type ServerOptions = {
  /** Without it, the first kind that this machine has. */
  readonly kind?: ServerKind
  /** Added to the command line last, so they win; they must leave the log on standard output. */
  readonly arguments?: readonly string[]
  readonly host?: string
  readonly port?: number
  /** A program with its arguments that becomes the server, such as nsenter. */
  readonly wrapper?: readonly string[]
}

/** How long a server may take to end of itself: one that is busy with a script or waits for a replica takes longer. */
const gracefulStopMs = 2_000

/** The kinds of server that this machine has, Redis first. */
export function availableServers(): ServerKind[] {
  return serverKinds.filter((kind) => findServer(kind) !== undefined)
}

/** The same suite on Redis and on Valkey; it is skipped, by name, on a kind that this machine does not have. */
export function describeOnEachServer(name: string, suite: (kind: ServerKind) => void): void {
  const available = availableServers()
  for (const kind of serverKinds) {
    describe.skipIf(!available.includes(kind))(`${name} (${kind})`, () => suite(kind))
  }
}

let keeper: Keeper | undefined
let serverCount = 0

/** Starts a server on 127.0.0.1 and a free port, in a directory of its own, and waits until it serves. */
export async function startRedis(options: ServerOptions = {}): Promise<RedisServer> {
  const kind = options.kind ?? availableServers()[0]
  const binary = kind && findServer(kind)
  if (!kind || !binary) throw new Error(`this machine has no ${kind ?? 'Redis or Valkey'} server`)
  keeper ??= startKeeper('rusteze-test')
  const directory = join(keeper.directory, `${kind}-${++serverCount}`)
  mkdirSync(directory)
  const host = options.host ?? '127.0.0.1'
  const launch = {
    binary,
    host,
    directory,
    keeper,
    arguments: [...testArguments(binary), ...(options.arguments ?? [])],
    ...(options.wrapper && { wrapper: options.wrapper }),
  }
  if (options.port === undefined) {
    const { port, child } = await launchServerOnFreePort(launch)
    return new RedisServer(kind, { ...launch, port }, child)
  }
  const { port } = options
  return new RedisServer(kind, { ...launch, port }, await launchServer({ ...launch, port }))
}

/** Before 7, DEBUG and all of CONFIG were simply allowed, and the settings unknown. */
function testArguments(binary: string): string[] {
  const isOld = Number.parseInt(serverVersion(binary), 10) < 7
  return isOld ? [] : ['--enable-debug-command', 'yes', '--enable-protected-configs', 'yes']
}

type Launch = Parameters<typeof launchServer>[0]

/** One server; its address stays the same over restarts, its pid does not. */
export class RedisServer {
  readonly kind: ServerKind
  readonly #launch: Launch
  #child: ChildProcess & { readonly pid: number }

  constructor(kind: ServerKind, launch: Launch, child: ChildProcess & { readonly pid: number }) {
    this.kind = kind
    this.#launch = launch
    this.#child = child
  }

  get host(): string {
    return this.#launch.host
  }

  get port(): number {
    return this.#launch.port
  }

  get pid(): number {
    return this.#child.pid
  }

  /** Host and port, as RUSTEZE_BACKENDS wants them. */
  get addr(): string {
    return `${this.host}:${this.port}`
  }

  get url(): string {
    return `redis://${this.addr}`
  }

  /** Where the server works and saves. */
  get directory(): string {
    return this.#launch.directory
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Ends the server as an operator would; one that does not end is killed. */
  async stop(): Promise<void> {
    if (!this.isRunning) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    // A paused server hears of nothing until it goes on.
    this.#child.kill('SIGCONT')
    const overdue = setTimeout(() => this.#child.kill('SIGKILL'), gracefulStopMs)
    await exit
    clearTimeout(overdue)
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    if (!this.isRunning) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }

  /** Stops the process where it is: its sockets stay open, and nothing answers. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  /** Ends the server if it runs, and starts it again on the same port, with what it saved unless `empty`. */
  async restart({ empty = false }: { readonly empty?: boolean } = {}): Promise<void> {
    await this.stop()
    if (empty) {
      rmSync(this.directory, { recursive: true })
      mkdirSync(this.directory)
    }
    this.#child = await launchServer(this.#launch)
  }
}
