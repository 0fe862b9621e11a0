// What the injector makes of a pod, rule by rule of docs/injection.md.
import { describe, expect, test } from 'vitest'
import { answerTo } from '../../src/injector/admission-review.ts'
import type { Operation } from '../../src/injector/inject.ts'
import type { Pod } from '../../src/injector/pod.ts'
import type { SidecarDefinition } from '../../src/injector/sidecar-definition.ts'
import { applyPatch } from '../support/apply-patch.ts'
import { sidecarDefinition } from '../support/sidecar-definition.ts'

interface Response {
  readonly allowed: boolean
  readonly status?: { readonly message: string }
  readonly warnings?: readonly string[]
  readonly auditAnnotations?: Readonly<Record<string, string>>
  readonly patch?: string
}

function podWith(annotations: Readonly<Record<string, string>> = {}, spec: object = {}, labels?: object): Pod {
  const named = Object.entries(annotations).map(([key, value]) => [`rusteze.io/${key}`, value])
  return {
    metadata: {
      labels: { 'rusteze.io/inject': 'enabled', ...labels },
      ...(named.length > 0 && { annotations: Object.fromEntries(named) }),
    },
    spec: { containers: [{ name: 'app' }], ...spec },
  }
}

function ask(pod: unknown, definition = sidecarDefinition, request: object = {}): Response {
  const { review } = answerTo(
    {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'u',
        operation: 'CREATE',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        object: pod,
        ...request,
      },
    },
    definition,
  )
  expect(review).toMatchObject({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: 'u' } })
  return (review as { response: Response }).response
}

function injected(pod: Pod, definition = sidecarDefinition): Pod {
  const { allowed, patch, status } = ask(pod, definition)
  expect(allowed, status?.message).toBe(true)
  return applyPatch(pod, JSON.parse(Buffer.from(patch!, 'base64').toString()) as Operation[])
}

function sidecarOf(pod: Pod) {
  return pod.spec.initContainers!.find(({ name }) => name === 'rusteze')!
}

const environmentOf = (pod: Pod) =>
  sidecarOf(pod).env!.map(({ name, value }) => `${name.replace('RUSTEZE_', '')}=${value}`)
const names = (list: readonly unknown[] = []) => list.map((each) => (each as { name: string }).name)

test('1: a pod that has a sidecar, wants none, or is no new pod, stays as it is', () => {
  for (const pod of [
    podWith({}, {}, { 'rusteze.io/inject': 'disabled' }),
    { spec: { containers: [{ name: 'app' }] } },
    podWith({}, { containers: [{ name: 'rusteze', env: [{ name: 'RUSTEZE_SERVICE', value: 'x/y' }] }] }),
    injected(podWith()),
  ])
    expect(ask(pod)).toEqual({ uid: 'u', allowed: true })
  for (const request of [{ operation: 'UPDATE' }, { kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }]) {
    const { allowed, patch, warnings } = ask(podWith(), sidecarDefinition, request)
    expect([allowed, patch, warnings?.length]).toEqual([true, undefined, 1])
  }
})

describe('2: the backend is', () => {
  test.each([
    ['the default one', {}, 'SERVICE=data/redis', ['token', 'login']],
    ['the one that is named', { backend: 'sessions' }, 'SERVICE=data/sessions', ['token']],
    ['none for a pod that names a Service', { service: 'my/redis' }, 'SERVICE=my/redis', ['token']],
    ['none for a pod that names servers', { backends: 'redis:6379' }, 'BACKENDS=redis:6379', ['token']],
    [
      'the named one for a pod that names a Service as well',
      { backend: 'cache', service: 'a/b' },
      'SERVICE=a/b',
      ['token', 'login'],
    ],
  ])('%s', (_, annotations, setting, volumes) => {
    const pod = injected(podWith(annotations))
    expect(environmentOf(pod)).toContain(setting)
    expect(names(pod.spec.volumes)).toEqual(volumes)
  })
})

test('3 and 4: settings of the pod go before those of the backend, in the order of the list, and replace what all have', () => {
  const pod = podWith({ zone: 'a', 'read-from': 'replica', hold: '' })
  expect(environmentOf(injected(pod))).toEqual([
    ...['ADMIN=[::]:9380', 'LISTEN=127.0.0.1:6380', 'SERVICE=data/redis', 'HOLD=', 'READ_FROM=replica', 'ZONE=a'],
  ])
})

