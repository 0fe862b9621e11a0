// The webhook and the policy in one real API server: of every pod they make the same, to the byte, and they refuse the same.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate } from '../../src/injector/self-signed.ts'
import { hasKubernetes } from '../support/kubernetes-api-server.ts'
import { TestInjector } from '../support/test-injector.ts'
import { ChartCluster, type Pod } from './cluster.ts'
import { hasHelm, render, renderText, type Tree, the } from './helm.ts'

const values = {
  backends: [
    {
      ...{ name: 'cache', namespace: 'data', service: 'redis', primaryService: 'redis-master', port: 6379 },
      authSecret: { name: 'redis-login', usernameKey: 'user', sentinelPasswordKey: 'sentinel' },
    },
    { name: 'sessions', namespace: 'data', service: 'sessions', settings: { hold: '7s' }, tls: { secret: 'ca' } },
  ],
  sidecar: {
    settings: { hold: '6s', pools: '8' },
    imagePullSecrets: ['registry', 'other-registry'],
    extraEnv: [{ name: 'NODE_OPTIONS', value: '--no-warnings' }],
    resources: { requests: { cpu: 1, memory: '64Mi', 'ephemeral-storage': '1Gi' }, limits: { memory: '128Mi' } },
  },
}

/** What both have to be given, each for its namespaces. */
function options(mode: 'policy' | 'webhook') {
  return {
    values: {
      ...values,
      injection: { mode, namespaceSelector: { matchLabels: { by: mode } } },
      // Where there is none, the webhook refuses by itself.
      guard: { enabled: mode === 'policy' },
    },
    release: mode,
    args: ['--no-hooks'],
  }
}

const one = <Value>(...each: Value[]) => fc.constantFrom(...each)
const mainNames = one('app', 'web', 'job')
const initNames = one('istio-proxy', 'linkerd-init', 'migrate', 'first')
const variable = fc.record({
  name: one('REDIS_HOST', 'REDIS_PORT', 'REDIS_URL', 'OTHER'),
  value: one('', 'a', '$(REDIS_HOST)'),
})
const uniqueBy = (key: string) => ({ selector: (each: object) => (each as Record<string, unknown>)[key], maxLength: 3 })
const container = (names: fc.Arbitrary<string>) =>
  fc.record(
    {
      name: names,
      image: one('i'),
      env: fc.uniqueArray(variable, uniqueBy('name')),
      volumeMounts: one([], [{ name: 'own', mountPath: '/own' }]),
      securityContext: one({ runAsUser: 2_000_000_001 }),
    },
    { requiredKeys: ['name', 'image'] },
  )
const right = {
  backend: one('cache', 'sessions'),
  service: one('a/b'),
  listen: one('', 'unix:/x', '127.0.0.1:,[::1]:7000', 'unix:/x, 127.0.0.1:7001 ', '7002'),
  zone: one('a', ''),
  hold: one('1s', 'ä"\\\n'),
  'read-from': one('replica'),
  'backend-tls': one('on'),
  'cpu-request': one('100m', '1', '0.5'),
  'cpu-limit': one('2'),
  'memory-request': one('32Mi'),
  'memory-limit': one('1Gi'),
  'allow-host-network': one('true'),
}
const wrong = {
  backend: one('cash', 'constructor', ''),
  service: one(''),
  backends: one('redis:6379', ''),
  'unix-socket': one('app,none', 'migrate', 'rusteze'),
  'inject-env': one('web', 'none,none'),
  'allow-host-network': one('yes'),
  hodl: one('1s'),
}
const specs = fc.record(
  {
    containers: fc.uniqueArray(container(mainNames), { ...uniqueBy('name'), minLength: 1 }),
    initContainers: fc.uniqueArray(container(initNames), uniqueBy('name')),
    volumes: one([{ name: 'own', emptyDir: {} }], [{ name: 'own', configMap: { name: 'c' } }]),
    imagePullSecrets: one([], [{ name: 'own' }], [{ name: 'other-registry' }, { name: 'own' }]),
    hostNetwork: fc.oneof({ weight: 4, arbitrary: one(false) }, one(true)),
  },
  { requiredKeys: ['containers', 'volumes'] },
)
const pods = specs.chain((spec) => {
  const names = fc
    .subarray([...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name))
    .map((each) => each.join(' ,'))
  const annotations = fc.tuple(
    fc.record({ ...right, 'unix-socket': names, 'inject-env': names }, { requiredKeys: [] }),
    fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, fc.record(wrong, { requiredKeys: [] })),
  )
  return annotations.map((parts) => annotated(Object.assign({}, ...parts), spec))
})

function annotated(annotations: Readonly<Record<string, string>>, spec: object = {}): Pod {
  const named = Object.entries(annotations).map(([key, value]) => [`rusteze.io/${key}`, value])
  return { annotations: Object.fromEntries(named), spec }
}

