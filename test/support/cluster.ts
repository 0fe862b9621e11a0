// A primary with its replicas, all real, and a proxy that knows their addresses.
import { expect } from 'vitest'
import { connect, type RawClient } from './raw-client.ts'
import { type RedisServer, type ServerKind, startRedis } from './redis-server.ts'
import { type RunningProxy, startProxy } from './start-proxy.ts'
import { waitUntil } from './wait-until.ts'

const replicaArguments = ['--repl-diskless-sync-delay', '0', '--save', '']

/** A primary, replicas of it, and one proxy that knows all their addresses. */
export class Cluster {
  servers: RedisServer[] = []
  proxy!: RunningProxy
  readonly #clients: RawClient[] = []

  async begin(kind: ServerKind, count: number, environment: Readonly<Record<string, string>> = {}): Promise<void> {
    const primary = await startRedis({ kind, arguments: replicaArguments })
    const replicaOf = ['--replicaof', primary.host, String(primary.port)]
    const replicas = Array.from({ length: count - 1 }, () =>
      startRedis({ kind, arguments: [...replicaArguments, ...replicaOf] }),
    )
    this.servers = [primary, ...(await Promise.all(replicas))]
    for (const replica of this.servers.slice(1))
      await this.says(replica, /master_link_status:up/, 'INFO', 'replication')
    this.proxy = await startProxy({
      // The primary last: it has to be found.
      RUSTEZE_BACKENDS: this.servers
        .map((server) => server.addr)
        .reverse()
        .join(','),
      RUSTEZE_HOLD: '20s',
      ...environment,
    })
  }

  async client(): Promise<RawClient> {
    return this.#keep(await connect(this.proxy.port, 30_000))
  }

  async direct(server: RedisServer): Promise<RawClient> {
    return this.#keep(await connect(server.port))
  }

  async says(server: RedisServer, pattern: RegExp, ...command: string[]): Promise<void> {
    const direct = await this.direct(server)
    await waitUntil(async () => pattern.test(await direct.ask(...command)), {
      what: `${command} says ${pattern}`,
      timeoutMs: 15_000,
    })
  }

  /** Promotes one server; the others that are named follow it. */
  async promote(server: RedisServer, ...followers: RedisServer[]): Promise<void> {
    expect(await (await this.direct(server)).ask('REPLICAOF', 'NO', 'ONE')).toBe('+OK\r\n')
    for (const follower of followers) {
      expect(await (await this.direct(follower)).ask('REPLICAOF', server.host, String(server.port))).toBe('+OK\r\n')
    }
  }

  #keep(client: RawClient): RawClient {
    this.#clients.push(client)
    return client
  }

  async end(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()))
    await this.proxy.stop()
    await Promise.all(this.servers.map((server) => server.stop()))
  }
}
