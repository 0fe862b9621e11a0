// The Runtime of one simulated host: virtual time, seeded chance and a virtual network instead of the machine's.
import type { Runtime } from '../../src/runtime/runtime.ts'
import type { Random } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { VirtualNetwork } from './virtual-network.ts'

/** Node runs a timer of 0 ms after 1 ms. */
const LEAST_TIMER_MS = 1
/** 2024-01-01, when every virtual world begins. */
const BEGIN_OF_THE_WORLD_MS = 1_704_067_200_000

export function virtualRuntime(host: string, clock: VirtualClock, network: VirtualNetwork, random: Random): Runtime {
  return {
    now: () => clock.nowMs,
    wallClock: () => BEGIN_OF_THE_WORLD_MS + clock.nowMs,
    random: () => random.next(),
    after: (ms, run) => clock.after(Math.max(LEAST_TIMER_MS, ms), run),
    every: (ms, run) => {
      const intervalMs = Math.max(LEAST_TIMER_MS, ms)
      const again = (): void => {
        timer = clock.after(intervalMs, again)
        run()
      }
      let timer = clock.after(intervalMs, again)
      return { cancel: () => timer.cancel() }
    },
    atEndOfTurn: (run) => clock.atEndOfTurn(run),
    connect: (address, tls, timeoutMs, handler) => {
      if (tls !== undefined) throw new Error('the virtual network speaks no TLS')
      return network.connect({ host }, address, timeoutMs, handler)
    },
    listen: async (address, accept) => network.listen(host, address, accept),
  }
}
