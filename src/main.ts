// The process: environment to configuration, signals to drain, and the exit code. Nothing but this and its signals ends the process.

// Before all else, and apart from the imports that are kept in order: a signal that comes while they load has to find its handler.
import './signals.ts'

import { setFlagsFromString } from 'node:v8'
import { startApp } from './app.ts'
import { describeConfigError } from './config/read-settings.ts'
import { unreadableFiles } from './config/unreadable-files.ts'
import { helpText, parseConfig } from './config.ts'
import { createLog } from './operations/log.ts'
import { nodeRuntime } from './runtime/node-runtime.ts'
import { onStopSignal } from './signals.ts'
import { version } from './version.ts'

/** EX_USAGE of sysexits.h: the command was used incorrectly, trying again will not help. */
const BAD_CONFIGURATION = 64
const FAILED = 1

/**
 * What a proxy allocates dies within one turn of the event loop. A young generation that does not grow beyond its first size takes
 * a seventh less memory under load, at the same speed.
 */
const KEEP_YOUNG_GENERATION_SMALL = '--semi-space-growth-factor=1'

async function main(): Promise<void> {
  setFlagsFromString(KEEP_YOUNG_GENERATION_SMALL)
  const [argument] = process.argv.slice(2)
  if (argument === '--help' || argument === '-h') return print(helpText())
  if (argument === '--version') return print(version)
  if (argument === 'injector') return injector()
  if (argument !== undefined)
    return fail(`rusteze: unknown argument '${argument}'; settings come from the environment, see --help`)
  const parsed = parseConfig(process.env)
  if ('errors' in parsed) {
    return fail(parsed.errors.map(describeConfigError).join('\n'))
  }
  const { config, warnings } = parsed
  const unreadable = unreadableFiles(config)
  if (unreadable.length > 0) return fail(unreadable.map(describeConfigError).join('\n'))
  const log = createLog(config.logLevel, config.logFormat)
  for (const warning of warnings) log.warn({}, warning)
  const app = startApp({ config, runtime: nodeRuntime, log, quit: () => process.kill(process.pid, 'SIGTERM') })
  onStopSignal((signal) => {
    log.info({ signal }, 'stopping: clients are served until they are done')
    onStopSignal(() => app.hasten())
    app.drain().then(() => {
      log.info({}, 'stopped')
      process.exit(0)
    })
  })
  process.on('uncaughtException', (error) => {
    log.fatal({ error: error.stack }, 'unexpected error, the process ends')
    process.exit(FAILED)
  })
  /** Says where it listens, or ends the process. */
  const announce = async (variable: string, message: string, listening: Promise<object | undefined>) => {
    try {
      const where = await listening
      if (where !== undefined) log.info({ version, ...where }, message)
    } catch (error) {
      log.fatal({ error: String(error), setting: variable }, 'cannot listen')
      process.exit(FAILED)
    }
  }
  await Promise.all([
    announce(
      'RUSTEZE_LISTEN',
      'listening',
      app.listening.then((addresses) => ({ addresses })),
    ),
    announce('RUSTEZE_ADMIN', 'probes and metrics are answered', app.adminListening),
  ])
}

/** The webhook that gives pods their sidecar: the same image, another process. */
async function injector(): Promise<void> {
  const { runInjector } = await import('./injector/run.ts')
  const exit = (code: number) => process.exit(code)
  await runInjector({ environment: process.env, onStopSignal, refuse: fail, exit })
}

function print(text: string): void {
  process.stdout.write(`${text.trimEnd()}\n`)
}

function fail(text: string): void {
  process.stderr.write(`${text.trimEnd()}\n`)
  process.exitCode = BAD_CONFIGURATION
}

await main()
