// The charts as helm renders them: which objects there are, and what all of them have.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { generatedTemplates, settingKey } from '../../scripts/chart-settings.ts'
import { settings } from '../../src/config.ts'
import { cache, everything, guardKinds, injection, refusal, withMode } from './fixtures.ts'
import { hasHelm, helm, namesOf, render, renderText, type Tree, the } from './helm.ts'

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
const testKinds = ['Pod rusteze-test']

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
    expect(notes).toContain('exec POD --container rusteze -- /nodejs/bin/node /app/rusteze.mjs doctor')
    expect(notes).toContain('may be watched by: pods in shop; pods in mail; others find the servers by DNS')
    expect(notes).toContain('mounts the Secrets redis-login, redis-tls from ITS OWN namespace')
  })

  test('docs/injection.md tells of every annotation, and of every field that the webhook reads', () => {
    const text = readFileSync('docs/injection.md', 'utf8')
    const { reservedAnnotations, ...fields } = injection()
    for (const annotation of reservedAnnotations) expect(text).toMatch(new RegExp(`\`(rusteze\\.io/)?${annotation}\``))
    for (const field of [...Object.keys(fields), 'reservedAnnotations']) expect(text).toContain(`| \`${field}\` |`)
  })
})
