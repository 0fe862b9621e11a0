// The servers of a world and who runs them: which one is meant to be the primary, who follows it, and where discovery says they are.
import type { Discover } from '../../src/app.ts'
import type { Endpoint } from '../../src/topology/endpoint.ts'
import { Journal } from './journal.ts'
import { ModelRedis } from './model-redis.ts'
import type { HostAndPort } from './proxy-place.ts'
import { addressKey, type VirtualNetwork } from './virtual-network.ts'
import type { Link } from './virtual-pipe.ts'
import { virtualRuntime } from './virtual-runtime.ts'
import type { World } from './world.ts'

const PORT = 6379
/** What was gathered in a turn is written at its end, so much later at most, in ms. */
const LONGEST_TURN_MS = 2

export class Cluster {
  readonly journal = new Journal()
  readonly servers: readonly ModelRedis[]
  /** The one that its operator means to be the primary. */
  primary: ModelRedis
  /** Within so much time a promotion must be noticed, if nothing else happens. */
  noticeMs = Number.POSITIVE_INFINITY
  /** Grows with every fault that begins or ends. */
  disturbances = 0
  /** Where the proxy believes the primary to be. */
  #accepted: string | undefined
  readonly #world: World
  readonly #network: VirtualNetwork
  readonly #links = new Map<ModelRedis, Link>()
  /** What discovery says, by server: one that moved may not be found where it is. */
  readonly #endpoints = new Map<ModelRedis, Endpoint>()
  #follow: ((endpoints: readonly Endpoint[]) => void) | undefined
  /** Who carries the label of the primary. */
  #labelled: readonly ModelRedis[]
  #labelledAtMs = 0
  #label: ((endpoints: readonly Endpoint[]) => void) | undefined
  #addresses = 0

  /** @param makeLink for each server the link that leads to it. */
  constructor(world: World, network: VirtualNetwork, count: number, makeLink: () => Link) {
    this.#world = world
    this.#network = network
    this.servers = Array.from({ length: count }, (_, index) => {
      const address = this.#newAddress()
      const link = makeLink()
      network.setLink(address, link)
      const runtime = virtualRuntime(`redis-${index}`, world.clock, network, world.random.fork())
      const server = new ModelRedis(world, runtime, address, this.journal)
      this.#links.set(server, link)
      this.list(server)
      return server
    })
    this.primary = this.servers[0]!
    this.#labelled = [this.primary]
    for (const server of this.others) {
      server.replication.beginAs(this.primary.replication)
      server.demote(this.primary)
    }
  }

  get others(): readonly ModelRedis[] {
    return this.servers.filter((server) => server !== this.primary)
  }

  get addresses(): readonly HostAndPort[] {
    return this.servers.map((server) => server.address as HostAndPort)
  }

  link(server: ModelRedis): Link {
    return this.#links.get(server)!
  }

  heal(server: ModelRedis): void {
    this.#network.heal(this.link(server))
  }

