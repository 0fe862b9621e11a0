// Looks for files that settings name and that cannot be read: parsing touches no file, so this comes after it.
import { readFileSync } from 'node:fs'
import { type Config, settings } from '../config.ts'
import type { ConfigError } from './read-settings.ts'

/** Every mistake of this kind, to be reported at once. */
export function unreadableFiles(config: Config): ConfigError[] {
  const errors: ConfigError[] = []
  for (const { variable, property } of settings) {
    const path = config[property as keyof Config]
    if (!variable.endsWith('_FILE') || typeof path !== 'string') continue
    try {
      readFileSync(path)
    } catch (error) {
      const problem = `it cannot be read (${(error as NodeJS.ErrnoException).code})`
      errors.push({ variable, value: path, problem, mend: 'Name a file that this user may read.' })
    }
  }
  return errors
}
