// Writes the tables of values into the charts' READMEs, from the comments in values.yaml; with --check it only tells whether they are up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'

const root = join(import.meta.dirname, '..')
const OPEN = '<!-- values -->'
const CLOSE = '<!-- /values -->'

export interface Value {
  /** Such as `image.tag`. */
  readonly path: string
  readonly description: string
}

/** The values that a comment `# -- …` describes, which goes on in further comment lines. */
export function describedValues(yaml: string): Value[] {
  const found: Value[] = []
  const path: { indent: number; key: string }[] = []
  let description: string[] = []
  for (const line of yaml.split('\n')) {
    const comment = /^ *# (?:-- )?(.*)$/.exec(line)?.[1]
    const key = /^( *)([A-Za-z][A-Za-z0-9-]*):/.exec(line)
    if (comment !== undefined) {
      if (line.includes('# -- ')) description = [comment]
      else if (description.length > 0) description.push(comment)
    } else if (key) {
      const indent = key[1]!.length
      while (path.length > 0 && path.at(-1)!.indent >= indent) path.pop()
      path.push({ indent, key: key[2]! })
      if (description.length > 0) {
        found.push({ path: path.map((each) => each.key).join('.'), description: description.join(' ') })
      }
      description = []
    } else {
      description = []
    }
  }
  return found
}

/** The paths of all values that are no maps. */
export function leaves(values: unknown, path: readonly string[] = []): string[] {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return [path.join('.')]
  const entries = Object.entries(values)
  return entries.length === 0 ? [path.join('.')] : entries.flatMap(([key, value]) => leaves(value, [...path, key]))
}

function at(values: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], values)
}

/** The table of a chart's values. @throws if one is described nowhere. */
export function valuesTable(yaml: string): string {
  const values = load(yaml)
  const described = describedValues(yaml)
  const forgotten = leaves(values).filter(
    (leaf) => !described.some(({ path }) => leaf === path || leaf.startsWith(`${path}.`)),
  )
  if (forgotten.length > 0) throw new Error(`values without a comment "# -- …": ${forgotten.join(', ')}`)
  const rows = described.map(
    ({ path, description }) =>
      `| \`${path}\` | \`${JSON.stringify(at(values, path)).replaceAll('|', '\\|')}\` | ${description.replaceAll('|', '\\|')} |`,
  )
  return ['| value | default | what it is |', '| --- | --- | --- |', ...rows].join('\n')
}

function main(mode: string | undefined): void {
  for (const chart of ['rusteze', 'rusteze-lib']) {
    const directory = join(root, 'charts', chart)
    const readme = readFileSync(join(directory, 'README.md'), 'utf8')
    const table = valuesTable(readFileSync(join(directory, 'values.yaml'), 'utf8'))
    const fresh = readme.replace(new RegExp(`${OPEN}[^]*${CLOSE}`), () => `${OPEN}\n${table}\n${CLOSE}`)
    if (!fresh.includes(OPEN)) throw new Error(`${chart}/README.md has no markers ${OPEN} and ${CLOSE}`)
    if (mode !== '--check') {
      writeFileSync(join(directory, 'README.md'), fresh)
    } else if (fresh !== readme) {
      console.error(`The values in charts/${chart}/README.md are out of date; run: npm run charts`)
      process.exitCode = 1
    }
  }
}

if (process.argv[1] === import.meta.filename) main(process.argv[2])
