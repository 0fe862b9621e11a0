// Builds a whole world from one seed (network, model Redis, the proxy, clients and faults), lets it run, and says what went wrong.
import { type ClientWorld, SimulatedClient } from './client-model.ts'
import { Cluster } from './cluster.ts'
import { Excuses, RECOVERY_MS } from './excuses.ts'
import type { FaultWorld } from './fault-kind.ts'
import { type Fault, type FaultName, planFaults, possibleFaults, scheduleFaults } from './faults.ts'
import { Ledger } from './ledger.ts'
import {
  chooseSettings,
  type HostAndPort,
  type ProxyPlace,
  type ProxySettings,
  type SimulatedProxy,
  type StartProxy,
} from './proxy-place.ts'
import { type Random, seededRandom } from './random.ts'
import { SERVER_FAULTS } from './server-faults.ts'
import { runWorkload, SESSION_WORKLOADS } from './session-workloads.ts'
import { VirtualClock } from './virtual-clock.ts'
import { makeLink, VirtualNetwork } from './virtual-network.ts'
import { virtualRuntime } from './virtual-runtime.ts'
import { DATA_WORKLOADS } from './workloads.ts'

export interface SimulationOptions {
  readonly startProxy: StartProxy
  readonly faults?: readonly FaultName[]
  readonly workloads?: readonly string[]
  readonly clients?: number
  /** One when it is left out; the others can be promoted. */
  readonly serverCount?: number
  /** Discovery may change its mind; the seed decides when it is left out. */
  readonly hasDiscovery?: boolean
  /** The server never closes idle connections, for proxies that do not keep them alive. */
  readonly isPatient?: boolean
  /** Fewer clients, less traffic and fewer faults; the seed decides when it is left out. */
  readonly isSmall?: boolean
  readonly trace?: (line: string) => void
}

export interface Outcome {
  readonly seed: number
  /** What must never happen and did; empty in a good run. */
  readonly violations: readonly string[]
  /** Two runs of one seed must have the same. */
  readonly digest: string
  readonly faults: readonly string[]
  readonly summary: Readonly<Record<string, number>>
}

/** Within so much virtual time after everything has ended the last reply must have come. */
const PATIENCE_MS = 15_000
const DRAIN_PATIENCE_MS = 30_000
/** Traffic without faults goes on for so long, in a large and in a small world. */
const CALM_MS = 3500
const SMALL_CALM_MS = 500
/** Most worlds are small: what takes two clients and a fault is then found in many more of them. */
const SMALL_WORLDS = 0.9
/** Longest pause of a client between two pipelines, in a large and in a small world. */
const THINK_MS = 120
const SMALL_THINK_MS = 400
/** Servers other than the primary are asked at every third probe, and a probe is late by a fifth at most. */
const NOTICE_PROBES = 4
const MOST_VIOLATIONS = 10
const PROXY: HostAndPort = { host: '127.0.0.1', port: 6380 }
/** What one read and one reply may add to a limit. */
const SLACK_BYTES = 256 * 1024

export async function simulate(seed: number, options: SimulationOptions): Promise<Outcome> {
  return new Simulation(seed, options).run()
}

class Simulation {
  readonly #seed: number
  readonly #options: SimulationOptions
  readonly #random: Random
  readonly #clock: VirtualClock
  readonly #isSmall: boolean
  readonly #hasDiscovery: boolean
  readonly #violations: string[] = []
  readonly #excuses: Excuses
  #world: ClientWorld & FaultWorld
  #clients: SimulatedClient[] = []
  #digest = 0
  #replies = 0
  #finished = 0
  #longestReplyMs = 0
  /** How often the proxy has taken a server for the primary. */
  #switches = 0
  #isEnding = false
  #isDraining = false
  #isDrained = false

