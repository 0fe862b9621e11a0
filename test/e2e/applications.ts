// The applications under test: pods of the writer, as Deployment, Job or alone, and what their logs say.

import { expect } from 'vitest'
import type { Tree } from '../chart/helm.ts'
import { logOf, podsOf, until } from './cluster.ts'
import { applicationImage } from './images.ts'

export type Application = {
  readonly name: string
  readonly namespace: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
}

/** What the writer counts; see writer.ts. */
export type Books = {
  readonly rounds: number
  readonly errors: number
  readonly lost: number
  readonly doubled: number
  readonly misread: number
  readonly longestGapMs: number
}

/** An application in a Deployment. */
export function deployment({ replicas = 1, ...application }: Application & { readonly replicas?: number }): object {
  const { name, namespace } = application
  const { metadata, spec } = podTemplate(application)
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata, spec } },
  }
}

/** An application that writes so many rounds and ends. */
export function job({ rounds, ...application }: Application & { readonly rounds: number }): object {
  const { name, namespace } = application
  const { metadata, spec } = podTemplate({ ...application, env: { ...application.env, ROUNDS: String(rounds) } })
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace },
    spec: { backoffLimit: 0, template: { metadata, spec: { ...spec, restartPolicy: 'Never' } } },
  }
}

/** An application in a pod of its own. */
export function pod({ finalizers = [], ...application }: Application & { readonly finalizers?: string[] }): Tree {
  const { name, namespace } = application
  const { metadata, spec } = podTemplate(application)
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name, namespace, finalizers }, spec }
}

function podTemplate({ name, annotations = {}, env = {} }: Application): Tree {
  return {
    metadata: { labels: { app: name, 'rusteze.io/inject': 'enabled' }, annotations },
    spec: {
      containers: [
        {
          name: 'writer',
          image: applicationImage,
          imagePullPolicy: 'IfNotPresent',
          env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
          resources: { requests: { cpu: '10m', memory: '48Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            readOnlyRootFilesystem: true,
          },
        },
      ],
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    },
  }
}

/** The lines of a log of JSON. */
export function linesOf(log: string): Tree[] {
  return log.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

/** The newest of the writer's books; undefined before the first. */
export function booksOf(log: string): Books | undefined {
  return linesOf(log).findLast(({ event }) => event === 'progress' || event === 'summary')
}

/** The one pod of an application. */
export async function onePod(namespace: string, app: string): Promise<Tree> {
  const pods = await podsOf(namespace, app)
  if (pods.length !== 1) throw new Error(`${app} has ${pods.length} pods, not one`)
  return pods[0]
}

/** Waits until the writer has done some more rounds. @returns its books, which show no fault. */
export async function worksOn(namespace: string, pod: string, rounds = 50): Promise<Books> {
  const before = booksOf(await logOf(namespace, pod, 'writer').catch(() => ''))?.rounds ?? 0
  const what = `${pod} has written ${rounds} rounds more than ${before}`
  const log = await until(what, async () => {
    const text = await logOf(namespace, pod, 'writer')
    return (booksOf(text)?.rounds ?? 0) >= before + rounds ? text : undefined
  })
  return expectFaultless(log)
}

/** Fails if the writer met an error, a write that was lost or ran twice, or a value that was not its own. */
export function expectFaultless(log: string): Books {
  const isFault = ({ event }: Tree) => ['error', 'misread', 'wrong count'].includes(event)
  expect(linesOf(log).filter(isFault)).toEqual([])
  const books = booksOf(log)
  expect(books).toMatchObject({ errors: 0, lost: 0, doubled: 0, misread: 0 })
  return books!
}

/** How the sidecar of a pod is. */
export function sidecarOf(status: Tree): Tree {
  return status.initContainerStatuses.find(({ name }: Tree) => name === 'rusteze')
}
