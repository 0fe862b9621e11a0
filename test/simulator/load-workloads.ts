// Clients that are a burden: they do not read, send too much at once, use large values or keep the server busy.
import { Disconnected, type SimulatedClient } from './client-model.ts'
import { SCRIPTS } from './model-store.ts'
import { anyCommand, OwnKeys, think } from './workload-parts.ts'

/** Asks for much and does not read for a while; the proxy may give up on it. */
export async function slowReaders(client: SimulatedClient): Promise<void> {
  const keys = new OwnKeys(client)
  const { random, world } = client
  while (!world.isEnding) {
    try {
      await client.connect({ ...world.network.link(world.proxyAddress), kernelBytes: 4096 })
      client.mayBeDisconnected = true
      await client.pipeline([keys.set(random.below(40_000))])
      client.stream!.pause()
      client.send(Array.from({ length: 40 }, () => (random.chance(0.9) ? keys.get() : keys.set(random.below(20_000)))))
      await client.sleep(random.between(10, 800))
      client.stream!.resume()
      await client.untilIdle()
      await client.finish()
    } catch (error) {
      if (!(error instanceof Disconnected)) throw error
    }
    await think(client)
  }
}

/** Sends much at once, in big pieces. */
export async function flooders(client: SimulatedClient): Promise<void> {
  await client.connect()
  const keys = new OwnKeys(client)
  while (!client.world.isEnding) {
    const bytes = client.random.pick([10, 1000, 20_000])
    const count = 5 + client.random.below(bytes > 1000 ? 30 : 300)
    await client.pipeline(
      Array.from({ length: count }, () => (client.random.chance(0.8) ? keys.set(bytes) : keys.get())),
    )
    await client.sleep(client.random.between(300, 1500))
  }
  await client.finish()
}

/** Sends values so large that they pass through the proxy in pieces, on a connection of their own, and leaves in the middle now and then. */
export async function largeValues(client: SimulatedClient): Promise<void> {
  const keys = new OwnKeys(client)
  const { random, world } = client
  while (!world.isEnding) {
    await client.connect()
    const count = 1 + random.below(4)
    const large = random.below(count)
    const requests = Array.from({ length: count }, (_, at) =>
      at === large ? keys.set(70_000 + random.below(150_000)) : anyCommand(client, keys),
    )
    if (random.chance(0.2)) {
      client.mayBeDisconnected = true
      client.send(requests, random.next())
      await client.sleep(random.between(0, 20))
      if (client.isConnected) await client.leave(random.pick(['destroy', 'reset']))
    } else {
      // A request that was lost half-sent cannot be answered out of its turn: its client may be closed behind the error.
      client.mayBeDisconnected = world.hasFaults
      client.send(requests)
      await client.untilIdle()
      await client.finish()
    }
    await client.sleep(random.between(100, 1000))
  }
}

/** Keeps the whole server busy now and then, which is no failure. */
export async function hogs(client: SimulatedClient): Promise<void> {
  await client.connect()
  while (!client.world.isEnding) {
    const busyMs = client.random.pick([5, 50, 600, 2500])
    await client.request(['EVAL', SCRIPTS.busy, '0', String(busyMs)], { expect: ({ text }) => text === 'done' })
    await client.sleep(client.random.between(500, 2500))
  }
  await client.finish()
}
