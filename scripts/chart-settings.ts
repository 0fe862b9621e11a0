// Writes what the charts must know of the proxy into them: its version and its settings; with --check it only tells whether they do.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Setting, settings } from '../src/config.ts'

const root = join(import.meta.dirname, '..')

/** A setting that the chart decides itself: the sidecar's probes go to this port. */
const OF_THE_CHART = 'RUSTEZE_ADMIN'

/** `RUSTEZE_READ_FROM` → `read-from`: how annotations and values name a setting. */
export function settingKey({ variable }: Pick<Setting, 'variable'>): string {
  return variable.slice('RUSTEZE_'.length).toLowerCase().replaceAll('_', '-')
}

/** Templates that give the version and the keys of all settings, in the order of the list. */
export function generatedTemplates(version: string, list: readonly Setting[]): string {
  const keys = list.filter(({ variable }) => variable !== OF_THE_CHART).map((each) => `- ${settingKey(each)}`)
  return `{{- /* Written by \`npm run charts\` from package.json and src/config.ts. */}}
{{- define "rusteze-lib.version" -}}
${version}
{{- end }}

{{- define "rusteze-lib.settingKeys" -}}
${keys.join('\n')}
{{- end }}
`
}

/** The part of a schema that allows these settings and no others. */
export function settingsSchema(list: readonly Setting[]): object {
  const properties = list
    .filter(({ variable }) => variable !== OF_THE_CHART)
    .map((each) => [settingKey(each), { type: 'string', description: each.sentence }])
  return { type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) }
}

/** A chart's schema with the settings of the list, laid out as the repository's formatter does. */
function withSettings(schema: string, list: readonly Setting[]): string {
  const parsed = JSON.parse(schema) as { $defs: Record<string, unknown> }
  parsed.$defs.settings = settingsSchema(list)
  return `${JSON.stringify(parsed, undefined, 2)}\n`
}

function main(mode: string | undefined): void {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const files: [string, (former: string) => string][] = [
    ['charts/rusteze-lib/templates/_generated.tpl', () => generatedTemplates(version, settings)],
    ['charts/rusteze-lib/values.schema.json', (former) => withSettings(former, settings)],
    ['charts/rusteze/values.schema.json', (former) => withSettings(former, settings)],
  ]
  for (const [file, fresh] of files) {
    const path = join(root, file)
    const former = readFileSync(path, { encoding: 'utf8', flag: 'a+' })
    const text = fresh(former)
    if (mode !== '--check') {
      writeFileSync(path, text)
    } else if (text !== former) {
      console.error(`${file} is out of date; run: npm run charts`)
      process.exitCode = 1
    }
  }
}

if (process.argv[1] === import.meta.filename) main(process.argv[2])
