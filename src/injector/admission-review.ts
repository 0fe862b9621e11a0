// AdmissionReview v1: from the API server's question about a pod to the answer.
import { patchFor } from './inject.ts'
import { mistakesIn, odditiesIn } from './mistakes.ts'
import { containersOf, DOMAIN, type Pod, SIDECAR } from './pod.ts'
import { sidecarFor } from './sidecar.ts'
import type { SidecarDefinition } from './sidecar-definition.ts'

/** What became of a pod. */
export const results = ['injected', 'left', 'denied'] as const
export type Result = (typeof results)[number]

interface Request {
  readonly uid: string
  readonly operation: string
  readonly kind: { readonly group: string; readonly kind: string }
  readonly object: unknown
}

export interface Answer {
  readonly result: Result
  /** An AdmissionReview with the response. */
  readonly review: object
}

/** The review makes no sense: whoever sent it is no API server of Kubernetes, or one that we do not know. */
export class BadReview extends Error {}

/** @throws BadReview */
export function answerTo(review: unknown, definition: SidecarDefinition): Answer {
  const request = requestIn(review)
  const { result, ...response } = decide(request, definition)
  return {
    result,
    review: { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: request.uid, ...response } },
  }
}

interface Decision {
  readonly result: Result
  readonly allowed: boolean
  readonly [more: string]: unknown
}

function decide({ kind, operation, object }: Request, definition: SidecarDefinition): Decision {
  if (kind.group !== '' || kind.kind !== 'Pod' || operation !== 'CREATE') {
    const warnings = [
      `rusteze was asked about ${operation} of ${kind.kind}, and only injects into pods that are created`,
    ]
    return { result: 'left', allowed: true, warnings }
  }
  const pod = podIn(object)
  if (pod.metadata?.labels?.[`${DOMAIN}inject`] !== 'enabled') return { result: 'left', allowed: true }
  const own = containersOf(pod).filter(({ name }) => name === SIDECAR)
  const sidecar = sidecarFor(pod, definition)
  const mistakes = mistakesIn(pod, definition, own.length > 0 ? own : [sidecar.container])
  const action = mistakes.length > 0 ? definition.guardAction : undefined
  if (action === 'Deny')
    return {
      result: 'denied',
      allowed: false,
      status: { code: 403, reason: 'Forbidden', message: mistakes.join('; ') },
    }
  const warnings = [...(action === 'Warn' ? mistakes : []), ...(own.length > 0 ? [] : odditiesIn(pod, sidecar))]
  const remarks = {
    ...(warnings.length > 0 && { warnings }),
    ...(action === 'Audit' && { auditAnnotations: { mistakes: mistakes.join('; ') } }),
  }
  if (own.length > 0) return { result: 'left', allowed: true, ...remarks }
  const patch = Buffer.from(JSON.stringify(patchFor(pod, definition, sidecar))).toString('base64')
  return { result: 'injected', allowed: true, patchType: 'JSONPatch', patch, ...remarks }
}

function requestIn(review: unknown): Request {
  const { apiVersion, kind, request } = fieldsOf(review, 'the review')
  if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview')
    throw new BadReview('only AdmissionReview of admission.k8s.io/v1 is understood')
  const { uid, operation, kind: what } = fieldsOf(request, 'request')
  const { group, kind: name } = fieldsOf(what, 'request.kind')
  for (const [field, value] of Object.entries({ uid, operation, 'kind.group': group, 'kind.kind': name })) {
    if (typeof value !== 'string') throw new BadReview(`request.${field} is no text`)
  }
  return request as Request
}

/** Looks at exactly those parts that the injector uses. */
function podIn(object: unknown): Pod {
  const { metadata, spec } = fieldsOf(object, 'request.object')
  const { labels, annotations } = fieldsOf(metadata ?? {}, 'metadata')
  for (const [name, texts] of Object.entries({ labels, annotations })) {
    if (!Object.values(fieldsOf(texts ?? {}, `metadata.${name}`)).every((text) => typeof text === 'string'))
      throw new BadReview(`metadata.${name} holds more than texts`)
  }
  const { containers, initContainers, volumes, imagePullSecrets } = fieldsOf(spec, 'spec')
  const lists = {
    containers,
    initContainers: initContainers ?? [],
    volumes: volumes ?? [],
    pullSecrets: imagePullSecrets ?? [],
  }
  for (const [name, list] of Object.entries(lists)) {
    for (const each of listIn(list, `spec.${name}`)) fieldsOf(each, `spec.${name}`)
  }
  for (const { name, env, volumeMounts } of [...(lists.containers as Tree[]), ...(lists.initContainers as Tree[])]) {
    if (typeof name !== 'string') throw new BadReview('a container has no name')
    for (const each of [...listIn(env ?? [], 'env'), ...listIn(volumeMounts ?? [], 'volumeMounts')])
      fieldsOf(each, name)
  }
  return object as Pod
}

type Tree = Readonly<Record<string, unknown>>

function fieldsOf(value: unknown, name: string): Tree {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadReview(`${name} is no object`)
  return value as Tree
}

function listIn(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new BadReview(`${name} is no list`)
  return value
}
