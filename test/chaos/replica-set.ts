// Three real servers, one of them the primary, each in its place behind a link; and what happens to them, told to the Service if there is one.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { crowdServerArguments } from '../faults/crowd.ts'
import { connect } from '../support/raw-client.ts'
import { type RedisServer, type ServerKind, startRedis } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'
import type { LinkSettings } from './link.ts'
import { LoopbackPlace } from './loopback-place.ts'
import { NamespacePlace } from './namespace-place.ts'
import { isInOwnNetwork } from './own-network.ts'
import type { Place } from './place.ts'
import type { Service } from './service.ts'

const SERVERS = 3
const HEAL_MS = 60_000
/** So long a replica may lag before its connection to the primary is made anew: TCP alone would wait longer after a partition. */
const LAG_MS = 300
/** Outside of all networks: no fault is between a server and its operator. */
const SOCKET = 'operator.sock'
/** All that the servers need is in memory: whoever comes back after a crash comes back empty. */
const serverArguments = [
  ...['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0', '--protected-mode', 'no'],
  ...['--unixsocket', SOCKET],
]

export interface Node {
  readonly server: RedisServer
  readonly place: Place
  /** Of its pod. */
  uid: string
  /** It is among the endpoints of the Service. */
  isListed: boolean
}

export class ReplicaSet {
  readonly nodes: readonly Node[]
  readonly #service: Service | undefined
  primary: Node
  #pods = 0

  private constructor(nodes: readonly Node[], service: Service | undefined) {
    this.nodes = nodes
    this.#service = service
    this.primary = nodes[0]!
    for (const node of nodes) node.uid = this.#nextUid()
  }

  static async start(
    kind: ServerKind,
    service: Service | undefined,
    { seed, delay }: Pick<LinkSettings, 'seed' | 'delay'>,
  ): Promise<ReplicaSet> {
    const nodes: Node[] = []
    for (let index = 0; index < SERVERS; index++) {
      const settings = { seed: seed + index, delay }
      const place = isInOwnNetwork ? await NamespacePlace.open(settings) : await LoopbackPlace.open(settings)
      const { bind, serverPort, wrapper } = place
      const args = [...crowdServerArguments, ...serverArguments]
      const server = await startRedis({ kind, arguments: args, host: bind, port: serverPort, wrapper })
      nodes.push({ server, place, uid: '', isListed: true })
    }
    const set = new ReplicaSet(nodes, service)
    await set.heal()
    await set.list()
    return set
  }

  /** What the proxy is told where there is no Service. */
  get addresses(): string {
    return this.nodes.map(nameOf).join(',')
  }

  get replicas(): Node[] {
    return this.nodes.filter((node) => node !== this.primary)
  }

  /** Makes one node the primary; the others are told later, by {@link heal}. */
  async promote(node: Node): Promise<void> {
    this.primary = node
    await this.say(node, 'REPLICAOF', 'NO', 'ONE')
  }

  /** Everyone runs, is listed and follows the primary, with all of its data. */
  async heal(): Promise<void> {
    const { host, serverPort } = this.primary.place
    await Promise.all(
      this.replicas.map(async (node) => {
        await this.say(node, 'REPLICAOF', host, String(serverPort))
        await this.#catchUp(node)
      }),
    )
  }

  /** The replica that has most of a primary that is gone, once both have applied all that had reached them. */
  async mostCaughtUp(): Promise<Node> {
    let before = ''
    for (;;) {
      const offsets = await Promise.all(this.replicas.map((node) => this.#offset(node)))
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
          if (/role:master/.test(await this.#replication(node))) {
            this.primary = node
            return node
          }
        }
        return undefined
      },
      { what: 'a replica was promoted', timeoutMs: HEAL_MS, intervalMs: 2 },
    )
  }

  /** Its pod is gone: its address leads nowhere any more. */
  async unlist(node: Node): Promise<void> {
    node.isListed = false
    await this.list()
  }

  /** Another pod has taken its place, in what a Service would call another server. */
  async relist(node: Node): Promise<void> {
    node.uid = this.#nextUid()
    node.isListed = true
    await this.list()
  }

  /** Makes the Service true to the servers. */
  async list(): Promise<void> {
    const listed = this.nodes.filter(({ isListed }) => isListed)
    await this.#service?.show(listed.map(({ place, uid }) => ({ host: place.host, port: place.port, uid })))
  }

  async say({ server, place }: Node, ...words: string[]): Promise<string> {
    const client = await connect({ path: join(server.directory, SOCKET) }, HEAL_MS)
    const reply = await client.ask(...words)
    await client.close()
    if (reply.startsWith('-')) throw new Error(`${place.host} answered ${words.join(' ')} with ${reply}`)
    return reply
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ server }) => server.stop()))
    await Promise.all(this.nodes.map(({ place }) => place.close()))
  }

  /** A connection to the primary past proxy and link. */
  async direct(): Promise<Awaited<ReturnType<typeof connect>>> {
    return connect({ path: join(this.primary.server.directory, SOCKET) })
  }

  /** Waits until a replica has all that the primary has now. */
  async #catchUp(node: Node): Promise<void> {
    const offset = await this.#offset(this.primary)
    const what = `${nameOf(node)} follows ${nameOf(this.primary)}`
    let hurryAt = performance.now() + LAG_MS
    await waitUntil(
      async () => {
        const replication = await this.#replication(node)
        const isUp = /master_link_status:up/.test(replication)
        if (isUp && offsetIn(replication) >= offset) return true
        if (isUp && performance.now() > hurryAt) {
          await this.say(node, 'CLIENT', 'KILL', 'TYPE', 'master')
          hurryAt = performance.now() + 10 * LAG_MS
        }
        return false
      },
      { what, timeoutMs: HEAL_MS },
    )
  }

  async #replication(node: Node): Promise<string> {
    return this.say(node, 'INFO', 'replication')
  }

  async #offset(node: Node): Promise<number> {
    return offsetIn(await this.#replication(node))
  }

  #nextUid(): string {
    return `pod-${++this.#pods}`
  }
}

function offsetIn(replication: string): number {
  const [, offset] = /slave_repl_offset:(\d+)/.exec(replication) ?? /master_repl_offset:(\d+)/.exec(replication) ?? []
  return Number(offset)
}

function nameOf({ place }: Node): string {
  return `${place.host}:${place.port}`
}
