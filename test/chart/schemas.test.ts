// All that the charts make, against the schemas of all versions of Kubernetes that they are for.

import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import { describe, expect, test } from 'vitest'
import { hasHelm, renderText } from './helm.ts'

const hasValidator = spawnSync('kubernetes-validate', ['--version']).status === 0
const versions = ['1.29', '1.30', '1.31', '1.32', '1.33', '1.34', '1.35', '1.36', '1.37']

/** Where plain manifests have kinds that came later. */
const since: Readonly<Record<string, string>> = { 'deploy/policy.yaml': '1.36', 'deploy/webhook.yaml': '1.30' }

const everything = {
  backends: [
    {
      ...{ name: 'cache', namespace: 'data', service: 'redis', clientNamespaces: ['shop'] },
      ...{ authSecret: { name: 'redis-login', usernameKey: 'user' }, tls: { secret: 'redis-tls' } },
    },
  ],
  injector: { networkPolicy: { enabled: true }, hostNetwork: true, priorityClassName: 'system-cluster-critical' },
  sidecar: { imagePullSecrets: ['registry'] },
}

/** What is wrong with these objects in this version; a kind without a schema is wrong as well. */
function mistakes(yaml: string, version: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'rusteze-schemas-'))
  try {
    const path = join(directory, 'objects.yaml')
    writeFileSync(path, yaml)
    const args = ['--kubernetes-version', version, '--strict', path]
    const { stdout, stderr } = spawnSync('kubernetes-validate', args, { encoding: 'utf8' })
    const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '')
    const good = lines.filter((line) => line.startsWith('INFO'))
    const bad = lines.filter((line) => !line.startsWith('INFO'))
    const objects = loadAll(yaml).filter((each) => each !== null && each !== undefined).length
    return bad.length === 0 && good.length !== objects ? [`${good.length} of ${objects} objects were checked`] : bad
  } finally {
    rmSync(directory, { recursive: true })
  }
}

describe.skipIf(!hasHelm || !hasValidator)('schemas (skipped without helm and kubernetes-validate on the PATH)', () => {
  test('the check finds what it should', () => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: no}]}\n'
    expect(mistakes(service, '1.29')).toEqual([expect.stringContaining('did not validate')])
    const policy = 'apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\nmetadata: {name: x}\n'
    expect(mistakes(policy, '1.35')).toEqual([expect.stringContaining("Couldn't find schema")])
  })

  test.each(versions)('of Kubernetes %s fit all modes that it can run, and the examples', (version) => {
    const modes = version >= '1.36' ? ['policy', 'webhook', 'none'] : ['webhook', 'none']
    const charts = modes.map((mode) =>
      renderText({ values: { ...everything, injection: { mode } }, kubeVersion: `${version}.0` }),
    )
    const files = globSync('{examples,deploy}/*.yaml').filter((path) => version >= (since[path] ?? '1.29'))
    const examples = files.map((path) => readFileSync(path, 'utf8'))
    const all = [...charts, renderText({ chart: 'examples/own-chart' }), ...examples]
    expect(mistakes(all.join('\n---\n'), version)).toEqual([])
  })
})
