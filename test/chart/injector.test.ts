// The objects of the webhook: its rights and its certificates.

import { describe, expect, test } from 'vitest'
import { cache, refusal, withMode } from './fixtures.ts'
import { hasHelm, namesOf, type Tree, the } from './helm.ts'

describe.skipIf(!hasHelm)('the injector (skipped without helm on the PATH)', () => {
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
