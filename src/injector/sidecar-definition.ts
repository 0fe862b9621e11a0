// What the chart tells of the sidecar, the same for all pods; docs/injection.md describes each field.
import { readFileSync } from 'node:fs'
import type { Container } from './pod.ts'

/** What a pod that uses a backend gets. */
export interface Backend {
  /** Without `RUSTEZE_`, in kebab case. */
  readonly settings: Readonly<Record<string, string>>
  readonly volumes: readonly object[]
  readonly volumeMounts: readonly object[]
}

type Resources = Readonly<Record<string, string | number>>

export interface SidecarDefinition {
  readonly version: string
  readonly guardAction: 'Deny' | 'Warn' | 'Audit'
  readonly container: Required<Container> & {
    readonly resources: { readonly requests?: Resources; readonly limits?: Resources }
  }
  readonly volumes: readonly object[]
  readonly imagePullSecrets: readonly { readonly name: string }[]
  readonly socket: { readonly listen: string; readonly volume: object; readonly volumeMount: object }
  readonly settingKeys: readonly string[]
  readonly reservedAnnotations: readonly string[]
  readonly meshContainers: readonly string[]
  readonly defaultBackend: string
  readonly backends: Readonly<Record<string, Backend>>
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown) => typeof value === 'string'
const isListOf = (isEntry: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(isEntry)
const isRecordOf = (isEntry: (value: unknown) => boolean) => (value: unknown) =>
  isObject(value) && Object.values(value).every(isEntry)

/** For each field what makes it one, and how to call that. */
type Shape = Readonly<Record<string, readonly [isRight: (value: unknown) => boolean, kind: string]>>

const texts: Shape[string] = [isListOf(isText), 'a list of texts']
const objects: Shape[string] = [isListOf(isObject), 'a list of objects']
const backend: Shape = {
  settings: [isRecordOf(isText), 'an object of texts'],
  volumes: objects,
  volumeMounts: objects,
}
const definition: Shape = {
  version: [isText, 'a text'],
  guardAction: [(value) => ['Deny', 'Warn', 'Audit'].includes(value as string), 'one of Deny, Warn and Audit'],
  container: [
    hasShape({ name: [isText, ''], env: objects, volumeMounts: objects, resources: [isObject, ''] }),
    'a container',
  ],
  volumes: objects,
  imagePullSecrets: objects,
  socket: [hasShape({ listen: [isText, ''], volume: [isObject, ''], volumeMount: [isObject, ''] }), 'a socket'],
  settingKeys: texts,
  reservedAnnotations: texts,
  meshContainers: texts,
  defaultBackend: [isText, 'a text'],
  backends: [isRecordOf(hasShape(backend)), 'an object of backends'],
}

function hasShape(shape: Shape): (value: unknown) => boolean {
  return (value) => isObject(value) && wrongField(value, shape) === undefined
}

function wrongField(value: object, shape: Shape): string | undefined {
  return Object.keys(shape).find((field) => !shape[field]![0]((value as Record<string, unknown>)[field]))
}

/** @throws with the file and what is wrong in it. */
export function readSidecarDefinition(path: string): SidecarDefinition {
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (!isObject(value)) throw new Error(`${path}: it is no object`)
  const wrong = wrongField(value, definition)
  if (wrong !== undefined) throw new Error(`${path}: ${wrong} is not ${definition[wrong]![1]}`)
  const { backends, defaultBackend } = value as SidecarDefinition
  for (const name of ['', defaultBackend]) {
    if (!Object.hasOwn(backends, name)) throw new Error(`${path}: backends has no entry "${name}"`)
  }
  return value as SidecarDefinition
}
