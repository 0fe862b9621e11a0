// The process of `rusteze injector`: environment to configuration, signals to its end. A file of its own in the bundle: no sidecar needs it.
import { describeConfigError, type Environment } from '../config/read-settings.ts'
import { createLog } from '../operations/log.ts'
import { version } from '../version.ts'
import { Injector } from './injector.ts'
import { parseInjectorConfig } from './injector-config.ts'

/** What the process gives it. */
export interface Surroundings {
  readonly environment: Environment
  readonly onStopSignal: (handler: (signal: NodeJS.Signals) => void) => void
  /** Says what is wrong with the configuration. */
  readonly refuse: (text: string) => void
  readonly exit: (code: number) => void
}

/** Runs until a signal ends it. */
export async function runInjector({ environment, onStopSignal, refuse, exit }: Surroundings): Promise<void> {
  const parsed = parseInjectorConfig(environment)
  if ('errors' in parsed) return refuse(parsed.errors.map(describeConfigError).join('\n'))
  const { config } = parsed
  const log = createLog(config.logLevel, config.logFormat)
  try {
    const injector = await Injector.start({ config, log })
    log.info({ version, admin: injector.adminAddress }, 'the injector has started')
    onStopSignal((signal) => {
      log.info({ signal }, 'stopping: other replicas are asked from now on')
      onStopSignal(() => exit(0))
      injector.close().then(() => {
        log.info({}, 'stopped')
        exit(0)
      })
    })
    await injector.running
  } catch (error) {
    log.fatal({ error: String(error) }, 'the injector cannot run')
    exit(1)
  }
}
