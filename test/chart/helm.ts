// Renders charts with the real helm, and reads what comes out.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { dump, loadAll } from 'js-yaml'

const root = join(import.meta.dirname, '..', '..')

/** False where there is no helm on the PATH. */
export const hasHelm = spawnSync('helm', ['version']).status === 0

/** Anything read from YAML: tests reach into it by paths. */
// biome-ignore lint/suspicious/noExplicitAny: objects of Kubernetes have no types here, and a wrong path fails the test.
export type Tree = any

export type RenderOptions = {
  readonly values?: object
  readonly release?: string
  readonly namespace?: string
  readonly kubeVersion?: string
  /** Kinds that the cluster is said to have. */
  readonly apiVersions?: readonly string[]
  readonly chart?: string
  readonly args?: readonly string[]
}

export function helm(args: readonly string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('helm', args, { cwd: root, input, encoding: 'utf8', maxBuffer: 64 << 20 })
}

/** What helm makes of a chart, as text. @throws with helm's own words where it refuses. */
export function renderText({
  values = {},
  release = 'rusteze',
  namespace = 'platform',
  kubeVersion,
  apiVersions = [],
  chart = 'charts/rusteze',
  args = [],
}: RenderOptions = {}): string {
  const { status, stdout, stderr } = helm(
    [
      ...['template', release, chart, '--namespace', namespace, '--values', '-'],
      ...(kubeVersion ? ['--kube-version', kubeVersion] : []),
      ...apiVersions.flatMap((each) => ['--api-versions', each]),
      ...args,
    ],
    dump(values),
  )
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/** The objects that helm makes of a chart. */
export function render(options: RenderOptions = {}): Tree[] {
  return (loadAll(renderText(options)) as Tree[]).filter((each) => each !== null && each !== undefined)
}

/** The one object of this kind, and of this name if one is given. */
export function the(objects: readonly Tree[], kind: string, name?: string): Tree {
  const found = objects.filter((each) => each.kind === kind && (name === undefined || each.metadata.name === name))
  if (found.length !== 1) throw new Error(`${found.length} objects are a ${kind} ${name ?? ''}, not one`)
  return found[0]
}

/** Kind and name of each object, sorted. */
export function namesOf(objects: readonly Tree[]): string[] {
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()
}
