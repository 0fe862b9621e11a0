// What the annotations of a pod do, in a real API server.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasKubernetes } from '../support/kubernetes-api-server.ts'
import { ChartCluster, type Pod } from './cluster.ts'
import { hasHelm } from './helm.ts'
import { environmentOf, namesIn, ours, policyValues, sidecarOf } from './pods.ts'

describe.skipIf(!hasHelm || !hasKubernetes)(
  'a pod with annotations (skipped without helm and KUBEBUILDER_ASSETS)',
  () => {
    const cluster = new ChartCluster()
    const admit = (pod: Pod = {}) => cluster.admit(pod)
    const annotated = (annotations: Readonly<Record<string, string>>, spec: object = {}) =>
      admit({ annotations: ours(annotations), spec })

    beforeAll(async () => {
      await cluster.start()
      await cluster.install(policyValues)
    }, 90_000)
    afterAll(() => cluster.stop())

    test('has its own settings, each once, before those of backend and chart', async () => {
      const environment = environmentOf(
        sidecarOf(
          await annotated({
            backend: 'sessions',
            'read-from': 'prefer-replica',
            pools: '4',
            zone: 'a',
            listen: '127.0.0.1:7000',
            'output-hard': '1mb',
          }),
        ),
      )
      expect(environment).toMatchObject({
        RUSTEZE_SERVICE: 'data/sessions',
        RUSTEZE_BACKEND_TLS: 'on',
        RUSTEZE_BACKEND_TLS_CA_FILE: '/etc/rusteze/backend/ca.pem',
        RUSTEZE_READ_FROM: 'prefer-replica',
        RUSTEZE_POOLS: '4',
        RUSTEZE_HOLD: '7s',
        RUSTEZE_ZONE: 'a',
        RUSTEZE_LISTEN: '127.0.0.1:7000',
        RUSTEZE_OUTPUT_HARD: '1mb',
      })
      const pod = await annotated({ hold: '1s', zone: 'a' })
      const names = namesIn(sidecarOf(pod).env)
      expect(names).toEqual([...new Set(names)])
    })

    test('that names its servers gets nothing of the default backend', async () => {
      for (const [key, value] of [
        ['service', 'other/redis'],
        ['backends', 'redis.example:6379'],
      ] as const) {
        const pod = await annotated({ [key]: value })
        expect(environmentOf(sidecarOf(pod))).not.toHaveProperty('RUSTEZE_BACKEND_PASSWORD_FILE')
        expect(namesIn(pod.spec.volumes)).toEqual(['rusteze-token'])
      }
      const both = await annotated({ service: 'other/redis', backend: 'cache' })
      expect(environmentOf(sidecarOf(both))).toMatchObject({
        RUSTEZE_SERVICE: 'other/redis',
        RUSTEZE_BACKEND_PASSWORD_FILE: '/etc/rusteze/backend/password',
      })
    })

    test('has its own resources', async () => {
      const pod = await annotated({ 'cpu-request': '100m', 'cpu-limit': '1', 'memory-limit': '256Mi' })
      expect(sidecarOf(pod).resources).toEqual({
        requests: { cpu: '100m', memory: '64Mi', 'ephemeral-storage': '1Gi' },
        limits: { cpu: '1', memory: '256Mi', 'ephemeral-storage': '1Gi' },
      })
    })

    test('shares a unix socket with the containers that it names', async () => {
      const pod = await annotated(
        { 'unix-socket': 'app, migrate' },
        {
          initContainers: [{ name: 'migrate', image: 'i' }],
          containers: [
            { name: 'web', image: 'i' },
            { name: 'app', image: 'i', volumeMounts: [{ name: 'own', mountPath: '/own' }] },
          ],
          volumes: [{ name: 'own', emptyDir: {} }],
        },
      )
      const socket = { name: 'rusteze-socket', mountPath: '/var/run/rusteze' }
      const [rusteze, migrate] = pod.spec.initContainers
      const [web, app] = pod.spec.containers
      expect(environmentOf(rusteze).RUSTEZE_LISTEN).toBe('127.0.0.1:6380,unix:/var/run/rusteze/redis.sock')
      expect(rusteze.volumeMounts).toContainEqual(socket)
      expect(migrate.volumeMounts).toEqual([socket])
      expect(app.volumeMounts).toEqual([{ name: 'own', mountPath: '/own' }, socket])
      expect(web).not.toHaveProperty('volumeMounts')
      expect(pod.spec.volumes.at(-1)).toEqual({ name: 'rusteze-socket', emptyDir: { sizeLimit: '1Mi' } })
    })

    test('tells the containers that it names where Redis is, before their own variables, and changes none of these', async () => {
      const own = [
        { name: 'REDIS_PORT', value: '1' },
        { name: 'URL', value: '$(REDIS_HOST)' },
      ]
      const pod = await annotated(
        { 'inject-env': 'app,job', listen: 'unix:/x, [::1]:7000,127.0.0.1:7001' },
        {
          containers: [
            { name: 'app', image: 'i', env: own },
            { name: 'job', image: 'i' },
            { name: 'web', image: 'i' },
          ],
        },
      )
      const [app, job, web] = pod.spec.containers
      expect(app.env).toEqual([
        { name: 'REDIS_HOST', value: '127.0.0.1' },
        { name: 'REDIS_URL', value: 'redis://127.0.0.1:7000' },
        ...own,
      ])
      expect(job.env).toEqual([
        { name: 'REDIS_HOST', value: '127.0.0.1' },
        { name: 'REDIS_PORT', value: '7000' },
        { name: 'REDIS_URL', value: 'redis://127.0.0.1:7000' },
      ])
      expect(web).not.toHaveProperty('env')
    })
  },
)