  constructor(seed: number, options: SimulationOptions) {
    this.#seed = seed
    this.#options = options
    this.#random = seededRandom(seed)
    const isSmall = this.#random.chance(SMALL_WORLDS)
    this.#isSmall = options.isSmall ?? isSmall
    const hasDiscovery = this.#random.chance(0.5)
    this.#hasDiscovery = options.hasDiscovery ?? hasDiscovery
    const turns = this.#random.fork()
    // Most turns hold one event; some gather what arrives while the loop is busy.
    const busyMs = this.#random.pick([0, 0.1, 1])
    this.#clock = new VirtualClock(() => (turns.chance(0.3) ? turns.between(0, busyMs) : 0))
    this.#world = this.#makeWorld()
    this.#excuses = new Excuses(this.#clock, this.#world.cluster.servers)
  }

  async run(): Promise<Outcome> {
    const random = this.#random.fork()
    const { cluster, journal } = this.#world
    const settings = chooseSettings(random)
    const closesIdle = random.chance(0.3) && this.#options.isPatient !== true
    const denied = ['role', 'info'].filter(() => random.chance(0.2))
    for (const server of cluster.servers) {
      if (closesIdle) server.idleTimeoutMs = 2 * settings.backendPingMs + 1500
      for (const name of denied) server.denied.add(name)
    }
    for (const server of cluster.others) await server.start()
    cluster.noticeMs = NOTICE_PROBES * settings.probeMs + settings.replyTimeoutMs + RECOVERY_MS
    const faults = random.chance(0.15) ? [] : this.#plan(random)
    const calmFromMs = faults.length === 0 ? this.#calmMs : Math.max(...faults.map(endOf)) + RECOVERY_MS + this.#calmMs
    const readsReplicas = settings.readFrom !== 'primary'
    Object.assign(this.#world, { hasFaults: faults.length > 0, readsReplicas })
    if (random.chance(0.9)) await cluster.primary.start()
    else this.#startLate(random.between(0, 800))
    try {
      await this.#live(random, settings, faults, calmFromMs)
    } catch (error) {
      this.#violate(`something was thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
    // Whatever went wrong before, the books are always told.
    const stores = cluster.servers.map(({ store }) => store)
    const problems = this.#world.ledger.check(journal, stores, cluster.primary.store).slice(0, MOST_VIOLATIONS)
    this.#violations.push(...problems)
    for (const problem of problems) this.#options.trace?.(`!!! ${problem}`)
    return this.#outcome(faults)
  }

  #plan(random: Random): Fault[] {
    const servers = this.#world.cluster.servers.length
    const possible = possibleFaults(servers, this.#hasDiscovery)
    const names = this.#options.faults ?? possible
    if (names.length === 0) return []
    const faults = planFaults(random, names, 1 + random.below(this.#isSmall ? 2 : 5))
    if (this.#options.faults !== undefined || servers === 1 || random.chance(0.6)) return faults
    // Before, during and after a failover something else goes wrong.
    const failovers = possible.filter((name) => !(name in SERVER_FAULTS))
    return [...faults, ...planFaults(random, failovers, 1 + random.below(2))].toSorted(
      (one, other) => one.atMs - other.atMs,
    )
  }

  get #calmMs(): number {
    return this.#isSmall ? SMALL_CALM_MS : CALM_MS
  }

  /** The proxy has to start without a backend as well. */
  #startLate(delayMs: number): void {
    this.#excuses.addStart(delayMs)
    Object.assign(this.#world, { hasFaults: true })
    this.#clock.after(delayMs, () => void this.#world.cluster.primary.start())
  }

  async #live(random: Random, settings: ProxySettings, faults: readonly Fault[], calmFromMs: number): Promise<void> {
    const { network, cluster } = this.#world
    const place: ProxyPlace = {
      runtime: virtualRuntime('proxy', this.#clock, network, this.#random.fork()),
      listen: PROXY,
      backends: cluster.addresses,
      discover: this.#hasDiscovery ? cluster.discover : undefined,
      settings,
      trace: this.#world.trace,
      accepted: (address) => this.#accepted(address),
    }
    const proxy = await this.#await('the start of the proxy', this.#options.startProxy(place), PATIENCE_MS)
    let left = faults.length
    const areTwoAtOnce = faults.some((fault, index) => index > 0 && fault.atMs < endOf(faults[index - 1]!))
    scheduleFaults(
      this.#world,
      faults,
      (fault) => {
        this.#excuses.begin(fault, areTwoAtOnce)
      },
      (fault) => {
        this.#excuses.end(fault)
        if (--left === 0) cluster.recover()
      },
    )
    const workloads = this.#startClients(random)
    const endMs = this.#clock.nowMs + calmFromMs
    const drainsEarly = random.chance(0.25)
    this.#sample(settings)
    await this.#clock.run(() => false, drainsEarly ? endMs - random.between(200, this.#calmMs) : endMs)
    let drained: Promise<void> | undefined
    if (drainsEarly) {
      drained = this.#drain(proxy)
      await this.#clock.run(() => false, endMs)
    }
    this.#isEnding = true
    this.#world.trace(() => '--- the clients come to their end')
    const areOver = (): boolean => workloads.length === this.#finished
    if (!(await this.#clock.run(areOver, this.#clock.nowMs + PATIENCE_MS))) {
      this.#tellWhoHangs()
      return
    }
    await this.#await('the end of the drain', drained ?? this.#drain(proxy), DRAIN_PATIENCE_MS)
    await this.#clock.run(() => false, this.#clock.nowMs + 100)
    this.#checkBounds(settings)
  }

  #tellWhoHangs(): void {
    const hanging = this.#clients.filter((client) => client.describePending() !== '')
    for (const client of hanging) {
      this.#violate(`client ${client.index} (${client.name}) hangs: ${client.describePending()}`)
    }
    if (hanging.length > 0) return
    const names = this.#clients.filter(({ isConnected }) => isConnected).map(({ index, name }) => `${index} (${name})`)
    this.#violate(`nothing is unanswered, but the connections of these clients never end: ${names.join(', ')}`)
  }

  #startClients(random: Random): Promise<void>[] {
    const all = { ...DATA_WORKLOADS, ...SESSION_WORKLOADS }
    const names = this.#options.workloads ?? Object.keys(all)
    const count = this.#options.clients ?? 2 + 2 * random.below(this.#isSmall ? 2 : 6)
    const workloads: Promise<void>[] = []
    let name = ''
    for (let index = 0; index < count; index++) {
      // Neighbours do the same: queues, channels and compare-and-set need a partner.
      if (index % 2 === 0) name = random.pick(names)
      const workload = all[name]
      if (workload === undefined) throw new RangeError(`no workload is named ${name}`)
      const client = new SimulatedClient(this.#world, index, random.fork(), name)
      this.#clients.push(client)
      const ended = runWorkload(workload, client).catch((error: unknown) => this.#violate(`a client broke: ${error}`))
      workloads.push(ended.then(() => void this.#finished++))
    }
    return workloads
  }

  #drain(proxy: SimulatedProxy): Promise<void> {
    this.#isDraining = true
    this.#world.cluster.disturbances++
    this.#world.trace(() => '--- drain')
    return proxy.drain()
  }

  /** Lets the world go on until a promise is settled. */
  async #await<T>(what: string, promise: Promise<T>, patienceMs: number): Promise<T> {
    let isSettled = false
    const settled = promise.finally(() => {
      isSettled = true
    })
    settled.catch(() => {})
    if (!(await this.#clock.run(() => isSettled, this.#clock.nowMs + patienceMs))) {
      throw new Error(`${what} did not come within ${patienceMs} ms`)
    }
    return settled
  }

  #accepted(address: string): void {
    this.#switches++
    this.#world.cluster.accepted(address)
  }

  /** Looks now and then how much the proxy holds for each client. */
  #sample(settings: ProxySettings): void {
    this.#clock.after(20, () => {
      if (this.#isDrained) return
      for (const client of this.#clients) {
        const most = settings.outputHardBytes + SLACK_BYTES
        if (client.owedBytes > most) {
          this.#violate(
            `the proxy has read ${client.owedBytes} bytes of client ${client.index} (${client.name}) unanswered`,
          )
        }
      }
      this.#sample(settings)
    })
  }

  #checkBounds(settings: ProxySettings): void {
    this.#isDrained = true
    if (this.#switches === 0 && this.#world.journal.executions.length > 0)
      this.#violate('the proxy served without saying which server it took for the primary')
    const most = settings.outputHardBytes + SLACK_BYTES
    for (const stream of this.#world.network.all) {
      if (stream.host !== 'proxy') continue
      if (stream.mostPendingBytes > most) this.#violate(`${stream.name} had ${stream.mostPendingBytes} bytes pending`)
      if (!stream.isClosed) this.#violate(`${stream.name} is still open after the drain`)
    }
  }

  #violate(text: string): void {
    if (this.#violations.length >= MOST_VIOLATIONS) return
    const line = `${this.#clock.nowMs.toFixed(3)} ms: ${text}`
    this.#violations.push(line)
    this.#options.trace?.(`!!! ${line}`)
  }

  #makeWorld(): ClientWorld & FaultWorld {
    const simulation = this
    const random = this.#random.fork()
    const { trace } = this.#options
    const tell = (line: () => string): void => trace?.(`${this.#clock.nowMs.toFixed(3).padStart(10)} ${line()}`)
    const base = { clock: this.#clock, random, violation: (text: string) => this.#violate(text), trace: tell }
    const network = new VirtualNetwork(base)
    const cuts = random.pick([
      { cutProbability: 0, singleByteProbability: 0 },
      { cutProbability: 0.1, singleByteProbability: 0.3 },
      { cutProbability: 0.5, singleByteProbability: 0.1 },
    ])
    network.setLink(PROXY, makeLink({ ...cuts, kernelBytes: random.pick([2000, 20_000, 400_000]) }))
    const slowestMs = random.pick([0.2, 1, 5])
    const kernelBytes = random.pick([2000, 20_000, 400_000])
    const cluster = new Cluster(base, network, this.#options.serverCount ?? 1, () => {
      return makeLink({ ...cuts, maxLatencyMs: slowestMs, kernelBytes })
    })
    return {
      ...base,
      network,
      cluster,
      journal: cluster.journal,
      proxyAddress: PROXY,
      ledger: new Ledger(),
      hasFaults: false,
      readsReplicas: false,
      longestThoughtMs: this.#isSmall ? SMALL_THINK_MS : THINK_MS,
      isExcused: (fromMs, toMs) => this.#excuses.covers(fromMs, toMs),
      get isEnding() {
        return simulation.#isEnding
      },
      get isDraining() {
        return simulation.#isDraining
      },
      replied: (ms) => {
        this.#replies++
        this.#longestReplyMs = Math.max(this.#longestReplyMs, ms)
        this.#digest = (Math.imul(this.#digest, 31) + Math.floor(this.#clock.nowMs * 1000)) | 0
      },
    }
  }

  #outcome(faults: readonly Fault[]): Outcome {
    const { ledger, journal } = this.#world
    const lost = ledger.lost(journal, this.#world.cluster.primary.store).length
    return {
      seed: this.#seed,
      violations: this.#violations,
      digest: `${this.#digest >>> 0}-${this.#clock.eventCount}-${journal.executions.length}`,
      faults: faults.map(
        ({ name, atMs, durationMs }) => `${name} at ${atMs.toFixed(0)} for ${durationMs.toFixed(0)} ms`,
      ),
      summary: {
        clients: this.#clients.length,
        replies: this.#replies,
        executions: journal.executions.length,
        acknowledged: ledger.count('acknowledged'),
        refused: ledger.count('refused'),
        uncertain: ledger.count('uncertain'),
        open: ledger.count('open'),
        switches: this.#switches,
        lost,
        events: this.#clock.eventCount,
        virtualMs: Math.round(this.#clock.nowMs),
        longestReplyMs: Math.round(this.#longestReplyMs),
      },
    }
  }
}

function endOf({ atMs, durationMs }: Fault): number {
  return atMs + durationMs
}
