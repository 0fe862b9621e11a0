// The process: environment to configuration, signals to drain, and the exit code. Nothing but this and its signals ends the process.

// Before all else, and apart from the imports that are kept in order: a signal that comes while they load has to find its handler.
import './signals.ts'

import { setFlagsFromString } from 'node:v8'
import { startApp } from './app.ts'
import { describeConfigError } from './config/read-settings.ts'
import { type SubcommandName, subcommands } from './config/subcommands.ts'
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
  const [argument, ...more] = process.argv.slice(2)
  if (argument === '--help' || argument === '-h') return print(helpText())
  if (argument === '--version') return print(version)
  if (argument === 'injector') return injector()
  if (argument !== undefined) return subcommand(argument, more)
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
    app.log.info({ signal }, 'stopping: clients are served until they are done')
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
  const { runInjector } = await beside('injector.mjs', import('./injector/run.ts'))
  const exit = (code: number) => process.exit(code)
  await runInjector({ environment: process.env, onStopSignal, refuse: fail, exit })
}

/** What the program does beside serving. */
async function subcommand(name: string, args: readonly string[]): Promise<void> {
  if (!Object.hasOwn(subcommands, name)) {
    const known = [...Object.keys(subcommands), '--help', '--version'].join(', ')
    return fail(
      `rusteze: unknown argument '${name}', known are ${known}; settings come from the environment, see --help`,
    )
  }
  const { runSubcommand } = await beside('subcommands.mjs', import('./subcommands/subcommands.ts'))
  // Whoever read it, such as `head`, has seen enough.
  process.stdout.on('error', () => process.exit(FAILED))
  const invocation = { args, environment: process.env, print, complain }
  process.exit(await runSubcommand(name as SubcommandName, invocation))
}

/** The main file of the bundle serves alone, and what is missing is not told by the error of a module. */
async function beside<Module>(file: string, loading: Promise<Module>): Promise<Module> {
  try {
    return await loading
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    complain(`rusteze: ${file} is missing: put it beside rusteze.mjs, as npm run build makes both`)
    process.exit(BAD_CONFIGURATION)
  }
}

function print(text: string): void {
  process.stdout.write(`${text.trimEnd()}\n`)
}

function complain(text: string): void {
  process.stderr.write(`${text.trimEnd()}\n`)
}

function fail(text: string): void {
  complain(text)
  process.exitCode = BAD_CONFIGURATION
}

await main()
