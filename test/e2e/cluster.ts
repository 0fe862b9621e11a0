// What tests do in the cluster: create objects, wait for workloads, read logs.

import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import type { Tree } from '../chart/helm.ts'
import { waitUntil } from '../support/wait-until.ts'
import { kubectl, run } from './tools.ts'

/** Starting pods takes most of the time of these tests, on a busy machine many times more. */
const patienceMs = 120_000
const patience = `--timeout=${patienceMs}ms`

/** Creates or changes objects. @throws with the words of the API server if it refuses. */
export async function apply(...objects: readonly object[]): Promise<void> {
  await run('kubectl', ['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
}

/** What the API server says to an object that it refuses. */
export async function refusal(object: object): Promise<string> {
  try {
    await run('kubectl', ['create', '--dry-run=server', '--filename', '-'], JSON.stringify(object))
  } catch (error) {
    return String(error)
  }
  throw new Error('it was accepted')
}

/** A namespace that accepts only what the Pod Security Standard `restricted` allows. */
export function createNamespace(name: string): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  return apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
}

/** Deletes namespaces with everything in them, and waits until they are gone. */
export async function deleteNamespaces(...names: readonly string[]): Promise<void> {
  await kubectl('delete', 'namespace', ...names, '--ignore-not-found', patience)
}

/** Waits until all pods of a Deployment or StatefulSet are of its newest kind, and ready. */
export async function rolledOut(namespace: string, workload: string): Promise<void> {
  await kubectl('--namespace', namespace, 'rollout', 'status', workload, patience)
}

/** Waits for a condition that `kubectl wait --for` knows. */
export async function waitFor(namespace: string, object: string, condition: string): Promise<void> {
  await kubectl('--namespace', namespace, 'wait', object, `--for=${condition}`, patience)
}

/** Waits for anything else in the cluster. */
export function until<Answer>(what: string, holds: () => Promise<Answer>): Promise<NonNullable<Answer>> {
  return waitUntil(holds, { what, timeoutMs: patienceMs, intervalMs: 500 })
}

/** Deletes what runs in a namespace, without waiting for its end. */
export async function deleteApplications(namespace: string): Promise<void> {
  await kubectl('--namespace', namespace, 'delete', 'deployments,jobs,cronjobs,pods', '--all', '--wait=false')
}

// What is asked again and again is asked without kubectl, whose start costs more than the answer.
const config = new KubeConfig()
config.loadFromDefault()
const core = config.makeApiClient(CoreV1Api)

export function podNamed(namespace: string, name: string): Promise<Tree> {
  return core.readNamespacedPod({ namespace, name })
}

/** The pods with this label `app` that are not about to end. */
export async function podsOf(namespace: string, app: string): Promise<Tree[]> {
  const { items } = await core.listNamespacedPod({ namespace, labelSelector: `app=${app}` })
  return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
}

/** What a container has said since it was started. */
export function logOf(namespace: string, name: string, container: string): Promise<string> {
  return core.readNamespacedPodLog({ namespace, name, container })
}

/** Runs a command in a container of a pod. */
export function exec(namespace: string, pod: string, ...command: readonly string[]): Promise<string> {
  return kubectl('--namespace', namespace, 'exec', pod, '--', ...command)
}
