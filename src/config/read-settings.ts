// Reads a list of settings out of an environment: every value, or every mistake at once.
import { isServiceLink } from './service-links.ts'
import { PREFIX, type SettingDefinition } from './setting.ts'
import { suggest } from './suggestion.ts'

/** One mistake in the environment. No field ever holds a secret. */
export interface ConfigError {
  readonly variable: string
  /** The value with secrets masked; `undefined` where it must not or need not be shown. */
  readonly value: string | undefined
  readonly problem: string
  readonly mend: string
}

export type Environment = Readonly<Record<string, string | undefined>>

export type ValuesOf<Definitions> = {
  readonly [Property in keyof Definitions]: Definitions[Property] extends SettingDefinition<infer T> ? T : never
}

export interface ReadSettings<Definitions> {
  /** A setting whose value was mistaken is missing. */
  readonly values: Partial<ValuesOf<Definitions>>
  readonly errors: readonly ConfigError[]
}

/** Whether the user said anything: a template often sets a variable to the empty text where it means its default. */
export function isGiven(environment: Environment, variable: string): boolean {
  return (environment[variable] ?? '').trim() !== ''
}

export function readSettings<Definitions extends Readonly<Record<string, SettingDefinition<unknown>>>>(
  definitions: Definitions,
  environment: Environment,
): ReadSettings<Definitions> {
  const values: Record<string, unknown> = {}
  const errors: ConfigError[] = []
  for (const [property, { variable, type, default: byDefault }] of Object.entries(definitions)) {
    const text = isGiven(environment, variable) ? (environment[variable] ?? '') : byDefault
    const parsed = type.parse(type.isVerbatim ? text : text.trim())
    if ('value' in parsed) values[property] = parsed.value
    else errors.push({ variable, value: type.print(text), ...parsed })
  }
  errors.push(...unknownNames(Object.values(definitions), environment))
  return { values: values as Partial<ValuesOf<Definitions>>, errors }
}

/** A misspelt name would leave its default in force unnoticed, so it is an error. Its value may be a secret and is never shown. */
function unknownNames(definitions: readonly SettingDefinition<unknown>[], environment: Environment): ConfigError[] {
  const known = definitions.map(({ variable }) => variable)
  return Object.entries(environment)
    .filter(([name, value]) => {
      return name.startsWith(PREFIX) && value !== undefined && !known.includes(name) && !isServiceLink(name, value)
    })
    .map(([variable]) => ({
      variable,
      value: undefined,
      problem: 'there is no such setting',
      mend: mendName(variable, known),
    }))
}

function mendName(name: string, known: readonly string[]): string {
  const ownPart = (variable: string) => variable.slice(PREFIX.length)
  const suggestion = suggest(ownPart(name), known.map(ownPart))
  if (suggestion === undefined) return 'Remove it; rusteze --help lists all settings.'
  return `Did you mean ${PREFIX}${suggestion}? rusteze --help lists all settings.`
}

/** One line for the user: the variable, what it holds, what is wrong with it and how to mend it. */
export function describeConfigError({ variable, value, problem, mend }: ConfigError): string {
  return `${variable}${value === undefined ? '' : `=${JSON.stringify(value)}`}: ${problem}. ${mend}`
}
