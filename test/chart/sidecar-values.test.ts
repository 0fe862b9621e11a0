// What values make of the sidecar and of backends, and which values are refused.

import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { settingKey } from '../../scripts/chart-settings.ts'
import { settings } from '../../src/config.ts'
import { cache, guardKinds, injection, refusal, withMode } from './fixtures.ts'
import { hasHelm, namesOf, type Tree, the } from './helm.ts'

describe.skipIf(!hasHelm)('values (skipped without helm on the PATH)', () => {
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
