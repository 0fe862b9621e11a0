// One entry of the list of settings: its variable, type, default and the reason for that.
import type { SettingType } from './setting-types.ts'

export const PREFIX = 'RUSTEZE_'

/** What a setting is called, how it is read and what it is for. The property is the key under which the list holds it. */
export interface SettingDefinition<T> {
  readonly variable: string
  readonly type: SettingType<T>
  /** The default as the user would write it; empty where the setting is unset by default. */
  readonly default: string
  /** What the setting does, in whole sentences. */
  readonly sentence: string
  /** Why the default is what it is. */
  readonly reason: string
}

type Words = Pick<SettingDefinition<unknown>, 'sentence' | 'reason'>

/** @param variable without the prefix. */
export function setting<T>(
  variable: string,
  type: SettingType<T>,
  byDefault: string,
  words: Words,
): SettingDefinition<T> {
  return { variable: `${PREFIX}${variable}`, type, default: byDefault, ...words }
}
