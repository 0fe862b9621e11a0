// The chart as README installs it: a policy of the API server puts sidecars into pods; upgraded and uninstalled, it leaves pods and cluster alone.

import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Tree } from '../chart/helm.ts'
import { deployment, onePod, pod, sidecarOf, worksOn } from './applications.ts'
import { apply, deleteApplications, podsOf, refusal, rolledOut, until } from './cluster.ts'
import { expectNothingBesides, injects, labelledPod, objects, upgrade } from './installation.ts'
import { ask, primary } from './servers.ts'
import { kubectl, shell } from './tools.ts'

/** The lines that README tells to type under a heading. */
function readmeCommands(heading: string): string[] {
  const section = readFileSync('README.md', 'utf8')
    .split(/^## /m)
    .find((each) => each.startsWith(`${heading}\n`))
  return [...(section ?? '').matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!)
}

describe.skipIf(inject('missing') !== '')('in mode policy', () => {
  let before: ReadonlySet<string>
  const [installs = '', joins = '', uninstalls = ''] = readmeCommands('Install with Helm')

  beforeAll(async () => {
    before = await objects('shop')
  })

  afterAll(async () => {
    await deleteApplications('shop')
  })

  test('README: the chart is installed, and a Deployment gets its sidecar by one label', async () => {
    const shop = load(readFileSync('examples/application.yaml', 'utf8')) as Tree
    delete shop.spec.template.metadata.labels['rusteze.io/inject']
    await apply(shop)
    await shell(installs)
    await injects()
    await shell(joins)
    await rolledOut('shop', 'deployment/shop')
    for (const { spec, metadata } of await podsOf('shop', 'shop')) {
      expect(spec.initContainers.map(({ name }: Tree) => name)).toEqual(['rusteze'])
      expect(metadata.labels).toHaveProperty(['rusteze.io/injected'])
    }
    await until('it counts its visits', async () => Number(await ask(await primary(), 'GET', 'visits')) > 2)
  })

  test('helm test passes', async () => {
    await shell('helm test rusteze --namespace rusteze --logs')
  })

  test('helm upgrade: pods keep running, new ones have the new settings', async () => {
    await apply(deployment({ name: 'kept', namespace: 'shop' }))
    await rolledOut('shop', 'deployment/kept')
    const old = await onePod('shop', 'kept')
    await worksOn('shop', old.metadata.name)
    await upgrade('--set', 'sidecar.settings.hold=7s')
    await until('new pods have the new settings', async () => {
      return JSON.stringify(await labelledPod()).includes('"7s"')
    })
    await worksOn('shop', old.metadata.name)
    const { metadata, status } = await onePod('shop', 'kept')
    expect(metadata.uid).toBe(old.metadata.uid)
    expect(sidecarOf(status).restartCount).toBe(0)
    await kubectl('--namespace', 'shop', 'rollout', 'restart', 'deployment/kept')
    await rolledOut('shop', 'deployment/kept')
    const replacement = await until('the old pod is gone', () => onePod('shop', 'kept'))
    expect(replacement.spec.initContainers[0].env).toContainEqual({ name: 'RUSTEZE_HOLD', value: '7s' })
    await worksOn('shop', replacement.metadata.name)
  })

  test('without the binding of the policy a pod is denied, and told why', async () => {
    const labelled = pod({ name: 'denied', namespace: 'shop' })
    await kubectl('delete', 'mutatingadmissionpolicybinding', 'rusteze')
    expect(await until('the pod is denied', () => refusal(labelled))).toContain(
      'the label rusteze.io/inject asks for the Redis sidecar, but the pod did not get it',
    )
    await upgrade()
    await injects()
  })

  test('helm uninstall leaves nothing behind', async () => {
    await shell(uninstalls)
    await expectNothingBesides(before, 'shop')
    const { spec } = await labelledPod()
    expect(spec).not.toHaveProperty('initContainers')
  })
})
