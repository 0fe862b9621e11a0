// The whole proxy as a process of its own, as it runs in production: its event loop shares nothing with the clients, links and faults.
import { setTimeout as delay } from 'node:timers/promises'
import { startKeeper } from '../../scripts/keeper.mjs'
import type { PlantName } from '../faults/plants.ts'
import { startProgram } from '../support/child-program.ts'

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname
const PLANT = new URL('./plant-bug.ts', import.meta.url).href
/** Without a client there is nothing to drain. */
const END_MS = 10_000
/** A busy machine takes its time; nothing is judged by it. */
const START_MS = 60_000

export interface ProxyProcess {
  readonly port: number
  /** Every line logged so far. */
  readonly log: () => string
  /** Waits until something is logged that matches. */
  readonly logs: (pattern: RegExp, timeoutMs?: number) => Promise<unknown>
  /** Ends it as Kubernetes would. @returns what it did that it should not, in sentences. */
  readonly stop: () => Promise<string[]>
}

/** @param plant a bug to plant in it. */
export async function startProxyProcess(
  settings: Readonly<Record<string, string>>,
  plant: PlantName | undefined,
): Promise<ProxyProcess> {
  const keeper = startKeeper('rusteze-chaos-proxy')
  const program = startProgram(process.execPath, [...(plant ? ['--import', PLANT] : []), MAIN], {
    env: {
      RUSTEZE_LISTEN: '127.0.0.1:0',
      RUSTEZE_ADMIN: 'off',
      RUSTEZE_DRAIN: '0',
      ...settings,
      ...(plant && { TEST_PLANT: plant }),
    },
  })
  keeper.guard(program.pid)
  const [, port] = await program.says(/"addresses":\[\{[^\]]*"port":(\d+)/, START_MS)
  const logs = (pattern: RegExp, timeoutMs?: number) => program.says(pattern, timeoutMs)

  async function stop(): Promise<string[]> {
    const late = new AbortController()
    const ended = await Promise.race([program.exit, delay(0, undefined)])
    if (ended === undefined) process.kill(program.pid, 'SIGTERM')
    const exit = await Promise.race([program.exit, delay(END_MS, undefined, { signal: late.signal })])
    late.abort()
    await program.end()
    keeper.release(program.pid)
    await keeper.end()
    if (ended !== undefined) return [`the proxy ended by itself: exit code ${ended.code}, signal ${ended.signal}`]
    return exit?.code === 0 ? [] : [`the proxy did not end with 0 on SIGTERM: ${JSON.stringify(exit ?? 'still there')}`]
  }

  return { port: Number(port), log: program.output, logs, stop }
}