test('5, 7 and 10: the unix socket is mounted in the sidecar and where it is asked for', () => {
  const spec = {
    containers: [{ name: 'app', volumeMounts: [{ name: 'own' }] }, { name: 'web' }],
    initContainers: [{ name: 'job' }],
  }
  const pod = injected(podWith({ 'unix-socket': ' job ,app,' }, spec))
  const [app, web] = pod.spec.containers
  expect(environmentOf(pod)).toContain('LISTEN=127.0.0.1:6380,unix:/run/redis.sock')
  expect(names(sidecarOf(pod).volumeMounts)).toEqual(['token', 'login', 'socket'])
  expect(names(app!.volumeMounts)).toEqual(['own', 'socket'])
  expect(names(pod.spec.initContainers![1]!.volumeMounts)).toEqual(['socket'])
  expect(web).toEqual({ name: 'web' })
  expect(names(pod.spec.volumes)).toEqual(['token', 'login', 'socket'])
})

test('6: single resources are replaced, and both maps are there', () => {
  expect(sidecarOf(injected(podWith({ 'cpu-request': '1' })))).toMatchObject({
    resources: { requests: { cpu: '1', memory: '64Mi', storage: '1Gi' }, limits: {} },
  })
})

test('8: the address of Redis comes before the own variables of a container, and changes none', () => {
  const own = [{ name: 'REDIS_PORT', value: '1' }]
  const pod = injected(
    podWith(
      { 'inject-env': 'app,web', listen: 'unix:/x, [::1]:7000' },
      { containers: [{ name: 'app', env: own }, { name: 'web' }] },
    ),
  )
  const address = [
    { name: 'REDIS_HOST', value: '127.0.0.1' },
    { name: 'REDIS_PORT', value: '7000' },
    { name: 'REDIS_URL', value: 'redis://127.0.0.1:7000' },
  ]
  expect(pod.spec.containers.map(({ env }) => env)).toEqual([[address[0], address[2], ...own], address])
})

test('8: without an address of TCP there is nothing to tell, and a warning says so', () => {
  const pod = podWith({ 'inject-env': 'app', listen: 'unix:/x' })
  expect(injected(pod).spec.containers).toEqual([{ name: 'app' }])
  expect(ask(pod).warnings).toEqual([expect.stringContaining('rusteze.io/inject-env has no effect')])
})

test('9: it comes first, but after a mesh', () => {
  const inits = (...list: string[]) => ({ initContainers: list.map((name) => ({ name })) })
  expect(names(injected(podWith({}, inits('a', 'b'))).spec.initContainers)).toEqual(['rusteze', 'a', 'b'])
  expect(names(injected(podWith({}, inits('istio-init', 'a'))).spec.initContainers)).toEqual([
    'istio-init',
    'rusteze',
    'a',
  ])
})

test('11 and 12: pull secrets are added once each, and the pod is marked', () => {
  const pod = injected(podWith({}, { imagePullSecrets: [{ name: 'mirror' }, { name: 'own' }] }))
  expect(names(pod.spec.imagePullSecrets)).toEqual(['mirror', 'own', 'registry'])
  expect(pod.metadata!.labels).toEqual({ 'rusteze.io/inject': 'enabled', 'rusteze.io/injected': '1.2.3' })
})

test('all else stays as it is: numbers beyond the precision of JavaScript are not even looked at', () => {
  const { patch } = ask(podWith({ 'unix-socket': 'app', 'inject-env': 'app' }))
  const operations = JSON.parse(Buffer.from(patch!, 'base64').toString()) as Operation[]
  for (const { path, value } of operations) {
    // Whatever is put in the place of a whole list or map is new and empty.
    if (!/\/(\d+|-|rusteze\.io~1injected)$/.test(path)) expect(value).toEqual([])
  }
})

