// Writes the dashboard for Grafana into the chart; with --check it only tells whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildDashboard } from './dashboard/build.ts'

const FILE = 'charts/rusteze/files/dashboard.json'

function main(mode: string | undefined): void {
  const path = join(import.meta.dirname, '..', FILE)
  const fresh = `${JSON.stringify(buildDashboard(), undefined, 2)}\n`
  if (mode !== '--check') {
    writeFileSync(path, fresh)
  } else if (readFileSync(path, 'utf8') !== fresh) {
    console.error(`${FILE} is out of date; run: npm run charts`)
    process.exitCode = 1
  }
}

main(process.argv[2])
