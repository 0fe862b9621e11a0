// The charts as helm renders them: which objects come from which values, and what is refused.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { generatedTemplates, settingKey } from '../../scripts/chart-settings.ts'
import { settings } from '../../src/config.ts'
import { hasHelm, helm, namesOf, render, renderText, type Tree, the } from './helm.ts'

const cache = {
  name: 'cache',
  namespace: 'data',
  service: 'redis',
  port: 'tcp-redis',
  authSecret: { name: 'redis-login', usernameKey: 'user' },
  tls: { secret: 'redis-tls', certKey: 'tls.crt', keyKey: 'tls.key', serverName: 'redis.data.svc' },
  settings: { hold: '10s' },
  clientNamespaces: ['shop', 'mail'],
}
const everything = {
  backends: [cache, { name: 'sessions', namespace: 'data', service: 'sessions', clientNamespaces: ['shop'] }],
  podMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  injector: { networkPolicy: { enabled: true } },
  commonLabels: { team: 'storage' },
  sidecar: { imagePullSecrets: ['registry'] },
}

const webhookKinds = [
  'ClusterRole rusteze-injector',
  'ClusterRoleBinding rusteze-injector',
  'ConfigMap rusteze-injector',
  'Deployment rusteze-injector',
  'Lease rusteze-injector',
  'MutatingWebhookConfiguration rusteze',
  'PodDisruptionBudget rusteze-injector',
  'Role rusteze-injector',
  'RoleBinding rusteze-injector',
  'Secret rusteze-injector-certificate',
  'Service rusteze-injector',
  'ServiceAccount rusteze-injector',
]
const policyKinds = ['MutatingAdmissionPolicy rusteze', 'MutatingAdmissionPolicyBinding rusteze']
const guardKinds = ['ValidatingAdmissionPolicy rusteze-guard', 'ValidatingAdmissionPolicyBinding rusteze-guard']
const testKinds = ['Pod rusteze-test']

function withMode(mode: string, values: object = {}): Tree[] {
  return render({ values: { injection: { mode }, ...values } })
}

/** What helm says when it refuses these values. */
function refusal(values: object, chart?: string): string {
  try {
    renderText({ values, ...(chart ? { chart } : {}) })
  } catch (error) {
    return String(error)
  }
  throw new Error('helm took them')
}

/** What the webhook reads from its file. */
function injection(values: object = {}): Tree {
  return JSON.parse(the(withMode('webhook', values), 'ConfigMap').data['sidecar.json'])
}

test('the charts are of the version of the program, and know exactly its settings', () => {
  for (const chart of ['rusteze', 'rusteze-lib']) {
    const meta = load(readFileSync(join('charts', chart, 'Chart.yaml'), 'utf8')) as Tree
    expect([meta.version, meta.appVersion]).toEqual([packageJson.version, packageJson.version])
    const schema = JSON.parse(readFileSync(join('charts', chart, 'values.schema.json'), 'utf8'))
    const keys = settings.map(settingKey).filter((key) => key !== 'admin')
    expect(Object.keys(schema.$defs.settings.properties)).toEqual(keys)
  }
  const generated = readFileSync('charts/rusteze-lib/templates/_generated.tpl', 'utf8')
  expect(generated).toBe(generatedTemplates(packageJson.version, settings))
})

