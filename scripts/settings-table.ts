// Writes the table of settings into README.md between its markers; with --check it only tells whether the table is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Setting, settings } from '../src/config.ts'

const OPEN = '<!-- settings -->'
const CLOSE = '<!-- /settings -->'

const HEADINGS = ['Variable', 'Default', 'What it does', 'Why this default']

/** The list as Markdown, one table for each chapter. */
export function settingsTable(list: readonly Setting[]): string {
  const chapters = Map.groupBy(list, ({ chapter }) => chapter)
  return [...chapters].map(([chapter, entries]) => `**${chapter}**\n\n${table(entries.map(cells))}`).join('\n\n')
}

function cells({ variable, type, default: byDefault, sentence, reason }: Setting): string[] {
  const value = byDefault === '' ? `– (${type.name})` : `\`${byDefault}\` (${type.name})`
  return [`\`${variable}\``, value, sentence, reason].map((text) => text.replaceAll('|', '\\|'))
}

/** Pads the cells of a column to one width, as the formatter of the repository does with every table. */
function table(rows: readonly string[][]): string {
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const rule = widths.map((width) => '-'.repeat(width))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [HEADINGS, rule, ...rows].map(line).join('\n')
}

/** The README with a fresh table, or `undefined` where its markers are missing. */
export function withSettingsTable(readme: string, list: readonly Setting[]): string | undefined {
  const open = readme.indexOf(OPEN)
  const close = readme.indexOf(CLOSE, open)
  if (open < 0 || close < 0) return undefined
  return `${readme.slice(0, open + OPEN.length)}\n${settingsTable(list)}\n${readme.slice(close)}`
}

function main(mode: string | undefined): void {
  const path = join(import.meta.dirname, '..', 'README.md')
  const readme = readFileSync(path, 'utf8')
  const fresh = withSettingsTable(readme, settings)
  if (fresh === undefined) {
    console.error(`README.md has no markers ${OPEN} and ${CLOSE}`)
    process.exitCode = 1
  } else if (mode !== '--check') {
    writeFileSync(path, fresh)
  } else if (fresh !== readme) {
    console.error('The settings in README.md are out of date; run: node scripts/settings-table.ts')
    process.exitCode = 1
  }
}

if (process.argv[1] === import.meta.filename) main(process.argv[2])
