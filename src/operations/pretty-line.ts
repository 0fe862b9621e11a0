// Turns a JSON line of the log into one that people read on a terminal.

const COLOURS: Readonly<Record<string, string>> = {
  fatal: '\x1b[31m',
  error: '\x1b[31m',
  warn: '\x1b[33m',
  info: '\x1b[32m',
}
const GREY = '\x1b[90m'
const PLAIN = '\x1b[0m'
/** The longest names of levels have five letters. */
const LEVEL_WIDTH = 5
/** Where the time of day lies in an ISO time: 2026-01-31T12:34:56.789Z. */
const TIME_OF_DAY = [11, 23] as const

interface LoggedError {
  readonly message: string
  readonly stack: string
}

/** Whether a field is an error as the log serialises it; an error may also have been logged by its message alone. */
function isLoggedError(field: unknown): field is LoggedError {
  return typeof field === 'object' && field !== null && 'message' in field && 'stack' in field
}

/** `12:34:56.789 INFO  message field=value`, with the stack of an error below it. */
export function prettyLine(json: string, isColoured: boolean): string {
  const { level, time, message, ...fields } = JSON.parse(json) as Record<string, unknown>
  const colour = (code: string, text: string) => (isColoured ? `${code}${text}${PLAIN}` : text)
  const { error } = fields
  const shown = isLoggedError(error) ? { ...fields, error: error.message } : fields
  const parts = [
    colour(GREY, String(time).slice(...TIME_OF_DAY)),
    colour(COLOURS[String(level)] ?? GREY, String(level).toUpperCase().padEnd(LEVEL_WIDTH)),
    printable(String(message ?? '')),
    ...Object.entries(shown).map(([name, value]) => colour(GREY, `${name}=`) + fieldText(value)),
  ]
  const stack = isLoggedError(error) ? error.stack.split('\n').map((line) => `    ${printable(line)}\n`) : []
  return `${parts.join(' ')}\n${stack.join('')}`
}

/** Plain words stand as they are; everything else is JSON, so that the end of each value can be seen. */
function fieldText(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+[\]-]+$/.test(value)) return value
  return printable(JSON.stringify(value))
}

/** A text from outside could carry the control sequences of terminals, so control characters are written as escapes. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
