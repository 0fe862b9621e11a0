// The policies of the chart in a real API server: what a labelled pod becomes.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { settingKey } from '../../scripts/chart-settings.ts'
import { parseConfig, settings } from '../../src/config.ts'
import { hasKubernetes } from '../support/kubernetes-api-server.ts'
import { ChartCluster, kustomize, type Pod } from './cluster.ts'
import { hasHelm, render, type Tree, the } from './helm.ts'
import { environmentOf, namesIn, ours, policyValues, sidecarOf } from './pods.ts'

describe.skipIf(!hasHelm || !hasKubernetes)('a labelled pod (skipped without helm and KUBEBUILDER_ASSETS)', () => {
  const cluster = new ChartCluster()
  const admit = (pod: Pod = {}) => cluster.admit(pod)
  const annotated = (annotations: Readonly<Record<string, string>>, spec: object = {}) =>
    admit({ annotations: ours(annotations), spec })

  beforeAll(async () => {
    await cluster.start()
    await cluster.install(policyValues)
  }, 90_000)
  afterAll(() => cluster.stop())

  test('gets the sidecar of the default backend, and the mark', async () => {
    const pod = await admit()
    expect(pod.metadata.labels).toEqual({
      'rusteze.io/inject': 'enabled',
      'rusteze.io/injected': packageJson.version,
    })
    expect(namesIn(pod.spec.initContainers)).toEqual(['rusteze'])
    expect(namesIn(pod.spec.volumes)).toEqual(['rusteze-token', 'rusteze-backend'])
    expect(namesIn(pod.spec.imagePullSecrets)).toEqual(['registry', 'other-registry'])
    const sidecar = sidecarOf(pod)
    expect(sidecar.env).toEqual([
      { name: 'RUSTEZE_ADMIN', value: '[::]:9380' },
      {
        name: 'RUSTEZE_ZONE',
        valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: "metadata.labels['topology.kubernetes.io/zone']" } },
      },
      { name: 'NODE_OPTIONS', value: '--no-warnings' },
      { name: 'RUSTEZE_LISTEN', value: '127.0.0.1:6380' },
      { name: 'RUSTEZE_SOCKET_MODE', value: '666' },
      { name: 'RUSTEZE_SERVICE', value: 'data/redis' },
      { name: 'RUSTEZE_BACKEND_PASSWORD_FILE', value: '/etc/rusteze/backend/password' },
      { name: 'RUSTEZE_POOLS', value: '8' },
      { name: 'RUSTEZE_HOLD', value: '6s' },
    ])
    expect(sidecar.volumeMounts).toEqual([
      { name: 'rusteze-token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
      { name: 'rusteze-backend', mountPath: '/etc/rusteze/backend', readOnly: true },
    ])
    expect(sidecar.resources).toEqual({
      requests: { cpu: '25m', memory: '64Mi', 'ephemeral-storage': '1Gi' },
      limits: { memory: '128Mi', 'ephemeral-storage': '1Gi' },
    })
    const [app] = pod.spec.containers
    expect([app.env, app.volumeMounts]).toEqual([undefined, undefined])
  })

  test.each<Record<string, string>>([{}, { zone: 'a', hold: '1s' }])(
    'has the container that the library chart makes with settings %j',
    async (settings) => {
      const rusteze = { ...policyValues.sidecar, settings: { ...policyValues.sidecar.settings, ...settings } }
      const values = { rusteze, redis: policyValues.backends[0] }
      const library = the(render({ chart: 'examples/own-chart', values }), 'Deployment').spec.template
      const injected = await annotated({ 'unix-socket': 'app', ...settings })
      // Through the API server as well, for its defaults.
      const byHand = await admit({ labels: library.metadata.labels, spec: library.spec })
      expect(sidecarOf(byHand)).toEqual(sidecarOf(injected))
      expect(byHand.spec.volumes).toEqual(injected.spec.volumes)
      expect(byHand.metadata.labels['rusteze.io/injected']).toBe(injected.metadata.labels['rusteze.io/injected'])
    },
  )

  test('has the container that the component of kustomize makes', async () => {
    const { spec, metadata } = the(kustomize('examples/kustomize'), 'Deployment').spec.template
    const byHand = await admit({ labels: metadata.labels, spec })
    await cluster.install({ injection: { mode: 'policy' } })
    try {
      const injected = await annotated({ service: 'data/redis' })
      const byName = (container: Tree) => ({ ...container, env: environmentOf(container) })
      expect(byName(sidecarOf(byHand))).toEqual(byName(sidecarOf(injected)))
      expect(byHand.spec.volumes).toEqual(injected.spec.volumes)
      expect(byHand.metadata.labels['rusteze.io/injected']).toBe(packageJson.version)
      expect(namesIn(byHand.spec.initContainers)).toEqual(['rusteze', 'migrate'])
    } finally {
      await cluster.install(policyValues)
    }
  })

  test('that has its sidecar already is not touched', async () => {
    const once = await admit()
    const { name, labels, annotations } = once.metadata
    const twice = await admit({ name, labels, annotations, spec: once.spec })
    expect(twice.spec).toEqual(once.spec)
    const own = await admit({
      spec: {
        containers: [{ name: 'rusteze', image: 'mine', env: [{ name: 'RUSTEZE_BACKENDS', value: 'redis:6379' }] }],
      },
    })
    expect(own.spec).not.toHaveProperty('initContainers')
    expect(own.metadata.labels).not.toHaveProperty(['rusteze.io/injected'])
  })

  test('starts its sidecar before its own init containers, and after those of a mesh', async () => {
    const containers = (...names: string[]) => names.map((name) => ({ name, image: 'i' }))
    const order = async (...names: string[]) =>
      namesIn((await admit({ spec: { initContainers: containers(...names) } })).spec.initContainers)
    expect(await order('migrate', 'warm-up')).toEqual(['rusteze', 'migrate', 'warm-up'])
    expect(await order('istio-init', 'istio-proxy', 'migrate')).toEqual([
      'istio-init',
      'istio-proxy',
      'rusteze',
      'migrate',
    ])
    expect(await order('linkerd-init', 'linkerd-proxy')).toEqual(['linkerd-init', 'linkerd-proxy', 'rusteze'])
  })

  test('keeps its volumes, init containers and pull secrets, and empty lists of them do no harm', async () => {
    const pod = await admit({
      spec: { volumes: [{ name: 'own', emptyDir: {} }], imagePullSecrets: [{ name: 'registry' }, { name: 'own' }] },
    })
    expect(namesIn(pod.spec.volumes)).toEqual(['own', 'rusteze-token', 'rusteze-backend'])
    expect(namesIn(pod.spec.imagePullSecrets)).toEqual(['registry', 'own', 'other-registry'])
    const empty = await annotated(
      { 'unix-socket': 'app', 'inject-env': 'app' },
      {
        ...{ volumes: [], initContainers: [], imagePullSecrets: [] },
        containers: [{ name: 'app', image: 'app', env: [], volumeMounts: [] }],
      },
    )
    expect(namesIn(empty.spec.volumes)).toEqual(['rusteze-token', 'rusteze-backend', 'rusteze-socket'])
  })

  test('has an environment that the proxy takes', async () => {
    const annotations = { zone: 'a', 'read-from': 'prefer-replica', 'unix-socket': 'app', 'backend-tls': 'on' }
    for (const pod of [await admit(), await annotated(annotations), await annotated({ backend: 'sessions' })]) {
      // The zone is read from a label, which may be missing. The admin port is not a setting yet.
      const environment = { ...environmentOf(sidecarOf(pod)), RUSTEZE_ZONE: '', RUSTEZE_ADMIN: undefined }
      expect(parseConfig(environment)).toHaveProperty('config')
    }
  })

  test('may be as large as pods get', async () => {
    const many = (prefix: string) =>
      Array.from({ length: 30 }, (_, index) => ({
        name: `${prefix}-${index}`,
        image: 'i',
        env: Array.from({ length: 200 }, (__, number) => ({ name: `NAME_${number}`, value: 'x'.repeat(50) })),
      }))
    const names = ['init', 'main'].flatMap((prefix) => many(prefix).map(({ name }) => name)).join(', ')
    const every = settings.map(settingKey).filter((key) => !['admin', 'backends'].includes(key))
    const pod = await annotated(
      {
        ...Object.fromEntries(every.map((key) => [key, '1'])),
        ...{ 'unix-socket': names, 'inject-env': names, 'cpu-limit': '1' },
      },
      { initContainers: many('init'), containers: many('main') },
    )
    expect(namesIn(sidecarOf(pod).env)).toEqual(expect.arrayContaining(['RUSTEZE_HOLD', 'RUSTEZE_LOG_LEVEL']))
    expect(pod.spec.containers.at(-1).env).toHaveLength(203)
  })

  test('is one with the label: others are not touched', async () => {
    for (const labels of [{}, { app: 'x' }, { 'rusteze.io/inject': 'disabled' }]) {
      const pod = await admit({ labels, annotations: { 'rusteze.io/hodl': '1s' } })
      expect(pod.spec).not.toHaveProperty('initContainers')
    }
  })
})
