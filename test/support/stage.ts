// One server and one proxy for the stories of a file: clients on both sides are closed after each story, keys are gone.

import { afterAll, afterEach, beforeAll } from 'vitest'
import { type FaultLink, startFaultLink } from './fault-link.ts'
import { connect, encodeCommand, type RawClient, type Sendable } from './raw-client.ts'
import { type RedisServer, type ServerKind, startRedis } from './redis-server.ts'
import { type RunningProxy, startProxy } from './start-proxy.ts'
import { waitUntil } from './wait-until.ts'

export type StageOptions = {
  readonly serverArguments?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Puts a link between proxy and server that can delay, cut and stall. */
  readonly hasLink?: boolean
}

export class Stage {
  #server: RedisServer | undefined
  #link: FaultLink | undefined
  #proxy: RunningProxy | undefined
  readonly #clients: RawClient[] = []

  get server(): RedisServer {
    if (!this.#server) throw new Error('the server is started by the first hook')
    return this.#server
  }

  get link(): FaultLink {
    if (!this.#link) throw new Error('the stage was set without a link')
    return this.#link
  }

  get proxy(): RunningProxy {
    if (!this.#proxy) throw new Error('the proxy is started by the first hook')
    return this.#proxy
  }

  /** A client of the proxy. */
  async client(timeoutMs?: number): Promise<RawClient> {
    return this.keep(await connect(this.proxy.port, timeoutMs))
  }

  /** A client of the server itself. */
  async direct(timeoutMs?: number): Promise<RawClient> {
    return this.keep(await connect(this.server.port, timeoutMs))
  }

  /** Closes a client after the story, whatever comes of it. */
  keep(client: RawClient): RawClient {
    this.#clients.push(client)
    return client
  }

  /** Waits until the server says so of itself in INFO or CLIENT LIST. */
  async serverSays(pattern: RegExp, ...command: string[]): Promise<string> {
    const aside = await this.direct()
    const text = await waitUntil(
      async () => {
        const reply = await aside.ask(...command)
        return pattern.test(reply) ? reply : undefined
      },
      { what: `${command.join(' ')} matches ${pattern}` },
    )
    await aside.close()
    return text
  }

  /** The server's own count of clients that wait in a blocking command. */
  async blockedClients(count: number): Promise<void> {
    await this.serverSays(new RegExp(`blocked_clients:${count}\\r`), 'INFO', 'clients')
  }

  /** What a fresh connection is told, bytes and end, with and without the proxy. */
  async bothTell(data: Sendable, endsAfter?: number): Promise<{ direct: string; proxied: string }> {
    const [direct, proxied] = await Promise.all([this.direct(), this.client()])
    const texts: string[] = []
    for (const client of [direct, proxied]) {
      client.send(data)
      const bytes = endsAfter === undefined ? await client.readUntilClose() : await client.readExactly(endsAfter)
      texts.push(bytes.toString('latin1'))
    }
    return { direct: texts[0] ?? '', proxied: texts[1] ?? '' }
  }

  async begin(kind: ServerKind, options: StageOptions): Promise<void> {
    this.#server = await startRedis({ kind, ...(options.serverArguments && { arguments: options.serverArguments }) })
    // The stories need no chance: the seed is as good as any.
    if (options.hasLink) this.#link = await startFaultLink({ target: this.#server.port, seed: 1 })
    const backend = this.#link ? `127.0.0.1:${this.#link.port}` : this.#server.addr
    this.#proxy = await startProxy({ RUSTEZE_BACKENDS: backend, ...options.environment })
  }

  async clear(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()))
  }

  async end(): Promise<void> {
    await this.#proxy?.stop()
    await this.#link?.close()
    await this.#server?.stop()
  }
}

/** To be called where tests are described. */
export function setStage(kind: ServerKind, options: StageOptions = {}): Stage {
  const stage = new Stage()
  beforeAll(() => stage.begin(kind, options))
  afterEach(() => stage.clear())
  afterAll(() => stage.end())
  return stage
}

/** Sends one command after another and gives their replies as text. */
export async function converse(client: RawClient, ...commands: readonly (readonly string[])[]): Promise<string[]> {
  const replies: string[] = []
  for (const command of commands) replies.push(await client.ask(...command))
  return replies
}

/** Sends all commands in one write and gives their replies as text. */
export async function pipeline(client: RawClient, ...commands: readonly (readonly string[])[]): Promise<string[]> {
  client.send(Buffer.concat(commands.map((command) => encodeCommand(command))))
  const replies: string[] = []
  for (const _ of commands) replies.push((await client.readReply()).toString('latin1'))
  return replies
}
