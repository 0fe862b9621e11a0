// Starts the whole proxy in this process, on a free port, as `main.ts` does with the environment of a process.

import { type App, startApp } from '../../src/app.ts'
import { describeConfigError } from '../../src/config/read-settings.ts'
import { type Config, parseConfig } from '../../src/config.ts'
import { createLog, type Log } from '../../src/operations/log.ts'
import { nodeRuntime } from '../../src/runtime/node-runtime.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { waitUntil } from './wait-until.ts'

export type RunningProxy = {
  /** Of the first TCP listener. */
  readonly port: number
  /** Of the admin server; 0 where RUSTEZE_ADMIN is not given. */
  readonly adminPort: number
  readonly app: App
  readonly config: Config
  /** Every line logged so far, as JSON; empty where a log was handed in. */
  readonly logLines: readonly string[]
  /** Waits until something is logged that matches. */
  readonly logs: (pattern: RegExp, timeoutMs?: number) => Promise<void>
  /** Cuts every client and ends; with a RUSTEZE_DRAIN of one's own, clients get the replies they are owed first. */
  readonly stop: () => Promise<void>
}

const testDefaults = {
  RUSTEZE_LISTEN: '127.0.0.1:0',
  RUSTEZE_ADMIN: 'off',
  // A test that is over leaves nobody to serve.
  RUSTEZE_DRAIN: '0',
}

/** @param environment settings as in a shell; RUSTEZE_BACKENDS is the one that nearly every test gives. */
export async function startProxy(
  environment: Readonly<Record<string, string>>,
  { log, runtime = nodeRuntime }: { readonly log?: Log; readonly runtime?: Runtime } = {},
): Promise<RunningProxy> {
  const parsed = parseConfig({ ...testDefaults, ...environment })
  if ('errors' in parsed) throw new Error(parsed.errors.map(describeConfigError).join('\n'))
  const { config } = parsed
  const logLines: string[] = []
  const collector = createLog(config.logLevel, 'json', { write: (line) => logLines.push(line) })
  const app = startApp({ config, runtime, log: log ?? collector })
  const addresses = await app.listening
  const adminPort = (await app.adminListening)?.port ?? 0
  const port = addresses.find((address) => 'port' in address)?.port ?? 0

  async function logs(pattern: RegExp, timeoutMs?: number): Promise<void> {
    const what = `the log says ${pattern}; it says:\n${logLines.join('')}`
    await waitUntil(() => logLines.some((line) => pattern.test(line)), {
      what,
      ...(timeoutMs !== undefined && { timeoutMs }),
    })
  }

  async function stop(): Promise<void> {
    const drained = app.drain()
    app.hasten()
    await drained
  }

  return { port, adminPort, app, config, logLines, logs, stop }
}
