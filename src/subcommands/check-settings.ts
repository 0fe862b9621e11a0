// Are the settings understood? All mistakes at once, as the program itself names them when it starts.
import { type Environment, isGiven } from '../config/read-settings.ts'
import { type Config, parseConfig, settings } from '../config.ts'
import { failed, ok, type Report, warning } from './finding.ts'

/** @returns undefined when there is a mistake: then nothing else can be looked at. */
export function checkSettings(environment: Environment, report: Report): Config | undefined {
  const parsed = parseConfig(environment)
  if ('errors' in parsed) {
    for (const { variable, value, problem, mend } of parsed.errors) {
      report(
        failed('settings', `${variable}${value === undefined ? '' : `=${JSON.stringify(value)}`}: ${problem}`, mend),
      )
    }
    return undefined
  }
  const given = settings.filter(({ variable }) => isGiven(environment, variable)).map(({ variable }) => variable)
  report(
    ok('settings', given.length === 0 ? 'all at their defaults' : `${given.join(', ')}; the rest at their defaults`),
  )
  for (const text of parsed.warnings) report(warning('settings', text, 'Change it unless it is meant'))
  return parsed.config
}
