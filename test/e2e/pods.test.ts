// What pods of applications need: their sidecar starts before them, ends after them, and finds its servers whatever the namespace allows.

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { deployment, expectFaultless, job, linesOf, onePod, pod, sidecarOf, worksOn } from './applications.ts'
import {
  apply,
  createNamespace,
  deleteApplications,
  deleteNamespaces,
  logOf,
  podNamed,
  podsOf,
  refusal,
  rolledOut,
  until,
  waitFor,
} from './cluster.ts'
import { install, uninstall } from './installation.ts'
import { ask, primary } from './servers.ts'
import { kubectl } from './tools.ts'

describe.skipIf(inject('missing') !== '')('pods', () => {
  beforeAll(async () => {
    await Promise.all(['stranger', 'linked'].map(createNamespace))
    await install('--set', 'injection.mode=policy')
  })

  afterAll(async () => {
    await deleteApplications('shop')
    await deleteNamespaces('stranger', 'linked')
    await uninstall()
  })

  test.concurrent('of the examples run: a Job completes, a CronJob is accepted', async () => {
    await kubectl('apply', '--filename', 'examples/jobs.yaml')
    await waitFor('shop', 'job/import', 'condition=complete')
    expect((await ask(await primary(), 'GET', 'imported')).trim()).toBe('1')
  })

  test.concurrent('of a Job end with it', async () => {
    await apply(job({ name: 'batch', namespace: 'shop', rounds: 30 }))
    await waitFor('shop', 'job/batch', 'condition=complete')
    const { status } = await onePod('shop', 'batch')
    expect(status.phase).toBe('Succeeded')
    expect(sidecarOf(status).state.terminated).toMatchObject({ exitCode: 0 })
  })

  test.concurrent('end in order: first the application, which works until its end, then the sidecar with exit code 0', async () => {
    const leaving = { name: 'leaving', namespace: 'shop', env: { LINGER_MS: '3000' } }
    // Held back by a finalizer, so that its last state can be read.
    await apply(pod({ ...leaving, finalizers: ['rusteze.io/end-to-end'] }))
    await worksOn('shop', 'leaving')
    // Followed from now on, since the log goes with the container.
    const following = kubectl('--namespace', 'shop', 'logs', 'leaving', '--container', 'writer', '--follow')
    await kubectl('--namespace', 'shop', 'delete', 'pod', 'leaving', '--wait=false')
    const status = await until('both containers have ended', async () => {
      const { status } = await podNamed('shop', 'leaving')
      return sidecarOf(status).state.terminated && status.containerStatuses[0].state.terminated && status
    })
    const log = await following
    await kubectl('--namespace', 'shop', 'patch', 'pod', 'leaving', '-p', '{"metadata":{"finalizers":null}}')

    const application = status.containerStatuses[0].state.terminated
    const sidecar = sidecarOf(status).state.terminated
    expect({ application: application.exitCode, sidecar: sidecar.exitCode }).toEqual({ application: 0, sidecar: 0 })
    expect(Date.parse(sidecar.finishedAt)).toBeGreaterThanOrEqual(Date.parse(application.finishedAt))
    expectFaultless(log)
    const [told] = linesOf(log).filter(({ event }) => event === 'told to end')
    const later = linesOf(log).filter(({ event, time }) => event === 'progress' && time > told.time)
    expect(later.at(-1).rounds).toBeGreaterThan(later.at(0).rounds)
  })

  test.concurrent('come again, and come in numbers: one that is deleted is replaced, and all of twenty work', async () => {
    const crowd = { name: 'crowd', namespace: 'shop', env: { WRITERS: '1', PAUSE_MS: '500' } }
    await apply(deployment(crowd))
    await rolledOut('shop', 'deployment/crowd')
    const { metadata } = await onePod('shop', 'crowd')
    await kubectl('--namespace', 'shop', 'delete', 'pod', metadata.name)
    await rolledOut('shop', 'deployment/crowd')
    await worksOn('shop', (await onePod('shop', 'crowd')).metadata.name, 5)
    await kubectl('--namespace', 'shop', 'scale', 'deployment/crowd', '--replicas=20')
    await rolledOut('shop', 'deployment/crowd')
    const pods = await podsOf('shop', 'crowd')
    expect(pods).toHaveLength(20)
    await Promise.all(pods.map(({ metadata }) => worksOn('shop', metadata.name, 5)))
    await kubectl('--namespace', 'shop', 'delete', 'deployment/crowd', '--wait=false')
  })

  test.concurrent('of a namespace that enforces `restricted` are accepted', async () => {
    const permitted = pod({ name: 'permitted', namespace: 'shop' })
    const { securityContext, ...container } = permitted.spec.containers[0]
    const forbidden = { ...permitted, spec: { ...permitted.spec, containers: [container] } }
    expect(await refusal(forbidden)).toContain('violates PodSecurity "restricted:latest"')
    expect(await refusal(forbidden)).not.toContain('"rusteze"')
    await apply(permitted)
    await worksOn('shop', 'permitted', 10)
  })

  test.concurrent('that may not watch the Service find the servers by DNS, and the log says what to create', async () => {
    await apply(pod({ name: 'stranger', namespace: 'stranger' }))
    await worksOn('stranger', 'stranger')
    const log = await logOf('stranger', 'stranger', 'rusteze')
    expect(log).toContain('kubectl -n data create role rusteze-discovery')
    expect(log).toContain('--group=system:serviceaccounts:stranger')
    expect(linesOf(log).find(({ message }) => message === 'servers of the Service changed')).toMatchObject({
      source: 'DNS',
      count: 3,
    })
  })

  test.concurrent('are not confused by a Service called `rusteze` in their namespace', async () => {
    const ports = [{ port: 6380 }]
    await apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'rusteze', namespace: 'linked' },
      spec: { ports },
    })
    // The kubelet hears of the Service a little later than the API server.
    const container = await until('a pod is told of the Service', async () => {
      await apply(pod({ name: 'linked', namespace: 'linked' }))
      await worksOn('linked', 'linked', 10)
      const env = ['exec', 'linked', '--', '/nodejs/bin/node', '-p', 'process.env.RUSTEZE_PORT']
      const told = await kubectl('--namespace', 'linked', ...env)
      if (told.startsWith('tcp://')) return sidecarOf((await podNamed('linked', 'linked')).status)
      await kubectl('--namespace', 'linked', 'delete', 'pod', 'linked')
      return undefined
    })
    expect(container.restartCount).toBe(0)
    await worksOn('linked', 'linked', 10)
  })

  test.concurrent('may have a unix socket, and the address in variables', async () => {
    const annotations = {
      'rusteze.io/unix-socket': 'writer',
      'rusteze.io/inject-env': 'writer',
      'rusteze.io/listen': '127.0.0.1:7000',
    }
    const env = { REDIS_URL: '/var/run/rusteze/redis.sock' }
    await apply(
      pod({ name: 'socket', namespace: 'shop', annotations, env }),
      pod({ name: 'variables', namespace: 'shop', annotations }),
    )
    await worksOn('shop', 'socket')
    await worksOn('shop', 'variables')
    const { spec } = await podNamed('shop', 'variables')
    expect(spec.containers[0].env).toContainEqual({ name: 'REDIS_URL', value: 'redis://127.0.0.1:7000' })
  })
})
