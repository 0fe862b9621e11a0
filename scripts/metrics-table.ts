// Writes docs/metrics.md from the lists of metrics; with --check it only tells whether the file is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { definitions as injectorDefinitions } from '../src/injector/injector-metrics.ts'
import type { Definition } from '../src/operations/exposition.ts'
import { definitions as proxyDefinitions } from '../src/operations/metrics.ts'

const INTRODUCTION = `# Metrics

What \`/metrics\` answers, for Prometheus and as OpenMetrics. Units are seconds and bytes, counters
count since the start. Labels have few values, whatever clients send: a name of a command that no server knows counts as \`unknown\`.

A command is counted once, when its client gets the final reply, however often it was sent. Its time begins when its last byte has
arrived. The server's part begins when it is given to the socket and ends when the reply has arrived; everything else is the proxy's,
holds included. Commands that wait for other clients (BLPOP, XREAD with BLOCK, WAIT, …) have counts and no times. Not counted is what a
client that has left was not answered, and what passes behind MONITOR.

Alerts and a dashboard that are made of them come with the chart: [runbooks](runbooks.md).

This file is written by \`npm run metrics-table\`.
`

type Described = Omit<Definition<never>, 'read'>

/** The lists as Markdown. */
export function metricsPage(): string {
  const chapters = `## The proxy\n\n${entries(proxyDefinitions)}\n\n## The injector\n\n${entries(injectorDefinitions)}`
  return `${INTRODUCTION}\n${chapters}\n`
}

function entries(list: readonly Described[]): string {
  const lines = list.map(({ name, kind, labels = [], help }) => {
    const names = labels.length === 0 ? '' : `, by ${labels.map((label) => `\`${label}\``).join(' and ')}`
    return `- **\`${name}\`** (${kind}${names}): ${help}`
  })
  return lines.join('\n')
}

function main(mode: string | undefined): void {
  const path = join(import.meta.dirname, '..', 'docs', 'metrics.md')
  const fresh = metricsPage()
  if (mode !== '--check') writeFileSync(path, fresh)
  else if (fresh !== readFileSync(path, 'utf8')) {
    console.error('docs/metrics.md is out of date; run: npm run metrics-table')
    process.exitCode = 1
  }
}

if (process.argv[1] === import.meta.filename) main(process.argv[2])
