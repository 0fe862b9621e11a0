// What is read of a pod's files and environment.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clusterDomain, inClusterAccess, ownNamespace, thisPod } from '../../src/discovery/pod.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pod-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const write = (name: string, text: string) => writeFileSync(join(directory, name), text)
const pod = (environment: Readonly<Record<string, string>> = {}) => ({
  ...thisPod,
  environment,
  serviceAccount: directory,
  resolvConf: join(directory, 'resolv.conf'),
})

test.each([
  ['search app.svc.cluster.local svc.cluster.local cluster.local example.com', 'cluster.local'],
  ['nameserver 10.96.0.10\nsearch\tapp.svc.k8s.corp svc.k8s.corp k8s.corp\noptions ndots:5', 'k8s.corp'],
  ['search svc.only', 'only'],
  ['# search svc.commented\nsearch example.com', 'cluster.local'],
  ['nameserver 10.0.0.1', 'cluster.local'],
])('the domain of the cluster by %j is %s', (text, domain) => {
  write('resolv.conf', text)
  expect(clusterDomain(pod())).toBe(domain)
})

test('without files there is no namespace, and the usual domain', () => {
  expect(ownNamespace(pod())).toBeUndefined()
  expect(clusterDomain({ ...pod(), resolvConf: join(directory, 'none') })).toBe('cluster.local')
})

test('credentials are read anew each time, and a missing file is an error of that time only', async () => {
  const access = inClusterAccess(pod({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }))!
  await expect(access()).rejects.toThrow('ENOENT')
  write('ca.crt', 'the authority')
  write('token', 'one\n')
  expect(await access()).toMatchObject({
    server: 'https://[fd00::1]:443',
    options: { ca: Buffer.from('the authority'), headers: { authorization: 'Bearer one' } },
  })
  write('token', 'two')
  expect((await access()).options.headers).toEqual({ authorization: 'Bearer two' })
  expect(inClusterAccess(pod())).toBeUndefined()
})
