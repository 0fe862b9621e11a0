// Builds a whole world from one seed (network, model Redis, the proxy, clients and faults), lets it run, and says what went wrong.
import type { ClientWorld } from './client-world.ts'
import { Cluster } from './cluster.ts'
import { Crowd } from './crowd.ts'
import { Excuses, RECOVERY_MS } from './excuses.ts'
import type { FaultWorld } from './fault-kind.ts'
import { endOf, type Fault, planFaults, possibleFaults, scheduleFaults } from './faults.ts'
import { Ledger } from './ledger.ts'
import {
  chooseSettings,
  type HostAndPort,
  type ProxyPlace,
  type ProxySettings,
  type SimulatedProxy,
} from './proxy-place.ts'
import { type Random, seededRandom } from './random.ts'
import { SERVER_FAULTS } from './server-faults.ts'
import type { Outcome, SimulationOptions } from './simulation-options.ts'
import { VirtualClock } from './virtual-clock.ts'
import { makeLink, VirtualNetwork } from './virtual-network.ts'
import { virtualRuntime } from './virtual-runtime.ts'

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
  readonly #crowd: Crowd
  #digest = 0
  #replies = 0
  #longestReplyMs = 0
  /** How often the proxy has taken a server for the primary. */
  #switches = 0
  #pause: SimulatedProxy['pause']
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
    this.#crowd = new Crowd(this.#world)
    this.#excuses = new Excuses(this.#clock, this.#world.cluster.servers)
  }

  async run(): Promise<Outcome> {
    const random = this.#random.fork()
    const { cluster, journal } = this.#world
    const closesIdle = random.chance(0.3) && this.#options.isPatient !== true
    const denied = ['role', 'info'].filter(() => random.chance(0.2))
    const settings = chooseSettings(random, cluster.others.length > 0 && !denied.includes('info'))
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
    const wanted = this.#options.faults
    const names = wanted === undefined ? possible : possible.filter((name) => wanted.includes(name))
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
      discoverPrimary: this.#hasDiscovery ? cluster.discoverPrimary : undefined,
      settings,
      trace: this.#world.trace,
      accepted: (address) => this.#accepted(address),
    }
    const proxy = await this.#await('the start of the proxy', this.#options.startProxy(place), PATIENCE_MS)
    this.#pause = proxy.pause
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
    const count = this.#options.clients ?? 2 + 2 * random.below(this.#isSmall ? 2 : 6)
    this.#crowd.start(random, count, this.#options.workloads)
    const endMs = this.#clock.nowMs + calmFromMs
    const drainsEarly = random.chance(0.25)
    this.#crowd.sample(settings.outputHardBytes + SLACK_BYTES, () => this.#isDrained)
    await this.#clock.run(() => false, drainsEarly ? endMs - random.between(200, this.#calmMs) : endMs)
    let drained: Promise<void> | undefined
    if (drainsEarly) {
      drained = this.#drain(proxy)
      await this.#clock.run(() => false, endMs)
    }
    this.#isEnding = true
    this.#world.trace(() => '--- the clients come to their end')
    if (!(await this.#clock.run(() => this.#crowd.isDone, this.#clock.nowMs + PATIENCE_MS))) {
      this.#crowd.tellWhoHangs()
      return
    }
    await this.#await('the end of the drain', drained ?? this.#drain(proxy), DRAIN_PATIENCE_MS)
    await this.#clock.run(() => false, this.#clock.nowMs + 100)
    this.#checkBounds(settings)
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
      get pause() {
        return simulation.#pause
      },
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
        clients: this.#crowd.size,
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
