// The guard in a real API server: which pods are denied, and what they are told.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { alerts } from '../monitoring/expressions.ts'
import { hasKubernetes } from '../support/kubernetes-api-server.ts'
import { selectorsOf } from '../support/promql.ts'
import { ChartCluster, denial, type Pod } from './cluster.ts'
import { hasHelm } from './helm.ts'
import { namesIn, policyValues } from './pods.ts'

const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
}

describe.skipIf(!hasHelm || !hasKubernetes)('a pod is denied (skipped without helm and KUBEBUILDER_ASSETS)', () => {
  const cluster = new ChartCluster()
  const admit = (pod: Pod = {}) => cluster.admit(pod)

  beforeAll(async () => {
    await cluster.start()
    await cluster.install(policyValues)
  }, 90_000)
  afterAll(() => cluster.stop())

  test('by Pod Security where that is restricted, but not for its sidecar', async () => {
    const namespace = await cluster.namespace({ 'pod-security.kubernetes.io/enforce': 'restricted' })
    const pod = await admit({
      namespace,
      spec: {
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [{ name: 'app', image: 'i', securityContext: restricted }],
      },
    })
    expect(namesIn(pod.spec.initContainers)).toEqual(['rusteze'])
    expect(await denial(admit({ namespace }))).toContain('violates PodSecurity "restricted')
  })

  test.each<[string, Pod, string]>([
    [
      'with another value of the label',
      { labels: { 'rusteze.io/inject': 'true' } },
      'the label rusteze.io/inject is "true": write "enabled", or "disabled" for no sidecar',
    ],
    [
      'with annotations that do not exist',
      {
        annotations: { 'rusteze.io/hodl': '1s', 'rusteze.io/hold': '1s', 'other.io/x': 'y' },
      },
      'unknown annotations: rusteze.io/hodl; there is one for each setting',
    ],
    [
      'with the port of the probes',
      { annotations: { 'rusteze.io/admin': '[::]:1' } },
      'unknown annotations: rusteze.io/admin',
    ],
    [
      'with a backend that does not exist',
      { annotations: { 'rusteze.io/backend': 'cash' } },
      'unknown backend "cash" in rusteze.io/backend; known are: cache, sessions',
    ],
    [
      'with containers that it does not have',
      { annotations: { 'rusteze.io/unix-socket': 'app,api', 'rusteze.io/inject-env': 'web' } },
      'name containers that the pod does not have: api, web',
    ],
    [
      'whose servers are said in two ways',
      { annotations: { 'rusteze.io/backend': 'cache', 'rusteze.io/backends': 'redis.example:6379' } },
      'the Redis sidecar is given both a Service and addresses',
    ],
    ['in the network of its node', { spec: { hostNetwork: true } }, 'the pod uses the network of its node'],
    [
      'with a sidecar of its own that knows no server',
      { spec: { containers: [{ name: 'rusteze', image: 'mine' }] } },
      'the Redis sidecar knows no server: name a Service by the annotation rusteze.io/service',
    ],
  ])('%s', async (_, pod, words) => {
    expect(await denial(admit(pod))).toContain(words)
  })

  test('in the network of its node only if it does not accept that', async () => {
    const pod = await admit({
      annotations: { 'rusteze.io/allow-host-network': 'true' },
      spec: { hostNetwork: true },
    })
    expect(namesIn(pod.spec.initContainers)).toEqual(['rusteze'])
  })

  test('and counted as alerts ask for it', async () => {
    await denial(admit({ annotations: { 'rusteze.io/hodl': '1s' } }))
    const told = String(await cluster.call('GET', '/metrics')).split('\n')
    const wanted = ['RustezePodsDenied', 'RustezePoliciesFail'].flatMap((name) => {
      return selectorsOf(alerts.find(({ alert }) => alert === name)!.expr)
    })
    expect(wanted).toHaveLength(3)
    for (const { metric, labels } of wanted) {
      const { error_type: errors, ...others } = labels
      expect(errors?.length).toBeGreaterThan(0)
      // Nothing fails here: that there is such a label has to do.
      const parts = [...Object.entries(others).map(([label, [value]]) => `${label}="${value}"`), 'error_type="']
      expect(
        told.find((line) => line.startsWith(`${metric}{`) && parts.every((part) => line.includes(part))),
      ).toBeTruthy()
    }
  })

  test('only with a warning if guard.action says so', async () => {
    const pod = { annotations: { 'rusteze.io/hodl': '1s' } }
    await cluster.install({ ...policyValues, guard: { action: 'Warn' } })
    try {
      expect(cluster.warnings(pod)).toEqual([expect.stringContaining('unknown annotations: rusteze.io/hodl;')])
    } finally {
      await cluster.install(policyValues)
    }
  })

  test('without its sidecar, whatever is missing of the injection', async () => {
    cluster.delete('mutatingadmissionpolicybinding', 'rusteze')
    const words = 'the pod did not get it: is the MutatingAdmissionPolicyBinding "rusteze" there?'
    try {
      await cluster.until('the binding is gone', async () => (await denial(admit())).includes(words))
    } finally {
      await cluster.install(policyValues)
    }
  })
})