describe.skipIf(!hasHelm)('the charts (skipped without helm on the PATH)', () => {
  test('pass lint without a warning', () => {
    for (const chart of ['charts/rusteze', 'charts/rusteze-lib', 'examples/own-chart']) {
      const { status, stdout } = helm(['lint', '--strict', chart])
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.not.stringMatching(/WARNING|ERROR/) })
    }
  })

  test('are the same, byte for byte, each time they are rendered', () => {
    for (const mode of ['policy', 'webhook']) {
      const values = { ...everything, injection: { mode } }
      expect(renderText({ values })).toBe(renderText({ values }))
    }
  })

  describe('injection.mode', () => {
    test.each([
      ['policy', [...policyKinds, ...guardKinds, ...testKinds]],
      ['webhook', [...webhookKinds, ...guardKinds, ...testKinds]],
      ['none', guardKinds],
    ])('%s makes just what it needs', (mode, kinds) => {
      expect(namesOf(withMode(mode))).toEqual([...kinds].sort())
    })

    test('auto is policy where the cluster has mutating policies, else webhook', () => {
      const kind = 'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy'
      expect(namesOf(render({ apiVersions: [kind] }))).toEqual(expect.arrayContaining(policyKinds))
      expect(namesOf(render())).toEqual(expect.arrayContaining(webhookKinds))
    })

    test('the guard is left out where Kubernetes has no validating policies, or by guard.enabled', () => {
      expect(namesOf(render({ kubeVersion: '1.29.0' }))).not.toEqual(expect.arrayContaining(guardKinds))
      expect(namesOf(render({ kubeVersion: '1.30.0' }))).toEqual(expect.arrayContaining(guardKinds))
      expect(namesOf(render({ values: { guard: { enabled: false } } }))).not.toEqual(expect.arrayContaining(guardKinds))
    })

    test('Kubernetes before 1.29 has no native sidecars and is refused', () => {
      expect(() => renderText({ kubeVersion: '1.28.9' })).toThrow(/incompatible with Kubernetes v1\.28\.9/)
    })
  })

  test('the policy and the webhook are given the same data', () => {
    const policy = the(withMode('policy', everything), 'MutatingAdmissionPolicy')
    const [chart] = policy.spec.variables
    // JSON in which each value stands in dyn( ) is CEL, and the other way round.
    const asJson = chart.expression.replaceAll('dyn(', '').replaceAll(/(?<=[}\]"\dse])\)/g, '')
    expect(JSON.parse(asJson)).toEqual(injection(everything))
  })

  describe('the container', () => {
    test('is a native sidecar, restricted, without a user, readiness or preStop', () => {
      const { container } = injection()
      expect(container).toMatchObject({
        name: 'rusteze',
        restartPolicy: 'Always',
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        resources: { requests: { cpu: '25m', memory: '64Mi' }, limits: { memory: '128Mi' } },
        ports: [{ name: 'rusteze-admin', containerPort: 9380 }],
      })
      for (const absent of ['readinessProbe', 'lifecycle', 'args', 'command'])
        expect(container).not.toHaveProperty(absent)
      expect(container.securityContext).not.toHaveProperty('runAsUser')
      expect(container.startupProbe).not.toHaveProperty('initialDelaySeconds')
    })

    test.each([
      [{}, `ghcr.io/rusteze/rusteze:${packageJson.version}`],
      [{ sidecar: { image: { registry: 'r.example', repository: 'a/b', tag: 'c' } } }, 'r.example/a/b:c'],
      [{ global: { imageRegistry: 'mirror.example' } }, `mirror.example/rusteze/rusteze:${packageJson.version}`],
      [
        { sidecar: { image: { digest: `sha256:${'0'.repeat(64)}` } } },
        `ghcr.io/rusteze/rusteze:${packageJson.version}@sha256:${'0'.repeat(64)}`,
      ],
    ])('is of the image that %j names', (values, image) => {
      expect(injection(values).container.image).toBe(image)
      const deployment = the(withMode('webhook', values), 'Deployment')
      expect(deployment.spec.template.spec.containers[0].image).toBe(image)
    })

    test('has the admin port of the values everywhere', () => {
      const { container } = injection({ sidecar: { adminPort: 9999 } })
      expect(container.ports[0].containerPort).toBe(9999)
      expect(container.env[0]).toEqual({ name: 'RUSTEZE_ADMIN', value: '[::]:9999' })
      expect([container.startupProbe, container.livenessProbe].map(({ httpGet }) => httpGet.port)).toEqual([
        'rusteze-admin',
        'rusteze-admin',
      ])
    })
  })

  describe('a backend', () => {
    test('becomes settings, and files of the Secrets', () => {
      expect(injection({ backends: [cache] }).backends.cache).toEqual({
        settings: {
          listen: '127.0.0.1:6380',
          'socket-mode': '666',
          service: 'data/redis:tcp-redis',
          'backend-username-file': '/etc/rusteze/backend/username',
          'backend-password-file': '/etc/rusteze/backend/password',
          'backend-tls': 'on',
          'backend-tls-ca-file': '/etc/rusteze/backend/ca.pem',
          'backend-tls-cert-file': '/etc/rusteze/backend/cert.pem',
          'backend-tls-key-file': '/etc/rusteze/backend/key.pem',
          'backend-tls-server-name': 'redis.data.svc',
          hold: '10s',
        },
        volumes: [
          {
            name: 'rusteze-backend',
            projected: {
              sources: [
                {
                  secret: {
                    name: 'redis-login',
                    items: [
                      { key: 'password', path: 'password' },
                      { key: 'user', path: 'username' },
                    ],
                  },
                },
                {
                  secret: {
                    name: 'redis-tls',
                    items: [
                      { key: 'ca.crt', path: 'ca.pem' },
                      { key: 'tls.crt', path: 'cert.pem' },
                      { key: 'tls.key', path: 'key.pem' },
                    ],
                  },
                },
              ],
            },
          },
        ],
        volumeMounts: [{ name: 'rusteze-backend', mountPath: '/etc/rusteze/backend', readOnly: true }],
      })
    })

    test('may have a Service of the primary, Sentinels with a password of their own, and public authorities', () => {
      const authSecret = { name: 'login', sentinelPasswordKey: 'sentinel' }
      const tls = { serverName: 'redis.example' }
      const { settings: found, volumes } = injection({
        backends: [{ ...cache, primaryService: 'redis-master', authSecret, tls }],
      }).backends.cache
      expect(found).toMatchObject({
        'primary-service': 'data/redis-master',
        'sentinel-password-file': '/etc/rusteze/backend/sentinel-password',
        'backend-tls': 'on',
        'backend-tls-server-name': 'redis.example',
      })
      expect(found).not.toHaveProperty('backend-tls-ca-file')
      expect(volumes[0].projected.sources).toEqual([
        {
          secret: {
            name: 'login',
            items: [
              { key: 'password', path: 'password' },
              { key: 'sentinel', path: 'sentinel-password' },
            ],
          },
        },
      ])
      const known = settings.map(settingKey)
      expect(Object.keys(found).filter((key) => !known.includes(key))).toEqual([])
    })

    test('goes before the settings of all sidecars, and the first one is the default unless another says so', () => {
      const sidecar = { settings: { hold: '1s', pools: '8' } }
      const other = { name: 'other', settings: { backends: 'redis.example:6379' } }
      const { backends, defaultBackend } = injection({ sidecar, backends: [cache, other] })
      expect(backends.cache.settings).toMatchObject({ hold: '10s', pools: '8' })
      expect(backends['']).toEqual({
        settings: { listen: '127.0.0.1:6380', 'socket-mode': '666', hold: '1s', pools: '8' },
        volumes: [],
        volumeMounts: [],
      })
      expect(defaultBackend).toBe('cache')
      expect(injection({ backends: [cache, { ...other, default: true }] }).defaultBackend).toBe('other')
      expect(injection().defaultBackend).toBe('')
    })

    test('lets the service accounts of its client namespaces watch endpoints in its namespace, and nothing else', () => {
      const objects = withMode('none', { backends: [cache] })
      const role = the(objects, 'Role')
      expect([role.metadata.namespace, role.rules]).toEqual([
        'data',
        [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }],
      ])
      const binding = the(objects, 'RoleBinding')
      expect(binding.metadata.namespace).toBe('data')
      expect(binding.roleRef.name).toBe(role.metadata.name)
      expect(binding.subjects.map(({ kind, name }: Tree) => `${kind} ${name}`)).toEqual([
        'Group system:serviceaccounts:shop',
        'Group system:serviceaccounts:mail',
      ])
    })

    test('is open to whom rbac says', () => {
      const account = { kind: 'ServiceAccount', name: 'shop', namespace: 'shop' }
      const subjects = (rbac: object, backend: object) =>
        the(withMode('none', { rbac, backends: [backend] }), 'RoleBinding').subjects
      expect(subjects({ subjects: [account] }, { ...cache, clientNamespaces: [] })).toEqual([account])
      expect(subjects({ allServiceAccounts: true }, cache)).toEqual([
        { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccounts' },
      ])
      expect(namesOf(withMode('none', { rbac: { create: false }, backends: [cache] }))).toEqual(guardKinds)
    })
  })

  describe('the injector', () => {
    const injector = (certs: object) => withMode('webhook', { injector: { certs } })

    test('may touch its own objects only, and the API server finds no caBundle in the chart', () => {
      const objects = injector({ mode: 'self' })
      expect(the(objects, 'ClusterRole').rules).toEqual([
        {
          apiGroups: ['admissionregistration.k8s.io'],
          resources: ['mutatingwebhookconfigurations'],
          resourceNames: ['rusteze'],
          verbs: ['get', 'patch'],
        },
      ])
      expect(the(objects, 'Role').rules.map(({ resourceNames, verbs }: Tree) => [resourceNames, verbs])).toEqual([
        [['rusteze-injector-certificate'], ['get', 'update']],
        [['rusteze-injector'], ['get', 'update']],
      ])
      const [webhook] = the(objects, 'MutatingWebhookConfiguration').webhooks
      expect(webhook.clientConfig).not.toHaveProperty('caBundle')
      expect(webhook).toMatchObject({
        failurePolicy: 'Fail',
        sideEffects: 'None',
        reinvocationPolicy: 'IfNeeded',
        objectSelector: { matchLabels: { 'rusteze.io/inject': 'enabled' } },
      })
    })

    test('needs no right at all where others make its certificate', () => {
      for (const certs of [{ mode: 'certManager' }, { mode: 'existing', existingSecret: 'mine', caBundle: 'PEM' }]) {
        const objects = injector(certs)
        expect(namesOf(objects).filter((name) => /Role|Secret|Lease/.test(name))).toEqual([])
        const { spec } = the(objects, 'Deployment').spec.template
        expect(spec.automountServiceAccountToken).toBe(false)
        expect(spec.volumes[1].secret.secretName).toBe(
          certs.mode === 'existing' ? 'mine' : 'rusteze-injector-certificate',
        )
      }
    })

    test('asks cert-manager for a certificate with the name of its Service', () => {
      const objects = injector({ mode: 'certManager' })
      const certificate = the(objects, 'Certificate')
      expect(certificate.spec.dnsNames).toEqual(['rusteze-injector.platform.svc'])
      expect(the(objects, 'Issuer').metadata.name).toBe(certificate.spec.issuerRef.name)
      const { annotations } = the(objects, 'MutatingWebhookConfiguration').metadata
      expect(annotations).toEqual({ 'cert-manager.io/inject-ca-from': `platform/${certificate.metadata.name}` })
      const named = injector({ mode: 'certManager', issuerRef: { kind: 'ClusterIssuer', name: 'company' } })
      expect(the(named, 'Certificate').spec.issuerRef).toEqual({ kind: 'ClusterIssuer', name: 'company' })
      expect(namesOf(named)).not.toContain('Issuer rusteze-injector-certificate')
    })

    test('gives the API server the certificates of an existing Secret', () => {
      const objects = injector({ mode: 'existing', existingSecret: 'mine', caBundle: 'PEM' })
      const [webhook] = the(objects, 'MutatingWebhookConfiguration').webhooks
      expect(webhook.clientConfig.caBundle).toBe(Buffer.from('PEM').toString('base64'))
      expect(refusal({ injection: { mode: 'webhook' }, injector: { certs: { mode: 'existing' } } })).toContain(
        'injector.certs.existingSecret: name the Secret',
      )
    })

    test('restarts when the sidecar changes, and has no budget of disruption when it is alone', () => {
      const sum = (values: object) =>
        the(withMode('webhook', values), 'Deployment').spec.template.metadata.annotations['checksum/sidecar']
      expect(sum({})).toBe(sum({}))
      expect(sum({})).not.toBe(sum({ backends: [cache] }))
      expect(namesOf(withMode('webhook', { injector: { replicas: 1 } }))).not.toContain(
        'PodDisruptionBudget rusteze-injector',
      )
    })
  })

  test('every object has the labels of all charts, and commonLabels', () => {
    for (const mode of ['policy', 'webhook']) {
      for (const { kind, metadata } of withMode(mode, everything)) {
        expect({ kind, labels: metadata.labels }).toMatchObject({
          kind,
          labels: {
            'app.kubernetes.io/name': 'rusteze',
            'app.kubernetes.io/instance': 'rusteze',
            'app.kubernetes.io/managed-by': 'Helm',
            team: 'storage',
          },
        })
      }
    }
  })

  test('names follow the release, nameOverride and fullnameOverride', () => {
    const name = (values: object, release: string) =>
      the(render({ values: { injection: { mode: 'policy' }, ...values }, release }), 'MutatingAdmissionPolicy').metadata
        .name
    expect(name({}, 'my-rusteze')).toBe('my-rusteze')
    expect(name({}, 'edge')).toBe('edge-rusteze')
    expect(name({ nameOverride: 'redis' }, 'edge')).toBe('edge-redis')
    expect(name({ fullnameOverride: 'proxy' }, 'edge')).toBe('proxy')
  })

  test('monitoring finds the port of sidecars by its name, in all namespaces', () => {
    const objects = withMode('policy', everything)
    expect(the(objects, 'PodMonitor').spec).toMatchObject({
      namespaceSelector: { any: true },
      podMetricsEndpoints: [{ port: 'rusteze-admin', path: '/metrics' }],
    })
    const alerts = (mode: string) =>
      the(withMode(mode, everything), 'PrometheusRule').spec.groups[0].rules.map(({ alert }: Tree) => alert)
    expect(alerts('policy')).toEqual(['RustezeSidecarDown', 'RustezeSidecarRestarts', 'RustezePodsDenied'])
    expect(alerts('webhook')).toContain('RustezeInjectorUnreachable')
  })

  test('extraObjects are rendered, as maps and as text', () => {
    const metadata = { name: '{{ .Release.Name }}-more' }
    const extraObjects = [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata },
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Namespace }}-text"}',
    ]
    expect(namesOf(withMode('none', { extraObjects }))).toEqual(
      ['ConfigMap platform-text', 'ConfigMap rusteze-more', ...guardKinds].sort(),
    )
  })

  test('a policy that the API server would not take is refused, with the way out', () => {
    const backends = Array.from({ length: 200 }, (_, index) => ({ ...cache, name: `cache-${index}` }))
    expect(refusal({ injection: { mode: 'policy' }, backends })).toContain(
      '200 backends are too many for injection.mode policy',
    )
    expect(Object.keys(injection({ backends }).backends)).toHaveLength(201)
  })

  test('its notes say what to do next, and who may watch what', () => {
    // Only what is installed has notes; a dry run of the client asks no cluster.
    const { stdout } = helm(
      ['install', 'rusteze', 'charts/rusteze', '--dry-run=client', '--namespace', 'platform', '--values', '-'],
      JSON.stringify({ ...everything, injection: { mode: 'webhook' } }),
    )
    const notes = stdout.slice(stdout.indexOf('NOTES:'))
    expect(notes).toContain('rusteze.io/inject: enabled')
    expect(notes).toContain('rollout status deployment/rusteze-injector')
    expect(notes).toContain('may be watched by: pods in shop; pods in mail; others find the servers by DNS')
    expect(notes).toContain('mounts the Secrets redis-login, redis-tls from ITS OWN namespace')
  })

  describe('values that are no good are refused', () => {
    test.each([
      ['an unknown value', { injektion: {} }, /additional properties 'injektion' not allowed/],
      ['an unknown value of the sidecar', { sidecar: { imag: {} } }, /additional properties 'imag' not allowed/],
      ['an unknown mode', { injection: { mode: 'magic' } }, /value must be one of 'auto'/],
      ['an unknown setting', { sidecar: { settings: { hodl: '5s' } } }, /additional properties 'hodl' not allowed/],
      ['a setting that is no string', { sidecar: { settings: { pools: 8 } } }, /got number, want string/],
      ['the admin port as a setting', { sidecar: { settings: { admin: '[::]:1' } } }, /'admin' not allowed/],
      ['a setting as a variable', { sidecar: { extraEnv: [{ name: 'RUSTEZE_HOLD', value: '1s' }] } }, /'not' failed/],
      ['a backend without servers', { backends: [{ name: 'a' }] }, /missing properties 'service', 'namespace'/],
      ['a Service without namespace', { backends: [{ name: 'a', service: 'b' }] }, /missing property 'namespace'/],
      [
        'servers for all sidecars',
        { sidecar: { settings: { service: 'data/redis' } } },
        /at '\/sidecar\/settings': 'not' failed/,
      ],
      [
        'a backend with two kinds of servers',
        { backends: [{ ...cache, settings: { backends: 'redis:6379' } }] },
        /at '\/backends\/0\/settings': 'not' failed/,
      ],
      ['half a certificate', { backends: [{ ...cache, tls: { secret: 's', certKey: 'c' } }] }, /'keyKey' required/],
      ['a digest that is none', { sidecar: { image: { digest: 'sha256:1' } } }, /does not match pattern/],
    ])('%s', (_, values, words) => {
      expect(refusal(values)).toMatch(words)
    })
  })
})
