// Installs and uninstalls the chart, and finds out what an installation has left behind.

import { expect } from 'vitest'
import type { Tree } from '../chart/helm.ts'
import { deleteNamespaces, until } from './cluster.ts'
import { helm, kubectl } from './tools.ts'

const release = ['rusteze', 'charts/rusteze', '--namespace', 'rusteze'] as const

/** The servers of the examples; pods in `shop` may watch their Service. */
const backend = { name: 'redis', namespace: 'data', service: 'redis', clientNamespaces: ['shop'] }

/** Installs the chart with values beside the backend, and waits until pods get their sidecar. */
export async function install(...values: readonly string[]): Promise<void> {
  await helm(
    'install',
    ...release,
    '--create-namespace',
    '--set-json',
    `backends=[${JSON.stringify(backend)}]`,
    ...values,
  )
  await injects()
}

/** Changes values of the installation. */
export async function upgrade(...values: readonly string[]): Promise<void> {
  await helm('upgrade', ...release, '--reuse-values', ...values)
}

/** @param kept what a test has put into the chart's namespace itself. */
export async function uninstall(...kept: readonly string[]): Promise<void> {
  await helm('uninstall', 'rusteze', '--namespace', 'rusteze')
  const ofEveryNamespace = ['ConfigMap rusteze kube-root-ca.crt', 'ServiceAccount rusteze default']
  // Pods take a moment to end.
  await until('its namespace is as empty as a new one', async () => {
    const left = [...(await objects())].filter((each) => each.split(' ')[1] === 'rusteze')
    expect(left.sort()).toEqual([...ofEveryNamespace, ...kept].sort())
    return true
  })
  await deleteNamespaces('rusteze')
}

/** What the API server would make of a pod with nothing but the label. @throws with its words if it is denied. */
export async function labelledPod(): Promise<Tree> {
  const labelled = ['run', 'probe', '--image=probe', '--labels=rusteze.io/inject=enabled', '--dry-run=server']
  return JSON.parse(await kubectl(...labelled, '--output=json'))
}

/** Waits until pods get their sidecar: a policy needs a moment, a webhook its pods. */
export async function injects(): Promise<void> {
  await until('pods get their sidecar', async () => (await labelledPod()).spec.initContainers?.length === 1)
}

/** Every object of the cluster that is not made anew all the time, outside of the named namespaces. */
export async function objects(...without: readonly string[]): Promise<Set<string>> {
  const kinds = (await kubectl('api-resources', '--verbs=list', '--output=name')).trim().split('\n')
  const lasting = kinds.filter((kind) => !/^(events|endpoint|componentstatuses|.*metrics)/.test(kind))
  const template = '{{range .items}}{{.kind}} {{.metadata.namespace}} {{.metadata.name}}{{"\\n"}}{{end}}'
  const list = await kubectl('get', lasting.join(), '--all-namespaces', `--output=go-template=${template}`)
  const isElsewhere = (line: string) => !without.includes(line.split(' ')[1]!) && !line.startsWith('Lease kube-')
  return new Set(list.split('\n').filter((line) => line !== '' && isElsewhere(line)))
}

/** Fails if there is now an object that was not there before. */
export async function expectNothingBesides(before: ReadonlySet<string>, ...without: readonly string[]): Promise<void> {
  const after = await objects(...without)
  expect([...after].filter((each) => !before.has(each))).toEqual([])
}
