// THE list of settings, chapter by chapter. Help, README and the frozen Config are all made from it.
import type { BackendAddress } from './config/addresses.ts'
import { checkTogether } from './config/cross-checks.ts'
import { renderHelp } from './config/help.ts'
import { type ConfigError, type Environment, readSettings, type ValuesOf } from './config/read-settings.ts'
import type { SettingDefinition } from './config/setting.ts'
import { adminSettings } from './config/settings/admin.ts'
import { backendSettings } from './config/settings/backend.ts'
import { boundSettings } from './config/settings/bounds.ts'
import { clientSettings } from './config/settings/clients.ts'
import { connectionSettings } from './config/settings/connections.ts'
import { failoverSettings } from './config/settings/failover.ts'
import { operationSettings } from './config/settings/operation.ts'

const definitions = {
  ...clientSettings,
  ...backendSettings,
  ...connectionSettings,
  ...boundSettings,
  ...failoverSettings,
  ...operationSettings,
  ...adminSettings,
}

const chapters: readonly (readonly [string, Readonly<Record<string, SettingDefinition<unknown>>>])[] = [
  ['Clients', clientSettings],
  ['Backend', backendSettings],
  ['Connections to the backend', connectionSettings],
  ['Bounds', boundSettings],
  ['Failover', failoverSettings],
  ['Operation', operationSettings],
  ['Admin server', adminSettings],
]

/** One entry of the list, as help and README show it. */
export interface Setting extends SettingDefinition<unknown> {
  readonly property: string
  readonly chapter: string
}

/** All settings, in the order in which help and README show them. */
export const settings: readonly Setting[] = chapters.flatMap(([chapter, entries]) =>
  Object.entries(entries).map(([property, definition]) => ({ ...definition, property, chapter })),
)

export type SettingValues = ValuesOf<typeof definitions>

/** What the whole program is told, frozen: one property for each setting, with the parts of a backend URL sorted into theirs. */
export interface Config extends Omit<SettingValues, 'backends'> {
  /** The servers among which the primary is; at least one, and unused where there is a Service. */
  readonly backends: readonly BackendAddress[]
  /** The database in which clients start, from the path of a backend URL. */
  readonly backendDatabase: number
}

export type ParsedConfig =
  | { readonly config: Config; readonly warnings: readonly string[] }
  | { readonly errors: readonly ConfigError[] }

/** Reads the environment: the frozen configuration, or all mistakes at once. Touches no file and no global state. */
export function parseConfig(environment: Environment): ParsedConfig {
  const { values, errors } = readSettings(definitions, environment)
  const together = checkTogether(values, environment)
  if (errors.length > 0 || together.errors.length > 0) return { errors: [...errors, ...together.errors] }
  // Without errors nothing is missing.
  const { backends: location, ...rest } = values as SettingValues
  const config: Config = Object.freeze({
    ...rest,
    backends: location.addresses,
    backendUsername: location.username ?? rest.backendUsername,
    backendPassword: location.password ?? rest.backendPassword,
    backendDatabase: location.database ?? 0,
    backendTls: location.isTls || rest.backendTls,
  })
  return { config, warnings: together.warnings }
}

/** The text of `rusteze --help`. */
export function helpText(): string {
  return renderHelp(settings)
}