  readonly discover: Discover = (follow) => {
    this.#follow = follow
    this.#tell()
    return { stop: () => (this.#follow = undefined) }
  }

  readonly discoverPrimary: Discover = (label) => {
    this.#label = label
    this.#tellLabel()
    return { stop: () => (this.#label = undefined) }
  }

  /** Who carries the label from now on, rightly or not. */
  label(...servers: readonly ModelRedis[]): void {
    if (servers.length !== this.#labelled.length || servers.some((server) => !this.#labelled.includes(server))) {
      this.#labelledAtMs = this.#world.clock.nowMs
    }
    this.#labelled = servers
    this.#tellLabel()
    this.#expectNotice()
  }

  /** Discovery names a server where it now is. @param uid of a pod that seems to be another one. */
  list(server: ModelRedis, uid = 'first'): void {
    const { host, port } = server.address as HostAndPort
    this.#endpoints.set(server, { host, port, uid, zone: undefined })
    this.#tell()
  }

  /** Discovery names all servers, where they now are. */
  listAll(): void {
    for (const server of this.servers) {
      const { host, port } = server.address as HostAndPort
      this.#endpoints.set(server, { host, port, uid: this.#endpoints.get(server)?.uid ?? 'first', zone: undefined })
    }
    this.#tell()
  }

  unlist(...servers: readonly ModelRedis[]): void {
    for (const server of servers) this.#endpoints.delete(server)
    this.#tell()
  }

  /** A pod that was scheduled anew: it has its disk and a new address. Discovery hears of it later. */
  move(server: ModelRedis): void {
    server.kill()
    const address = this.#newAddress()
    this.#network.setLink(address, this.link(server))
    server.address = address
    void server.start()
  }

  /** A planned failover: nothing is lost. */
  switchOver(to: ModelRedis): void {
    to.replication.catchUp()
    this.failOver(to)
    this.followPrimary()
  }

  /** One is promoted as it is; who was the primary still believes so. */
  failOver(to: ModelRedis): void {
    this.primary = to
    to.promote()
    this.#expectNotice()
    // Whoever sets the label looks now and then.
    const { clock, random } = this.#world
    clock.after(random.between(0, random.pick([10, 3000])), () => this.label(this.primary))
  }

  /** All others become replicas of the primary. */
  followPrimary(): void {
    this.primary.promote()
    for (const server of this.others) server.demote(this.primary)
  }

  /** Whatever was done to the servers is put right. */
  recover(): void {
    this.#world.trace(() => '--- all servers recover')
    for (const server of this.servers) {
      server.replication.isCutOff = false
      if (server.isStopped) server.continue()
      void server.start()
    }
    this.listAll()
    this.followPrimary()
    this.label(this.primary)
  }

  /** The proxy has taken a server for the primary. */
  accepted(address: string): void {
    this.#accepted = address
    // What was gathered in this turn is written at its end.
    this.#world.clock.after(0, () => {
      for (const server of this.servers) {
        server.fence(addressKey(server.address) === address, 'another server was taken for the primary')
      }
    })
  }

  /** However many masters there are: the one promoted out of the line of the others is the primary. */
  #expectNotice(): void {
    const { primary, disturbances } = this
    if (!Number.isFinite(this.noticeMs)) return
    this.#world.clock.after(this.noticeMs, () => {
      if (this.disturbances !== disturbances || this.primary !== primary || !this.#isKnown(primary)) return
      if (this.#accepted === addressKey(primary.address)) return
      const what = `${primary.name} was promoted ${this.noticeMs} ms ago`
      this.#world.violation(`${what}, and the proxy still uses ${this.#accepted}`)
    })
  }

  /** Discovery, role and lineage all speak for it; or the label does, where lineage may not be asked for. */
  #isKnown(primary: ModelRedis): boolean {
    if (!this.#endpoints.has(primary)) return false
    if (primary.denied.has('info')) {
      const isOld = this.#world.clock.nowMs - this.#labelledAtMs >= this.noticeMs
      return isOld && this.#label !== undefined && this.#labelled.length === 1 && this.#labelled[0] === primary
    }
    return this.others.every(
      ({ isMaster, replication }) => !isMaster || replication.line === primary.replication.formerLine,
    )
  }

  #tell(): void {
    const follow = this.#follow
    if (follow === undefined) return
    this.#world.trace(
      () => `discovery: ${[...this.#endpoints.values()].map(({ host, uid }) => `${host} ${uid}`).join(', ')}`,
    )
    follow([...this.#endpoints.values()])
    this.#tellLabel()
    if (this.#endpoints.size === 0) return
    // A server that was removed gets nothing any more, unless it is found again.
    this.#world.clock.after(LONGEST_TURN_MS, () => {
      for (const server of this.servers) if (!this.#endpoints.has(server)) server.fence(false, 'it was removed')
    })
  }

  #tellLabel(): void {
    const endpoints = this.#labelled.flatMap((server) => this.#endpoints.get(server) ?? [])
    this.#world.trace(() => `label: ${endpoints.map(({ host }) => host).join(', ') || 'none'}`)
    this.#label?.(endpoints)
  }

  #newAddress(): HostAndPort {
    return { host: `10.0.0.${2 + this.#addresses++}`, port: PORT }
  }
}