describe.skipIf(!hasHelm || !hasKubernetes)('policy and webhook (skipped without helm and KUBEBUILDER_ASSETS)', () => {
  const cluster = new ChartCluster()
  const directory = mkdtempSync(join(tmpdir(), 'certificate-'))
  let webhook: TestInjector

  /** The pod as text, without what differs from call to call, or why there is none. */
  async function outcome(namespace: 'policy' | 'webhook', pod: Pod): Promise<{ pod?: string; denial?: string }> {
    try {
      const { metadata, ...rest } = (await cluster.admit({ ...pod, namespace })) as Tree
      const { uid, creationTimestamp, managedFields, namespace: _, ...kept } = metadata
      return { pod: JSON.stringify({ ...kept, ...rest }) }
    } catch (error) {
      const { message } = JSON.parse(String(error).replace(/^[^{]*/, ''))
      return { denial: message.replace(/^.*? denied (the )?request: /s, '') }
    }
  }

  beforeAll(async () => {
    await cluster.start()
    for (const name of ['policy', 'webhook', 'platform', 'data'])
      await cluster.call('POST', '/api/v1/namespaces', { metadata: { name, labels: { by: name } } })
    cluster.apply(renderText(options('policy')))
    const objects = render(options('webhook'))
    const { chain, key } = await makeCertificate('localhost', Date.now(), 3_600_000)
    writeFileSync(join(directory, 'tls.crt'), chain)
    writeFileSync(join(directory, 'tls.key'), key)
    const definition = the(objects, 'ConfigMap').data['sidecar.json']
    webhook = await TestInjector.start({ certificate: { directory }, definition })
    await webhook.untilReady()
    const configuration = the(objects, 'MutatingWebhookConfiguration')
    configuration.webhooks[0].clientConfig = {
      url: `https://localhost:${webhook.port}/mutate`,
      caBundle: Buffer.from(chain).toString('base64'),
    }
    await cluster.call('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', configuration)
    await cluster.until('both are in force', async () => {
      const made = [await outcome('policy', {}), await outcome('webhook', {})]
      const bad = await outcome('policy', { annotations: { 'rusteze.io/hodl': '' } })
      return bad.denial !== undefined && made.every(({ pod }) => pod?.includes('rusteze.io/injected'))
    })
  }, 90_000)
  afterAll(async () => {
    await webhook?.end()
    await cluster.stop()
    rmSync(directory, { recursive: true })
  })

  const app = { name: 'app', image: 'i' }

  test.each<[string, Pod]>([
    ['nothing special', {}],
    ['another backend, with TLS', annotated({ backend: 'sessions' })],
    ['servers of its own', annotated({ backends: 'a:1,b:2' })],
    ['init containers', { spec: { initContainers: [{ name: 'migrate', image: 'i' }] } }],
    [
      'a mesh',
      { spec: { initContainers: ['istio-init', 'istio-proxy', 'migrate'].map((name) => ({ name, image: 'i' })) } },
    ],
    [
      'empty lists',
      annotated(
        { 'unix-socket': 'app' },
        { volumes: [], initContainers: [], containers: [{ ...app, env: [], volumeMounts: [] }] },
      ),
    ],
    [
      'everything',
      annotated(
        {
          'unix-socket': 'app,migrate',
          'inject-env': 'app,migrate',
          hold: '1s',
          zone: 'a',
          listen: 'unix:/x, [::1]:7000',
          'cpu-limit': '1',
        },
        {
          initContainers: [{ name: 'migrate', image: 'i', env: [{ name: 'REDIS_PORT', value: '1' }] }],
          imagePullSecrets: [{ name: 'registry' }],
          hostNetwork: false,
        },
      ),
    ],
    [
      'a sidecar of its own',
      { spec: { initContainers: [{ name: 'rusteze', image: 'i', env: [{ name: 'RUSTEZE_SERVICE', value: 'a/b' }] }] } },
    ],
    ['no label', { labels: { app: 'x' } }],
  ])('make the same of a pod with %s', async (_, pod) => {
    const expected = await outcome('policy', pod)
    expect(expected.denial).toBeUndefined()
    expect(await outcome('webhook', pod)).toEqual(expected)
  })

  test.each<[string, Pod]>([
    ['an unknown annotation', annotated({ admin: 'x' })],
    ['an unknown backend', annotated({ backend: 'cash' })],
    ['unknown containers', annotated({ 'unix-socket': 'web,app', 'inject-env': 'job' })],
    ['two kinds of servers', annotated({ backend: 'cache', backends: 'a:1' })],
    ['the network of its node', { spec: { hostNetwork: true } }],
  ])('refuse a pod with %s by the same words', async (_, pod) => {
    const expected = await outcome('policy', pod)
    expect(expected.denial).toBeDefined()
    expect(await outcome('webhook', pod)).toEqual(expected)
  })

  test('do the same with pods of all kinds', async () => {
    let admitted = 0
    await fc.assert(
      fc.asyncProperty(pods, async (pod) => {
        const expected = await outcome('policy', pod)
        const made = await outcome('webhook', pod)
        expect(made.pod).toEqual(expected.pod)
        if (expected.pod !== undefined) admitted += 1
        // The guard names the first mistake, the webhook all of them, and even of pods that are none for another reason.
        else if (!expected.denial?.includes('is invalid:')) expect(made.denial).toContain(expected.denial)
      }),
      { numRuns: 150 },
    )
    expect(admitted).toBeGreaterThan(30)
  }, 60_000)
})
