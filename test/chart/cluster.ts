// Puts rendered objects into a real API server, and asks it what it would make of a pod.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import { KubernetesApiServer } from '../support/kubernetes-api-server.ts'
import { waitUntil } from '../support/wait-until.ts'
import { renderText, type Tree } from './helm.ts'

export type Pod = {
  readonly name?: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly spec?: object
}

/** An API server whose objects are those of a chart; kubectl is in the same directory. */
export class ChartCluster extends KubernetesApiServer {
  #namespaces = 0
  #installs = 0

  /** Creates or changes objects, refusing unknown fields. @throws with kubectl's words. */
  apply(yaml: string, ...args: readonly string[]): void {
    this.#kubectl(['apply', '--server-side', '--validate=strict', '--filename', '-', ...args], yaml)
  }

  /** Deletes an object without a namespace. */
  delete(kind: string, name: string): void {
    this.#kubectl(['delete', kind, name])
  }

  /** A new namespace. @returns its name. */
  async namespace(labels: Readonly<Record<string, string>> = {}): Promise<string> {
    this.#namespaces += 1
    const name = `test-${this.#namespaces}`
    await this.call('POST', '/api/v1/namespaces', { metadata: { name, labels } })
    return name
  }

  /** The pod as the API server would store it. @throws with its words if it is denied. */
  admit(pod: Pod): Promise<Tree> {
    return this.call('POST', `/api/v1/namespaces/${pod.namespace ?? 'default'}/pods?dryRun=All`, manifest(pod))
  }

  /** The warnings with which the pod is admitted. @throws if it is denied. */
  warnings(pod: Pod): string[] {
    const args = ['--kubeconfig', this.kubeconfig('admin'), 'create', '--dry-run=server', '--filename', '-']
    const { stderr } = kubectl(args, JSON.stringify(manifest(pod)))
    return stderr.split('\n').filter((line) => line.startsWith('Warning: '))
  }

  /**
   * Installs the chart, or changes its values, and waits until its policies are in force. A backend of its own in each installation
   * tells which one a pod has met; it is the last one, and nobody names it.
   */
  async install(values: { readonly backends?: readonly object[]; readonly [name: string]: unknown }): Promise<void> {
    for (const name of ['data', 'platform']) this.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: ${name}}}`)
    this.#installs += 1
    const mark = `install-${this.#installs}`
    const backends = [...(values.backends ?? []), { name: mark, settings: { backends: 'nowhere:1' } }]
    this.apply(renderText({ values: { ...values, backends }, args: ['--no-hooks'] }))
    const isGuarded = async () => {
      const pod = { annotations: { 'rusteze.io/backend': 'none' } }
      const said = await this.admit(pod).then(
        () => this.warnings(pod).join(),
        (error) => String(error),
      )
      return said.includes(mark)
    }
    const isInjected = async () => {
      const pod = await this.admit({ annotations: { 'rusteze.io/backend': mark } })
      return JSON.stringify(pod.spec.initContainers).includes('nowhere:1')
    }
    await this.until('the guard is in force', isGuarded)
    await this.until('the policy is in force', isInjected)
  }

  /** Waits for what takes a few seconds in the API server. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    await waitUntil(holds, { what, timeoutMs: 20_000, intervalMs: 100 })
  }

  #kubectl(args: readonly string[], input = ''): void {
    kubectl(['--kubeconfig', this.kubeconfig('admin'), ...args], input)
  }
}

function manifest({ name = 'app', namespace = 'default', labels, annotations, spec = {} }: Pod): Tree {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, annotations, labels: labels ?? { 'rusteze.io/inject': 'enabled' } },
    // The account is given because the plugin that would fill it in wants it to exist, and a controller makes it.
    spec: { serviceAccountName: 'default', containers: [{ name: 'app', image: 'app' }], ...spec },
  }
}

/** What kustomize makes of a directory. */
export function kustomize(directory: string): Tree[] {
  return loadAll(kubectl(['kustomize', directory]).stdout) as Tree[]
}

function kubectl(args: readonly string[], input = ''): { stdout: string; stderr: string } {
  const path = join(process.env.KUBEBUILDER_ASSETS ?? '', 'kubectl')
  const { status, stdout, stderr } = spawnSync(path, args, { input, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return { stdout, stderr }
}

/** What the API server says when it denies this pod. */
export async function denial(admission: Promise<unknown>): Promise<string> {
  try {
    await admission
  } catch (error) {
    return JSON.parse(String(error).replace(/^[^{]*/, '')).message
  }
  throw new Error('the pod was admitted')
}
