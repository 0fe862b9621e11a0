// The simulated clients of a world: starts them, knows when they are done, and tells who hangs or is owed too much.
import { SimulatedClient } from './client-model.ts'
import type { ClientWorld } from './client-world.ts'
import type { Random } from './random.ts'
import { runWorkload, SESSION_WORKLOADS } from './session-workloads.ts'
import { DATA_WORKLOADS } from './workloads.ts'

/** How often it is looked how much the proxy holds for each client, in ms. */
const SAMPLE_MS = 20
const WORKLOADS = { ...DATA_WORKLOADS, ...SESSION_WORKLOADS }

export class Crowd {
  readonly #world: ClientWorld
  readonly #clients: SimulatedClient[] = []
  #finished = 0

  constructor(world: ClientWorld) {
    this.#world = world
  }

  get size(): number {
    return this.#clients.length
  }

  get isDone(): boolean {
    return this.#finished === this.#clients.length
  }

  /** @param names of the workloads to choose from. */
  start(random: Random, count: number, names: readonly string[] = Object.keys(WORKLOADS)): void {
    let name = ''
    for (let index = 0; index < count; index++) {
      // Neighbours do the same: queues, channels and compare-and-set need a partner.
      if (index % 2 === 0) name = random.pick(names)
      const workload = WORKLOADS[name]
      if (workload === undefined) throw new RangeError(`no workload is named ${name}`)
      const client = new SimulatedClient(this.#world, index, random.fork(), name)
      this.#clients.push(client)
      void runWorkload(workload, client)
        .catch((error: unknown) => this.#world.violation(`a client broke: ${error}`))
        .then(() => void this.#finished++)
    }
  }

  tellWhoHangs(): void {
    const hanging = this.#clients.filter((client) => client.describePending() !== '')
    for (const client of hanging) {
      this.#world.violation(`client ${client.index} (${client.name}) hangs: ${client.describePending()}`)
    }
    if (hanging.length > 0) return
    const names = this.#clients.filter(({ isConnected }) => isConnected).map(({ index, name }) => `${index} (${name})`)
    this.#world.violation(`nothing is unanswered, but the connections of these clients never end: ${names.join(', ')}`)
  }

  /** Looks now and then how much the proxy holds for each client, until it is drained. */
  sample(mostBytes: number, isDrained: () => boolean): void {
    this.#world.clock.after(SAMPLE_MS, () => {
      if (isDrained()) return
      for (const { owedBytes, index, name } of this.#clients) {
        if (owedBytes <= mostBytes) continue
        this.#world.violation(`the proxy has read ${owedBytes} bytes of client ${index} (${name}) unanswered`)
      }
      this.sample(mostBytes, isDrained)
    })
  }
}
