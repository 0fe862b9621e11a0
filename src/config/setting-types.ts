// The types a setting can have: each turns what the user wrote into a value, or says what is wrong and how to mend it.

/** What is wrong with a value and what to write in its place. Neither text may quote a secret. */
export interface Mistake {
  readonly problem: string
  readonly mend: string
}

export type Parsed<T> = { readonly value: T } | Mistake

export interface SettingType<T> {
  /** How `--help` and the README name it. */
  readonly name: string
  /** Whether white space around the text belongs to the value; everywhere else it is trimmed. */
  readonly isVerbatim?: boolean
  /** Reads the text of a variable. */
  parse(text: string): Parsed<T>
  /** The text as an error message may show it: whatever could be a secret is replaced. */
  print(text: string): string
}

const MASK = '***'
/** The longest delay of Node's timers; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

const MILLISECONDS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const BYTES_PER: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

function printAsWritten(text: string): string {
  return text
}

/** A time with its unit, in milliseconds. Where `minMs` is 0, a bare `0` is allowed as well. */
export function duration({ minMs = 0 } = {}): SettingType<number> {
  return { name: 'duration', print: printAsWritten, parse: (text) => parseDuration(text, minMs) }
}

function parseDuration(text: string, minMs: number): Parsed<number> {
  const match = /^(\d+)(ms|s|m|h)?$/.exec(text.toLowerCase())
  const digits = match?.[1]
  if (digits === undefined) {
    return { problem: 'it is not a duration', mend: 'Write a whole number with ms, s, m or h, such as 250ms or 5s.' }
  }
  const isZero = Number(digits) === 0
  const unit = match?.[2] ?? (isZero ? 'ms' : undefined)
  if (unit === undefined) {
    return { problem: 'a duration needs a unit', mend: `Write ${digits}ms, ${digits}s, ${digits}m or ${digits}h.` }
  }
  const milliseconds = Number(digits) * (MILLISECONDS_PER[unit] ?? 1)
  if (milliseconds < minMs) return { problem: 'it is too short', mend: `Write ${minMs}ms or more.` }
  if (milliseconds > MAX_TIMER_MS) return { problem: 'it is too long for a timer', mend: 'Write 596h or less.' }
  return { value: milliseconds }
}

/** A number of bytes with the units of redis.conf, powers of 1024. */
export function size({ min = '0' } = {}): SettingType<number> {
  const minBytes = bytesOf(min) ?? 0
  return {
    name: 'size',
    print: printAsWritten,
    parse: (text) => {
      const bytes = bytesOf(text)
      if (bytes === undefined) return { problem: 'it is not a size', mend: mendSize(text) }
      if (bytes < minBytes) return { problem: 'it is too small', mend: `Write ${min} or more.` }
      if (!Number.isSafeInteger(bytes))
        return { problem: 'it is too large', mend: 'Write a smaller size, such as 64gb.' }
      return { value: bytes }
    },
  }
}

function bytesOf(text: string): number | undefined {
  const match = /^(\d+)(b|kb|mb|gb)?$/.exec(text.toLowerCase())
  return match === null ? undefined : Number(match[1]) * (BYTES_PER[match[2] ?? 'b'] ?? 1)
}

/** redis.conf reads `64m` as 64 million and Kubernetes writes `64Mi`: neither is guessed, both are answered with the right form. */
function mendSize(text: string): string {
  const [, digits, unit] = /^(\d+)\s*([kmg])i?b?$/.exec(text.toLowerCase()) ?? []
  if (digits !== undefined && unit !== undefined) return `Write ${digits}${unit}b (kb, mb and gb are powers of 1024).`
  return 'Write a whole number of bytes, or one with kb, mb or gb, such as 64mb.'
}

export function wholeNumber({ min = 0, max = 1_000_000 } = {}): SettingType<number> {
  return {
    name: 'whole number',
    print: printAsWritten,
    parse: (text) => {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
      if (value >= min && value <= max) return { value }
      const problem = Number.isNaN(value) ? 'it is not a whole number' : 'it is out of range'
      return { problem, mend: `Write a whole number from ${min} to ${max}.` }
    },
  }
}

/** Permissions of a socket: for whom it is, since a socket has to be read and written. */
export function fileMode(): SettingType<number> {
  const modes = ['600', '660', '666']
  return {
    name: modes.join(' | '),
    print: printAsWritten,
    parse: (text) => {
      const digits = text.replace(/^0o?/, '')
      if (modes.includes(digits)) return { value: Number.parseInt(digits, 8) }
      return { problem: 'it is none of the modes', mend: `Write one of: ${modes.join(', ')}.` }
    },
  }
}

/** One word of a fixed set, in any case. */
export function oneOf<const Words extends readonly string[]>(...words: Words): SettingType<Words[number]> {
  return {
    name: words.join(' | '),
    print: printAsWritten,
    parse: (text) => {
      const word = words.find((candidate) => candidate === text.toLowerCase())
      if (word !== undefined) return { value: word }
      return { problem: 'it is not one of the possible words', mend: `Write one of: ${words.join(', ')}.` }
    },
  }
}

export function onOff(): SettingType<boolean> {
  const words = oneOf('on', 'off')
  return {
    ...words,
    parse: (text) => {
      const parsed = words.parse(text)
      return 'value' in parsed ? { value: parsed.value === 'on' } : parsed
    },
  }
}

/** Any text without white space: user names and server names, where Redis and TLS allow none either. */
export function word(): SettingType<string> {
  return {
    name: 'text',
    print: printAsWritten,
    parse: (text) => {
      if (!/\s|\0/.test(text)) return { value: text }
      return { problem: 'it contains white space', mend: 'Write it without white space.' }
    },
  }
}

/** A text that is used exactly as it is and never shown. */
export function secret(): SettingType<string> {
  return { name: 'secret', isVerbatim: true, print: () => MASK, parse: (text) => ({ value: text }) }
}

export function filePath(): SettingType<string> {
  return { name: 'path of a file', print: printAsWritten, parse: (text) => ({ value: text }) }
}

/** Names of commands, `command` or `command|subcommand`, separated by spaces or commas; `none` alone is the empty list. */
export function commandNames(): SettingType<readonly string[]> {
  return { name: 'names of commands', print: printAsWritten, parse: parseCommandNames }
}

function parseCommandNames(text: string): Parsed<readonly string[]> {
  const names = new Set(
    text
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((name) => name !== ''),
  )
  if (names.size === 1 && names.has('none')) return { value: Object.freeze([]) }
  if (names.has('none')) {
    return { problem: 'it names commands beside none', mend: 'Write none alone, or only the names of commands.' }
  }
  // Module commands carry dots and, rarely, other signs (ft._list), so only what can never be part of a name is refused.
  const wrong = [...names].find((name) => !/^[!-{}~]+(\|[!-{}~]+)?$/.test(name))
  if (names.size === 0 || wrong !== undefined) {
    return { problem: 'it is not a list of commands', mend: 'Write names such as: debug script|debug flushall.' }
  }
  return { value: Object.freeze([...names]) }
}

/** A setting that may stay unset: the empty text is `undefined`. */
export function optional<T>(type: SettingType<T>): SettingType<T | undefined> {
  return { ...type, parse: (text) => (text === '' ? { value: undefined } : type.parse(text)) }
}
