// Three real servers, one of them the primary, each behind a link that delays replies; and what an operator does to them.
import { setTimeout as delay } from 'node:timers/promises'
import { crowdServerArguments } from '../faults/crowd.ts'
import { type FaultLink, startFaultLink } from '../support/fault-link.ts'
import { connect } from '../support/raw-client.ts'
import { type RedisServer, type ServerKind, startRedis } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'

/** An acknowledgement that reached a client left the server so long before: by then the replicas' sockets had the write, too. */
const LEAST_DELAY_MS = 1
const SERVERS = 3
const HEAL_MS = 60_000

export interface Node {
  readonly server: RedisServer
  readonly link: FaultLink
}

export class ReplicaSet {
  readonly nodes: readonly Node[]
  primary: Node

  private constructor(nodes: readonly Node[]) {
    this.nodes = nodes
    this.primary = nodes[0]!
  }

  static async start(kind: ServerKind, seed: number, mostDelayMs: number): Promise<ReplicaSet> {
    const nodes: Node[] = []
    for (let index = 0; index < SERVERS; index++) {
      const server = await startRedis({
        kind,
        arguments: [...crowdServerArguments, '--save', '', '--repl-diskless-sync-delay', '0'],
      })
      const link = await startFaultLink({ target: server.port, seed: seed + index })
      link.delay = { leastMs: LEAST_DELAY_MS, mostMs: Math.max(LEAST_DELAY_MS, mostDelayMs) }
      nodes.push({ server, link })
    }
    const set = new ReplicaSet(nodes)
    await set.heal()
    return set
  }

  /** What the proxy is told. */
  get addresses(): string {
    return this.nodes.map(({ link }) => `127.0.0.1:${link.port}`).join(',')
  }

  get replicas(): Node[] {
    return this.nodes.filter((node) => node !== this.primary)
  }

  /** Makes one node the primary; the others are told later, by {@link heal}. */
  async promote(node: Node): Promise<void> {
    this.primary = node
    await this.say(node, 'REPLICAOF', 'NO', 'ONE')
  }

  /** Everyone runs and follows the primary, with all of its data. */
  async heal(): Promise<void> {
    const { host, port } = this.primary.server
    for (const node of this.replicas) {
      await this.say(node, 'REPLICAOF', host, String(port))
      await waitUntil(async () => /master_link_status:up/.test(await this.replication(node)), {
        what: `${node.server.addr} follows ${host}:${port}`,
        timeoutMs: HEAL_MS,
      })
    }
  }

  /** The replica that has most of a primary that is gone, once both have applied all that had reached them. */
  async mostCaughtUp(): Promise<Node> {
    let before = ''
    for (;;) {
      const offsets = await Promise.all(this.replicas.map((node) => this.offset(node)))
      if (String(offsets) === before) return this.replicas[offsets.indexOf(Math.max(...offsets))]!
      before = String(offsets)
      await delay(20)
    }
  }

  /** After FAILOVER: which one it is now. */
  async findPrimary(): Promise<Node> {
    return waitUntil(
      async () => {
        for (const node of this.replicas) {
          if (/role:master/.test(await this.replication(node))) {
            this.primary = node
            return node
          }
        }
        return undefined
      },
      { what: 'a replica was promoted', timeoutMs: HEAL_MS, intervalMs: 2 },
    )
  }

  async say(node: Node, ...words: string[]): Promise<string> {
    const client = await connect(node.server.port, HEAL_MS)
    const reply = await client.ask(...words)
    await client.close()
    if (reply.startsWith('-')) throw new Error(`${node.server.addr} answered ${words.join(' ')} with ${reply}`)
    return reply
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ link }) => link.close()))
    await Promise.all(this.nodes.map(({ server }) => server.stop()))
  }

  async replication(node: Node): Promise<string> {
    return this.say(node, 'INFO', 'replication')
  }

  private async offset(node: Node): Promise<number> {
    return Number(/slave_repl_offset:(\d+)/.exec(await this.replication(node))?.[1])
  }
}
