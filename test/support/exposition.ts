// Reads what /metrics answers as strictly as its format is written down, and throws at the first thing that is not so.

export type Family = {
  readonly type: string
  readonly help: string
  /** Values by what is written in front of them: the name with its labels. */
  readonly samples: ReadonlyMap<string, number>
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABELS = String.raw`\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"(?:,(?=[^}])|(?=\})))+\}`
const SAMPLE = new RegExp(`^((${NAME})(?:${LABELS})?) (\\S+)$`)
const COMMENT = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`)

/** @returns the families by name. */
export function parseExposition(text: string, isOpenMetrics: boolean): Map<string, Family> {
  const families = new Map<string, { type: string; help: string; samples: Map<string, number> }>()
  if (!text.endsWith(isOpenMetrics ? '\n# EOF\n' : '\n')) throw new Error('it does not end as it has to')
  const lines = text
    .replace(/# EOF\n$/, '')
    .split('\n')
    .slice(0, -1)
  let current = ''
  for (const line of lines) {
    if (line === '' && !isOpenMetrics) continue
    const [, word, family = '', rest = ''] = COMMENT.exec(line) ?? []
    if (word === 'HELP') {
      if (families.has(family)) throw new Error(`${family} comes twice`)
      families.set(family, { type: '', help: rest, samples: new Map() })
      current = family
      continue
    }
    const open = families.get(current)
    if (open === undefined) throw new Error(`no HELP before: ${line}`)
    if (word === 'TYPE') {
      if (family !== current || open.type !== '' || open.samples.size > 0) throw new Error(`out of place: ${line}`)
      open.type = rest
      continue
    }
    const [, series = '', name, value] = SAMPLE.exec(line) ?? []
    if (!suffixesOf(open.type, isOpenMetrics).some((suffix) => name === `${current}${suffix}`))
      throw new Error(`no sample of ${current}: ${line}`)
    if (open.samples.has(series)) throw new Error(`${series} comes twice`)
    if (!Number.isFinite(Number(value))) throw new Error(`no number: ${line}`)
    open.samples.set(series, Number(value))
  }
  return families
}

function suffixesOf(type: string, isOpenMetrics: boolean): readonly string[] {
  if (type === 'histogram') return ['_bucket', '_sum', '_count']
  if (type === '') return []
  return isOpenMetrics && type === 'counter' ? ['_total'] : ['']
}
