// A network with a server and hardened containers of the proxy, and clients on the published ports.

import type { Container } from 'dockerode'
import {
  GenericContainer,
  getContainerRuntimeClient,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers'
import { afterAll, afterEach, beforeAll, describe, inject } from 'vitest'
import { dockerProblem } from '../../scripts/docker.mjs'
import type { ServerKind } from '../../scripts/servers.mjs'
import { connect, type RawClient } from '../support/raw-client.ts'

/** As OpenShift chooses users: any number, in group 0. */
const ARBITRARY_USER = '1000710000:0'
const PROXY_PORT = 6380

const servers: Record<ServerKind, { readonly image: string; readonly command: string }> = {
  redis: { image: 'redis:7-bookworm', command: 'redis-server' },
  valkey: { image: 'valkey/valkey:9', command: 'valkey-server' },
}

/** A suite that needs Docker; where there is none it is skipped by name. */
export function describeWithDocker(name: string, suite: () => void): void {
  describe.skipIf(dockerProblem() !== undefined)(name, suite)
}

/** The image of this run. @throws when it could not be built. */
export function imageName(): string {
  const { name, problem } = inject('image')
  if (problem !== '') throw new Error(`the image could not be built: ${problem}`)
  return name
}

export type ProxyOptions = {
  readonly environment?: Readonly<Record<string, string>>
  readonly memoryBytes?: number
  readonly user?: string
}

/** Bounded as a pod of the restricted profile is, and more. */
class HardenedContainer extends GenericContainer {
  constructor({ memoryBytes, user = ARBITRARY_USER }: ProxyOptions) {
    super(imageName())
    this.hostConfig.ReadonlyRootfs = true
    // No swap beyond it.
    if (memoryBytes !== undefined) Object.assign(this.hostConfig, { Memory: memoryBytes, MemorySwap: memoryBytes })
    this.withDroppedCapabilities('ALL').withSecurityOpt('no-new-privileges').withUser(user)
  }
}

export type RunningContainer = {
  readonly port: number
  /** For what only the engine knows: its state, its exit code, what it wrote. */
  readonly engine: Container
  readonly output: () => string
}

export class ContainerStage {
  network!: StartedNetwork
  server!: StartedTestContainer
  readonly #proxies: StartedTestContainer[] = []
  readonly #clients: RawClient[] = []

  async begin(kind: ServerKind): Promise<void> {
    const { run } = inject('image')
    let count = 0
    this.network = await new Network({ nextUuid: () => `${run}-${process.pid}-${count++}` }).start()
    const { image, command } = servers[kind]
    this.server = await new GenericContainer(image)
      .withLabels({ [run]: '' })
      .withNetwork(this.network)
      .withNetworkAliases('server')
      .withCommand([command, '--save', '', '--protected-mode', 'no'])
      .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
      .start()
  }

  async proxy(options: ProxyOptions = {}): Promise<RunningContainer> {
    let output = ''
    const container = await new HardenedContainer(options)
      .withLabels({ [inject('image').run]: '' })
      .withNetwork(this.network)
      .withExposedPorts(PROXY_PORT)
      .withEnvironment({
        RUSTEZE_LISTEN: `0.0.0.0:${PROXY_PORT}`,
        RUSTEZE_PROTECTED: 'off',
        RUSTEZE_BACKENDS: 'server:6379',
        ...options.environment,
      })
      .withLogConsumer((stream) => {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text
        })
      })
      .withWaitStrategy(Wait.forLogMessage(/"listening"/))
      .start()
    this.#proxies.push(container)
    return { port: container.getMappedPort(PROXY_PORT), engine: await engineOf(container), output: () => output }
  }

  /**
   * By the engine alone. testcontainers would wait for a line of the log after `StartedAt`, and the engine may write that down
   * after a server that starts in milliseconds has said it.
   */
  async restartServer(): Promise<void> {
    const engine = await engineOf(this.server)
    await engine.restart({ t: 0 })
  }

  async client({ port }: RunningContainer, timeoutMs = 30_000): Promise<RawClient> {
    const client = await connect(port, timeoutMs)
    this.#clients.push(client)
    return client
  }

  async clear(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()))
    await Promise.all(this.#proxies.splice(0).map((container) => container.stop({ timeout: 0 })))
  }

  async end(): Promise<void> {
    await this.server?.stop({ timeout: 0 })
    await this.network?.stop()
  }
}

async function engineOf(container: StartedTestContainer): Promise<Container> {
  return (await getContainerRuntimeClient()).container.getById(container.getId())
}

/** To be called where tests are described. */
export function setContainerStage(kind: ServerKind): ContainerStage {
  const stage = new ContainerStage()
  beforeAll(() => stage.begin(kind))
  afterEach(() => stage.clear())
  afterAll(() => stage.end())
  return stage
}
