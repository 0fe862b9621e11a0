// Builds every part once, in order, and ends them in reverse; tests start the whole proxy through it.

import type { BackendContext } from './backend/backend-context.ts'
import { Credentials } from './backend/credentials.ts'
import { Hold } from './backend/hold.ts'
import { LearnCommands } from './backend/learn-commands.ts'
import { Shard } from './backend/shard.ts'
import { ConnectionManager } from './client/connection-manager.ts'
import { noEvictions } from './client/evictions.ts'
import { Memory } from './client/memory.ts'
import { Outcomes } from './client/outcomes.ts'
import { Pause } from './client/pause.ts'
import { PinBudget } from './client/pin-budget.ts'
import type { Proxy } from './client/proxy.ts'
import type { Services } from './client/services.ts'
import { kindsWithout } from './command/classify.ts'
import { CommandTable } from './command/table.ts'
import type { TcpAddress } from './config/addresses.ts'
import type { ServiceName } from './config/service-name.ts'
import type { Config } from './config.ts'
import type { Pod } from './discovery/pod.ts'
import { ServiceWatch } from './discovery/service-watch.ts'
import { isLocalClient } from './operations/access.ts'
import type { AdminServer } from './operations/admin-server.ts'
import { Drain } from './operations/drain.ts'
import { HealthLatches } from './operations/health.ts'
import { infoText } from './operations/info.ts'
import type { Log } from './operations/log.ts'
import { containerMemory, memoryCeiling } from './operations/memory-ceiling.ts'
import { type Status, statusOf } from './operations/status.ts'
import { Timeline } from './operations/timeline.ts'
import { singleShardRouter } from './route/router.ts'
import { ScriptCache } from './route/scripts.ts'
import type { Address, Runtime } from './runtime/runtime.ts'
import { Turn } from './runtime/turn.ts'
import type { Endpoint } from './topology/endpoint.ts'

export interface App {
  /** The addresses it listens on; rejects when one cannot be had. */
  readonly listening: Promise<Address[]>
  /** The facts, as they are now. */
  status(): Status
  /** Holds what may write, for maintenance. */
  readonly pause: Pause
  /** The one it was given; what is written here is in the timeline as well. */
  readonly log: Log
  /** The address of the admin server, undefined where it is off; rejects when it cannot be had. */
  readonly adminListening: Promise<TcpAddress | undefined>
  /** Serves until the clients are done or the deadline comes, then ends everything. */
  drain(): Promise<void>
  /** While draining: do not wait for clients to leave, only for the replies they are owed. */
  hasten(): void
}

/** Tells at once and after each change where servers are. @returns what ends it. */
export type Discover = (follow: (endpoints: readonly Endpoint[]) => void) => { stop(): void }

export interface AppOptions {
  readonly config: Config
  readonly runtime: Runtime
  readonly log: Log
  /** In place of Kubernetes, for simulations. */
  readonly discover?: Discover
  /** In place of the pod that this runs in, for tests. */
  readonly pod?: Pod | undefined
  /** Likewise: where the label of the primary is. */
  readonly discoverPrimary?: Discover
  /** Ends the process as SIGTERM does; POST /quitquitquit asks for it, where RUSTEZE_ADMIN_QUIT allows that. */
  readonly quit?: () => void
}

/** How often connections to the backend are looked after, in ms. */
const TEND_MS = 1000

