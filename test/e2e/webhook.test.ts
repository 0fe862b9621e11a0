// The chart in mode webhook: the injector makes its own certificate or is given one, is replaced without a gap, and is missed when it is gone.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { deployment, onePod, pod, sidecarOf, worksOn } from './applications.ts'
import { apply, createNamespace, deleteApplications, refusal, rolledOut, until } from './cluster.ts'
import { expectNothingBesides, injects, install, labelledPod, objects, uninstall, upgrade } from './installation.ts'
import { kubectl, run } from './tools.ts'

describe.skipIf(inject('missing') !== '')('in mode webhook', () => {
  let before: ReadonlySet<string>

  beforeEach(async () => {
    before = await objects('shop')
  })

  afterEach(async () => {
    await deleteApplications('shop')
  })

  test('with a certificate of its own: injects, is upgraded without a gap, is missed when gone, leaves nothing', async () => {
    await install('--set', 'injection.mode=webhook')
    await apply(deployment({ name: 'hooked', namespace: 'shop' }))
    await rolledOut('shop', 'deployment/hooked')
    const { metadata } = await onePod('shop', 'hooked')
    await worksOn('shop', metadata.name)

    let isUpgraded = false
    const asking = (async () => {
      let asked = 0
      for (; !isUpgraded; asked += 1) expect((await labelledPod()).spec.initContainers).toHaveLength(1)
      return asked
    })()
    await Promise.all([asking, upgradeAll().finally(() => (isUpgraded = true))])
    expect(await asking).toBeGreaterThan(5)
    expect(JSON.stringify(await labelledPod())).toContain('"7s"')
    const kept = await onePod('shop', 'hooked')
    expect(kept.metadata.uid).toBe(metadata.uid)
    expect(sidecarOf(kept.status).restartCount).toBe(0)
    await worksOn('shop', metadata.name)

    const denied = pod({ name: 'denied', namespace: 'shop' })
    await kubectl('--namespace', 'rusteze', 'scale', 'deployment/rusteze-injector', '--replicas=0')
    expect(await until('the pod is denied', () => refusal(denied))).toContain(
      'failed calling webhook "inject.rusteze.io"',
    )
    await kubectl('delete', 'mutatingwebhookconfiguration', 'rusteze')
    const guarded = 'the label rusteze.io/inject asks for the Redis sidecar, but the pod did not get it'
    await until('the guard denies the pod', async () => (await refusal(denied)).includes(guarded))
    await upgrade()
    await injects()

    await uninstall()
    await expectNothingBesides(before, 'shop')
  })

  test('with a certificate that it is given', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rusteze-e2e-'))
    const path = (name: string) => join(directory, name)
    try {
      const subject = ['-subj', '/CN=injector', '-addext', 'subjectAltName=DNS:rusteze-injector.rusteze.svc']
      const files = ['-keyout', path('tls.key'), '-out', path('tls.crt')]
      await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files])
      await createNamespace('rusteze')
      const given = ['tls', 'given', `--cert=${path('tls.crt')}`, `--key=${path('tls.key')}`]
      await kubectl('--namespace', 'rusteze', 'create', 'secret', ...given)
      const certs = ['injector.certs.mode=existing', 'injector.certs.existingSecret=given']
      const caBundle = ['--set-file', `injector.certs.caBundle=${path('tls.crt')}`]
      await install('--set', ['injection.mode=webhook', ...certs].join(), ...caBundle)
      await apply(pod({ name: 'given', namespace: 'shop' }))
      await worksOn('shop', 'given')
      await uninstall('Secret rusteze given')
      await expectNothingBesides(before, 'shop')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

/** Changes a setting, and waits until only injectors that know it answer. */
async function upgradeAll(): Promise<void> {
  await upgrade('--set', 'sidecar.settings.hold=7s')
  await rolledOut('rusteze', 'deployment/rusteze-injector')
  await until('the former injectors are gone', async () => {
    const pods = ['get', 'pods', '--selector=app.kubernetes.io/component=injector', '--output=name']
    return (await kubectl('--namespace', 'rusteze', ...pods)).trim().split('\n').length === 2
  })
}