describe('mistakes', () => {
  test.each<[string, Pod, string]>([
    [
      'unknown annotations',
      podWith({ hodl: '1s', admin: 'x' }),
      'unknown annotations: rusteze.io/admin, rusteze.io/hodl; there is one for each setting of the proxy, such as rusteze.io/hold for RUSTEZE_HOLD, and backend, unix-socket, inject-env, allow-host-network, cpu-request',
    ],
    [
      'containers that do not exist',
      podWith({ 'unix-socket': 'app,api', 'inject-env': 'web' }),
      'rusteze.io/unix-socket or rusteze.io/inject-env name containers that the pod does not have: api, web',
    ],
    [
      'an unknown backend',
      podWith({ backend: 'constructor', service: 'a/b' }),
      'unknown backend "constructor" in rusteze.io/backend; known are: cache, sessions',
    ],
    [
      'an empty backend',
      podWith({ backend: '', service: 'a/b' }),
      'unknown backend "" in rusteze.io/backend; known are: cache, sessions',
    ],
    [
      'two kinds of servers',
      podWith({ backend: 'cache', backends: 'redis:6379' }),
      'the Redis sidecar is given both a Service and addresses: of the annotations rusteze.io/service and rusteze.io/backends, and of a backend of this installation, only one can say where the servers are',
    ],
    [
      'a sidecar of its own without servers',
      podWith({}, { containers: [{ name: 'rusteze' }] }),
      'the Redis sidecar knows no server: name a Service by the annotation rusteze.io/service, such as data/redis, or a backend of this installation by rusteze.io/backend',
    ],
    [
      'the network of the node',
      podWith({}, { hostNetwork: true }),
      'the pod uses the network of its node, where the sidecar would serve everyone on localhost and clash with others of its kind: leave hostNetwork out, or accept that by the annotation rusteze.io/allow-host-network "true"',
    ],
  ])('%s', (_, pod, message) => {
    expect(ask(pod)).toMatchObject({ allowed: false, status: { code: 403, message } })
    const as = (guardAction: SidecarDefinition['guardAction']) => ask(pod, { ...sidecarDefinition, guardAction })
    expect(as('Warn')).toMatchObject({ allowed: true, warnings: [message] })
    expect(as('Audit')).toMatchObject({ allowed: true, auditAnnotations: { mistakes: message } })
  })

  test('all at once', () => {
    const { status } = ask(podWith({ hodl: '1s' }, { hostNetwork: true }))
    expect(status!.message).toMatch(/^unknown annotations: .*; the pod uses the network/)
  })

  test('none: the sidecar may be named like any container, and the node be shared on purpose', () => {
    expect(ask(podWith({ 'inject-env': 'rusteze', 'allow-host-network': 'true' }, { hostNetwork: true })).allowed).toBe(
      true,
    )
  })
})

test('a password where everybody can read it gets a warning', () => {
  for (const annotations of [{ 'backend-password': 'secret' }, { backends: 'redis://:secret@redis:6379' }]) {
    const { allowed, warnings } = ask(podWith(annotations))
    expect(allowed).toBe(true)
    expect(warnings).toEqual([expect.stringContaining('an annotation holds a password')])
    expect(warnings!.join()).not.toContain('secret@')
  }
  expect(ask(podWith({ backends: 'redis://redis:6379' })).warnings).toBeUndefined()
})

test.each<[string, unknown]>([
  ['no object', null],
  ['another version', { apiVersion: 'admission.k8s.io/v1beta1', kind: 'AdmissionReview' }],
  ['no request', { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }],
])('a review that is %s is refused', (_, review) => {
  expect(() => answerTo(review, sidecarDefinition)).toThrow(/is no object|only AdmissionReview/)
})

test.each<[string, unknown]>([
  ['nothing', null],
  ['no spec', {}],
  ['no containers', { spec: {} }],
  ['a container without a name', { spec: { containers: [{}] } }],
  ['a container that is none', { spec: { containers: [null] } }],
  ['labels that are no texts', { metadata: { labels: { a: 1 } }, spec: { containers: [] } }],
  ['an annotation that is no text', { metadata: { annotations: { 'rusteze.io/hold': {} } }, spec: { containers: [] } }],
  ['an env that is no list', { spec: { containers: [{ name: 'app', env: {} }] } }],
  ['a pull secret that is none', { spec: { containers: [], imagePullSecrets: [null] } }],
])('a pod that is or has %s is refused', (_, pod) => {
  expect(() => ask(pod)).toThrow(/is no |holds more than texts|has no name/)
})