export function startApp({ config, runtime, log: plainLog, discover, discoverPrimary, pod, quit }: AppOptions): App {
  const timeline = new Timeline(plainLog, () => runtime.wallClock())
  const { log } = timeline
  const turn = new Turn(runtime)
  const credentials = new Credentials(config, runtime, log)
  const context: BackendContext = {
    config,
    runtime,
    turn,
    log,
    ownIdentity: credentials.ownIdentity,
    sentinelPassword: credentials.sentinelPassword,
    tls: credentials.tls,
  }
  const kindOf = kindsWithout(config.deny)
  const outcomes = new Outcomes(runtime, turn, config.slowMs)
  const countsOf = (name: string) => outcomes.counts.of(name)
  const table = new LearnCommands(log, (entries) => {
    services.commands = new CommandTable(entries, kindOf, countsOf)
  })
  const shard = new Shard(context, (connection, hello) => table.connected(connection, hello))
  const hold = new Hold(runtime, turn, config)
  const clients = new Map<number, Proxy>()
  const router = singleShardRouter(shard)
  const pause = new Pause({ config, runtime, turn, log, router, clients })
  const ceiling = memoryCeiling(config.memoryLimitBytes, containerMemory())
  const services: Services = {
    ...{ config, runtime, turn, log, hold, pause, clients, router },
    memory: new Memory(ceiling, clients, turn),
    pins: new PinBudget(config.maxPins),
    scripts: new ScriptCache(),
    // Until there is a client.
    commands: new CommandTable([], kindOf, countsOf),
    ownIdentity: credentials.ownIdentity,
    clientPassword: credentials.clientPassword,
    needsPassword: config.clientPasswordFile !== undefined,
    outcomes,
    evictions: noEvictions(),
    info: (sections) => infoText(status(), sections),
    isLocal: isLocalClient,
  }
  const manager = new ConnectionManager(services, clients, () => table.want())
  const tending = runtime.every(TEND_MS, () => shard.tend(runtime.now()))

  const health = new HealthLatches(config, runtime, clients)
  const discovery = discover?.(follow) ?? (config.service && followService(config.service, follow))
  const { primaryService } = config
  const labels = discoverPrimary?.(label) ?? (primaryService && followService(primaryService, label))
  if (discovery === undefined) {
    shard.follow(config.backends.map((address) => ({ address, uid: '', zone: undefined })))
    health.discovered()
  }

  function follow(endpoints: readonly Endpoint[]): void {
    health.discovered()
    shard.follow(endpoints.map(({ host, port, ...rest }) => ({ address: { host, port }, ...rest })))
    turn.settle()
  }

  function label(endpoints: readonly Endpoint[]): void {
    shard.label(endpoints, primaryService ? `the Service ${primaryService.service}` : 'a label')
    turn.settle()
  }

  function followService(service: ServiceName, follow: (endpoints: readonly Endpoint[]) => void): ServiceWatch {
    const watch = new ServiceWatch(config, service, runtime, log, follow, pod)
    void watch.run()
    return watch
  }

  const listening = manager.listen(
    config.listen.map((address) =>
      address.kind === 'unix' ? { path: address.path, mode: config.socketMode } : address,
    ),
  )
  void listening.then(
    () => health.listening(),
    // The caller hears of it.
    () => {},
  )
  const service = discovery instanceof ServiceWatch ? discovery : undefined
  const status = () => statusOf({ ...services, health, manager, service })

  // Loaded after the proxy listens: nothing of it delays that, and where it is off it takes no memory.
  const admin = config.admin && startAdmin(config.admin)

  async function startAdmin(address: TcpAddress): Promise<AdminServer<Status>> {
    const { AdminServer } = await import('./operations/admin-server.ts')
    const { LiveEvents } = await import('./operations/live-events.ts')
    const events = new LiveEvents({ ...services, timeline, status })
    const page = async () => (await import('./operations/live-page.ts')).livePage
    const metrics = async () => (await import('./operations/metrics.ts')).definitions
    const source = {
      health,
      status,
      metrics,
      pause,
      live: { page, events },
      quit: config.isQuitAllowed ? quit : undefined,
    }
    try {
      return await AdminServer.start(address, source, log)
    } catch (error) {
      events.close()
      throw error
    }
  }

  let draining: Drain | undefined
  let drained: Promise<void> | undefined
  return {
    listening,
    adminListening: Promise.resolve(admin).then((running) => running?.address),
    status,
    pause,
    log,
    drain() {
      health.draining()
      pause.close()
      drained ??= new Promise((resolve) => {
        draining = new Drain(runtime, config, manager, (clientsLeft) => {
          if (clientsLeft > 0) log.warn({ clients: clientsLeft }, 'clients were still connected at the deadline')
          manager.closeAll()
          tending.cancel()
          discovery?.stop()
          labels?.stop()
          hold.close()
          shard.close()
          credentials.close()
          // Last, so that a last probe or scrape is answered.
          Promise.resolve(admin)
            .then((running) => running?.close())
            .then(resolve, resolve)
        })
      })
      return drained
    },
    hasten: () => draining?.hasten(),
  }
}
