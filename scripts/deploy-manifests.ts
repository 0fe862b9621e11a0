// Renders the chart into deploy/, for those who do not use Helm; with --check it only tells whether deploy/ is up to date. Needs helm.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { dump, loadAll } from 'js-yaml'

const root = join(import.meta.dirname, '..')
const NAMESPACE = 'rusteze'
/** Templates that are off by default, and the values that switch them on. */
const MONITORING = {
  'pod-monitor.yaml': 'podMonitor',
  'prometheus-rule.yaml': 'prometheusRule',
  'dashboard.yaml': 'dashboards',
}
const WRITTEN = '# Written by `npm run charts` from charts/rusteze.'

/** Labels and comments that speak of Helm. */
const OF_HELM = /^( *helm\.sh\/chart: .*| *app\.kubernetes\.io\/managed-by: .*|# Source: .*)\n/gm

function render(...more: readonly string[]): string {
  const args = ['template', 'rusteze', 'charts/rusteze', '--namespace', NAMESPACE, '--no-hooks', ...more]
  const { status, stdout, stderr } = spawnSync('helm', args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout.replaceAll(OF_HELM, '')
}

interface Injection {
  readonly version: string
  readonly container: { readonly env: readonly object[] }
  readonly volumes: readonly object[]
  readonly backends: Readonly<Record<string, { readonly settings: Readonly<Record<string, string>> }>>
}

/** What the webhook puts into pods. */
function injectionOf(manifests: string): Injection {
  const objects = loadAll(manifests) as { kind: string; data: Record<string, string> }[]
  const map = objects.find(({ kind }) => kind === 'ConfigMap')
  return JSON.parse(map?.data['sidecar.json'] ?? '') as Injection
}

/** A patch for each kind of workload: the sidecar in its pods. */
function patches({ version, container, volumes, backends }: Injection): string {
  const settings = Object.entries(backends['']!.settings).map(([key, value]) => ({
    name: `RUSTEZE_${key.toUpperCase().replaceAll('-', '_')}`,
    value,
  }))
  const pods = {
    metadata: { labels: { 'rusteze.io/injected': version } },
    spec: { initContainers: [{ ...container, env: [...container.env, ...settings] }], volumes },
  }
  const patch = (apiVersion: string, kind: string, spec: object) => ({
    apiVersion,
    kind,
    metadata: { name: 'any' },
    spec,
  })
  return [
    patch('apps/v1', 'Deployment', { template: pods }),
    patch('apps/v1', 'StatefulSet', { template: pods }),
    patch('apps/v1', 'DaemonSet', { template: pods }),
    patch('batch/v1', 'Job', { template: pods }),
    patch('batch/v1', 'CronJob', { jobTemplate: { spec: { template: pods } } }),
  ]
    .map((each) => dump(each, { noRefs: true, lineWidth: -1 }))
    .join('---\n')
}

/** All files of deploy/ that are made, by their paths in it. */
function manifests(): Map<string, string> {
  const webhook = render('--set', 'injection.mode=webhook')
  const namespace = `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${NAMESPACE}\n`
  const files = new Map([
    [
      'policy.yaml',
      `${WRITTEN}\n# Injection by policy, Kubernetes 1.36 and later: kubectl apply --filename policy.yaml\n${render('--set', 'injection.mode=policy')}`,
    ],
    [
      'webhook.yaml',
      `${WRITTEN}\n# Injection by webhook, Kubernetes 1.30 and later: kubectl apply --filename webhook.yaml\n---\n${namespace}${webhook}`,
    ],
  ])
  for (const [template, value] of Object.entries(MONITORING)) {
    const text = render('--set', `${value}.enabled=true`, '--show-only', `templates/${template}`)
    files.set(`monitoring/${template}`, `${WRITTEN}\n${text}`)
  }
  for (const [index, text] of patches(injectionOf(webhook)).split('---\n').entries()) {
    const kind = ['deployment', 'statefulset', 'daemonset', 'job', 'cronjob'][index]!
    files.set(`component/${kind}.yaml`, `${WRITTEN}\n${text}`)
  }
  return files
}

function main(mode: string | undefined): void {
  if (spawnSync('helm', ['version']).status !== 0) {
    console.error('rusteze: no helm on the PATH: deploy/ is not looked at')
    if (mode !== '--check') process.exitCode = 1
    return
  }
  for (const [file, fresh] of manifests()) {
    const path = join(root, 'deploy', file)
    mkdirSync(dirname(path), { recursive: true })
    const former = readFileSync(path, { encoding: 'utf8', flag: 'a+' })
    if (mode !== '--check') {
      writeFileSync(path, fresh)
    } else if (former !== fresh) {
      console.error(`deploy/${file} is out of date; run: npm run charts`)
      process.exitCode = 1
    }
  }
}

if (process.argv[1] === import.meta.filename) main(process.argv[2])
