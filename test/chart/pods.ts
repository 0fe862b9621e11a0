// Values with which pods are tried in a real API server, and short ways to what is in a pod.

import type { Tree } from './helm.ts'

export const policyValues = {
  injection: { mode: 'policy' },
  backends: [
    {
      name: 'cache',
      namespace: 'data',
      service: 'redis',
      authSecret: { name: 'redis-login' },
      clientNamespaces: ['shop'],
    },
    { name: 'sessions', namespace: 'data', service: 'sessions', settings: { hold: '7s' }, tls: { secret: 'ca' } },
  ],
  sidecar: {
    settings: { hold: '6s', pools: '8' },
    imagePullSecrets: ['registry', 'other-registry'],
    extraEnv: [{ name: 'NODE_OPTIONS', value: '--no-warnings' }],
    resources: {
      requests: { cpu: '25m', memory: '64Mi', 'ephemeral-storage': '1Gi' },
      limits: { memory: '128Mi', 'ephemeral-storage': '1Gi' },
    },
  },
}

/** The sidecar of a pod that has exactly one. */
export function sidecarOf(pod: Tree): Tree {
  const found = pod.spec.initContainers.filter(({ name }: Tree) => name === 'rusteze')
  if (found.length !== 1) throw new Error(`the pod has ${found.length} sidecars`)
  return found[0]
}

/** The environment as name → value, or where the value is from. */
export function environmentOf(container: Tree): Tree {
  return Object.fromEntries((container.env ?? []).map((each: Tree) => [each.name, each.value ?? each.valueFrom ?? '']))
}

export const namesIn = (list: Tree[] | undefined) => (list ?? []).map(({ name }: Tree) => name)

/** Annotations of ours, without what they all begin with. */
export function ours(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`rusteze.io/${key}`, value]))
}
