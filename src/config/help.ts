// Writes the text of `rusteze --help` from the list of settings.
import type { Setting } from '../config.ts'
import { subcommands } from './subcommands.ts'

/** The width of a terminal of old, which every terminal has. */
const COLUMNS = 80
const INDENT = '      '

const INTRODUCTION = `Rusteze: a transparent, multiplexing Redis proxy.

Usage: rusteze [--help | --version | <subcommand>]

${Object.entries(subcommands)
  .map(([name, what]) => `  ${name.padEnd(12)} ${what}`)
  .join('\n')}

It is set up by environment variables alone. A variable that is unset or empty
has its default. A duration is a whole number with ms, s, m or h (250ms), a size
one of bytes or with kb, mb or gb (64mb, powers of 1024). With a mistake in the
settings it names all of them and exits with code 64.`

export function renderHelp(settings: readonly Setting[]): string {
  const chapters = Map.groupBy(settings, ({ chapter }) => chapter)
  const blocks = [...chapters].map(([chapter, entries]) => [`${chapter}:`, ...entries.map(renderEntry)].join('\n'))
  return `${[INTRODUCTION, ...blocks].join('\n\n')}\n`
}

function renderEntry({ variable, type, default: byDefault, sentence, reason }: Setting): string {
  const value = byDefault === '' ? 'unset by default' : `default ${byDefault}`
  const lines = wrap(`${type.name}, ${value}`).concat(wrap(sentence), wrap(`Reason: ${reason}`))
  return [`  ${variable}`, ...lines.map((line) => INDENT + line)].join('\n')
}

/** Breaks a text between words, so that each line fits behind the indent. */
function wrap(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    const longer = last === undefined ? word : `${last} ${word}`
    if (last === undefined || INDENT.length + longer.length > COLUMNS) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return lines
}
