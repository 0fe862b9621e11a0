// The policies of the chart in a real API server: what a labelled pod becomes, and which pods are denied.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { settingKey } from '../../scripts/chart-settings.ts'
import { parseConfig, settings } from '../../src/config.ts'
import { hasKubernetes } from '../support/kubernetes-api-server.ts'
import { ChartCluster, denial, kustomize, type Pod } from './cluster.ts'
import { hasHelm, render, renderText, type Tree, the } from './helm.ts'

const values = {
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
const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
}

function sidecarOf(pod: Tree): Tree {
  const found = pod.spec.initContainers.filter(({ name }: Tree) => name === 'rusteze')
  expect(found).toHaveLength(1)
  return found[0]
}

/** The environment as name → value, or where the value is from. */
function environmentOf(container: Tree): Tree {
  return Object.fromEntries((container.env ?? []).map((each: Tree) => [each.name, each.value ?? each.valueFrom ?? '']))
}

const namesIn = (list: Tree[] | undefined) => (list ?? []).map(({ name }: Tree) => name)

describe.skipIf(!hasHelm || !hasKubernetes)('a labelled pod (skipped without helm and KUBEBUILDER_ASSETS)', () => {
  const cluster = new ChartCluster()
  const admit = (pod: Pod = {}) => cluster.admit(pod)
  const annotated = (annotations: Readonly<Record<string, string>>, spec: object = {}) =>
    admit({
      annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`rusteze.io/${key}`, value])),
      spec,
    })

  beforeAll(async () => {
    await cluster.start()
    await cluster.call('POST', '/api/v1/namespaces', { metadata: { name: 'data' } })
    await cluster.call('POST', '/api/v1/namespaces', { metadata: { name: 'platform' } })
    cluster.apply(renderText({ values, args: ['--no-hooks'] }))
    await cluster.untilPolicies(async () => {
      const pod = await admit()
      const bad = await admit({ labels: { 'rusteze.io/inject': 'yes' } }).then(
        () => false,
        () => true,
      )
      return bad && pod.metadata.labels['rusteze.io/injected'] !== undefined
    })
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

  test('has the container that the library chart makes', async () => {
    const library = the(
      render({ chart: 'examples/own-chart', values: { rusteze: values.sidecar, redis: values.backends[0] } }),
      'Deployment',
    ).spec.template
    const injected = await annotated({ 'unix-socket': 'app' })
    // Through the API server as well, for its defaults.
    const byHand = await admit({ labels: library.metadata.labels, spec: library.spec })
    expect(sidecarOf(byHand)).toEqual(sidecarOf(injected))
    expect(byHand.spec.volumes).toEqual(injected.spec.volumes)
    expect(byHand.metadata.labels['rusteze.io/injected']).toBe(injected.metadata.labels['rusteze.io/injected'])
  })

  test('has the container that the component of kustomize makes', async () => {
    const { spec, metadata } = the(kustomize('examples/kustomize'), 'Deployment').spec.template
    const byHand = await admit({ labels: metadata.labels, spec })
    const plain = renderText({ values: { injection: { mode: 'policy' } }, release: 'plain', args: ['--no-hooks'] })
    cluster.delete('mutatingadmissionpolicybinding', 'rusteze')
    cluster.apply(plain)
    try {
      await cluster.untilPolicies(async () => {
        const injected = await annotated({ service: 'data/redis' })
        return namesIn(injected.spec.volumes).length === 1 && namesIn(sidecarOf(injected).env).length === 5
      })
      const injected = await annotated({ service: 'data/redis' })
      const byName = (container: Tree) => ({ ...container, env: environmentOf(container) })
      expect(byName(sidecarOf(byHand))).toEqual(byName(sidecarOf(injected)))
      expect(byHand.spec.volumes).toEqual(injected.spec.volumes)
      expect(byHand.metadata.labels['rusteze.io/injected']).toBe(packageJson.version)
      expect(namesIn(byHand.spec.initContainers)).toEqual(['rusteze', 'migrate'])
    } finally {
      for (const kind of ['mutatingadmissionpolicybinding', 'mutatingadmissionpolicy']) {
        cluster.delete(kind, 'plain-rusteze')
        cluster.delete(kind.replace('mutating', 'validating'), 'plain-rusteze-guard')
      }
      cluster.apply(renderText({ values, args: ['--no-hooks'] }))
      await cluster.untilPolicies(async () => namesIn((await admit()).spec.volumes).length === 2)
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

  describe('with annotations', () => {
    test('has its own settings, each once, before those of backend and chart', async () => {
      const environment = environmentOf(
        sidecarOf(
          await annotated({
            backend: 'sessions',
            'read-from': 'prefer-replica',
            pools: '4',
            zone: 'a',
            listen: '127.0.0.1:7000',
            'output-hard': '1mb',
          }),
        ),
      )
      expect(environment).toMatchObject({
        RUSTEZE_SERVICE: 'data/sessions',
        RUSTEZE_BACKEND_TLS: 'on',
        RUSTEZE_BACKEND_TLS_CA_FILE: '/etc/rusteze/backend/ca.pem',
        RUSTEZE_READ_FROM: 'prefer-replica',
        RUSTEZE_POOLS: '4',
        RUSTEZE_HOLD: '7s',
        RUSTEZE_ZONE: 'a',
        RUSTEZE_LISTEN: '127.0.0.1:7000',
        RUSTEZE_OUTPUT_HARD: '1mb',
      })
      const pod = await annotated({ hold: '1s', zone: 'a' })
      const names = namesIn(sidecarOf(pod).env)
      expect(names).toEqual([...new Set(names)])
    })

    test('that names its servers gets nothing of the default backend', async () => {
      for (const [key, value] of [
        ['service', 'other/redis'],
        ['backends', 'redis.example:6379'],
      ] as const) {
        const pod = await annotated({ [key]: value })
        expect(environmentOf(sidecarOf(pod))).not.toHaveProperty('RUSTEZE_BACKEND_PASSWORD_FILE')
        expect(namesIn(pod.spec.volumes)).toEqual(['rusteze-token'])
      }
      const both = await annotated({ service: 'other/redis', backend: 'cache' })
      expect(environmentOf(sidecarOf(both))).toMatchObject({
        RUSTEZE_SERVICE: 'other/redis',
        RUSTEZE_BACKEND_PASSWORD_FILE: '/etc/rusteze/backend/password',
      })
    })

    test('has its own resources', async () => {
      const pod = await annotated({ 'cpu-request': '100m', 'cpu-limit': '1', 'memory-limit': '256Mi' })
      expect(sidecarOf(pod).resources).toEqual({
        requests: { cpu: '100m', memory: '64Mi', 'ephemeral-storage': '1Gi' },
        limits: { cpu: '1', memory: '256Mi', 'ephemeral-storage': '1Gi' },
      })
    })

    test('shares a unix socket with the containers that it names', async () => {
      const pod = await annotated(
        { 'unix-socket': 'app, migrate' },
        {
          initContainers: [{ name: 'migrate', image: 'i' }],
          containers: [
            { name: 'web', image: 'i' },
            { name: 'app', image: 'i', volumeMounts: [{ name: 'own', mountPath: '/own' }] },
          ],
          volumes: [{ name: 'own', emptyDir: {} }],
        },
      )
      const socket = { name: 'rusteze-socket', mountPath: '/var/run/rusteze' }
      const [rusteze, migrate] = pod.spec.initContainers
      const [web, app] = pod.spec.containers
      expect(environmentOf(rusteze).RUSTEZE_LISTEN).toBe('127.0.0.1:6380,unix:/var/run/rusteze/redis.sock')
      expect(rusteze.volumeMounts).toContainEqual(socket)
      expect(migrate.volumeMounts).toEqual([socket])
      expect(app.volumeMounts).toEqual([{ name: 'own', mountPath: '/own' }, socket])
      expect(web).not.toHaveProperty('volumeMounts')
      expect(pod.spec.volumes.at(-1)).toEqual({ name: 'rusteze-socket', emptyDir: { sizeLimit: '1Mi' } })
    })

    test('tells the containers that it names where Redis is, before their own variables, and changes none of these', async () => {
      const own = [
        { name: 'REDIS_PORT', value: '1' },
        { name: 'URL', value: '$(REDIS_HOST)' },
      ]
      const pod = await annotated(
        { 'inject-env': 'app,job', listen: 'unix:/x, [::1]:7000,127.0.0.1:7001' },
        {
          containers: [
            { name: 'app', image: 'i', env: own },
            { name: 'job', image: 'i' },
            { name: 'web', image: 'i' },
          ],
        },
      )
      const [app, job, web] = pod.spec.containers
      expect(app.env).toEqual([
        { name: 'REDIS_HOST', value: '127.0.0.1' },
        { name: 'REDIS_URL', value: 'redis://127.0.0.1:7000' },
        ...own,
      ])
      expect(job.env).toEqual([
        { name: 'REDIS_HOST', value: '127.0.0.1' },
        { name: 'REDIS_PORT', value: '7000' },
        { name: 'REDIS_URL', value: 'redis://127.0.0.1:7000' },
      ])
      expect(web).not.toHaveProperty('env')
    })
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

  test('is accepted where Pod Security is restricted', async () => {
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

  test('is one with the label: others are not touched', async () => {
    for (const labels of [{}, { app: 'x' }, { 'rusteze.io/inject': 'disabled' }]) {
      const pod = await admit({ labels, annotations: { 'rusteze.io/hodl': '1s' } })
      expect(pod.spec).not.toHaveProperty('initContainers')
    }
  })

  describe('is denied', () => {
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

    test('only with a warning if guard.action says so', async () => {
      const pod = { annotations: { 'rusteze.io/hodl': '1s' } }
      cluster.apply(renderText({ values: { ...values, guard: { action: 'Warn' } }, args: ['--no-hooks'] }))
      try {
        await cluster.untilPolicies(async () => cluster.warnings(pod).length > 0)
        expect(cluster.warnings(pod)).toEqual([expect.stringContaining('unknown annotations: rusteze.io/hodl;')])
      } finally {
        cluster.apply(renderText({ values, args: ['--no-hooks'] }))
        await cluster.untilPolicies(async () => (await denial(admit(pod))).includes('unknown annotations'))
      }
    })

    test('without its sidecar, whatever is missing of the injection', async () => {
      cluster.delete('mutatingadmissionpolicybinding', 'rusteze')
      const words = 'the pod did not get it: is the MutatingAdmissionPolicyBinding "rusteze" there?'
      try {
        await cluster.untilPolicies(async () => (await denial(admit())).includes(words))
      } finally {
        cluster.apply(renderText({ values, args: ['--no-hooks'] }))
        await cluster.untilPolicies(async () => sidecarOf(await admit()) !== undefined)
      }
    })
  })
})
