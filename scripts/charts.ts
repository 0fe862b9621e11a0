// Writes what is made for the charts and of them: their settings, the dashboard, their READMEs, deploy/. With --check it only tells whether all is up to date.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

// In this order: the tables and manifests are made of what the first one writes.
for (const script of ['chart-settings.ts', 'dashboard.ts', 'chart-values.ts', 'deploy-manifests.ts']) {
  const args = [join(import.meta.dirname, script), ...process.argv.slice(2)]
  if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) process.exitCode = 1
}
