// Real Sentinels, each a process of its own: they watch what they are told to and fail over as in production, only faster.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startKeeper } from '../../scripts/keeper.mjs'
import { freePort } from '../../scripts/local-server.mjs'
import { findServer, type ServerKind } from '../../scripts/servers.mjs'
import { connect, type RawClient } from './raw-client.ts'
import { waitUntil } from './wait-until.ts'

export interface Watched {
  readonly host: string
  readonly port: number
}

export class Sentinels {
  readonly addresses: string[] = []
  /** Of all of them, where each has a host of its own. */
  port = 0
  readonly #keeper = startKeeper('rusteze-sentinels')
  readonly #clients: RawClient[] = []

  /** @param hosts one for each; on hosts of their own they share a port. @param settings lines of a configuration file, for all of them. */
  async start(kind: ServerKind, hosts: readonly string[], settings: readonly string[] = []): Promise<void> {
    const isPortShared = new Set(hosts).size === hosts.length
    for (const host of hosts) {
      if (!isPortShared || this.port === 0) this.port = await freePort(host)
      const { port } = this
      const file = join(this.#keeper.directory, `sentinel-${host}-${port}.conf`)
      writeFileSync(file, [`port ${port}`, `bind ${host}`, ...settings, ''].join('\n'))
      const child = spawn(findServer(kind)!, [file, '--sentinel'], { stdio: 'ignore', detached: true })
      const { pid } = child
      if (pid === undefined) throw (await once(child, 'error'))[0]
      this.#keeper.guard(pid)
      child.once('exit', () => this.#keeper.release(pid))
      this.addresses.push(`${host}:${port}`)
      this.#clients.push(
        await waitUntil(() => connect({ host, port }), {
          what: 'a Sentinel listens',
          timeoutMs: 15_000,
          intervalMs: 50,
        }),
      )
    }
  }

  /** @param index of one Sentinel. */
  async ask(index: number, ...command: string[]): Promise<string> {
    return this.#clients[index]!.ask(...command)
  }

  /** One Sentinel watches this server from now on, and no other. */
  async monitor(index: number, group: string, { host, port }: Watched, quorum = 2): Promise<void> {
    await this.ask(index, 'SENTINEL', 'REMOVE', group)
    const reply = await this.ask(index, 'SENTINEL', 'MONITOR', group, host, String(port), String(quorum))
    if (reply !== '+OK\r\n') throw new Error(`SENTINEL MONITOR: ${reply}`)
    for (const [name, value] of [
      ['down-after-milliseconds', '500'],
      ['failover-timeout', '3000'],
    ] as const)
      await this.ask(index, 'SENTINEL', 'SET', group, name, value)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()))
    this.addresses.length = 0
    await this.#keeper.end()
  }
}
