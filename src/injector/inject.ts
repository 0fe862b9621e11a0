// The JSON patch that puts the sidecar into a pod: rules 7 to 12 of docs/injection.md.
import { type Container, DOMAIN, namesIn, type Pod, type Variable } from './pod.ts'
import type { Sidecar } from './sidecar.ts'
import type { SidecarDefinition } from './sidecar-definition.ts'

/** One operation of a JSON patch. Single values are added, so that all else of a pod stays as it is, whatever it is. */
export interface Operation {
  readonly op: 'add'
  readonly path: string
  readonly value: unknown
}

export function patchFor(pod: Pod, definition: SidecarDefinition, sidecar: Sidecar): Operation[] {
  const { spec, metadata } = pod
  const inits = spec.initContainers ?? []
  const place = inits.filter(({ name }) => definition.meshContainers.includes(name)).length
  const isNamed = ({ name }: { readonly name: string }) =>
    (spec.imagePullSecrets ?? []).some((each) => each.name === name)
  return [
    ...containerPatch('/spec/containers', spec.containers, pod, definition, sidecar),
    // With their indices, so before the sidecar is put among them.
    ...containerPatch('/spec/initContainers', inits, pod, definition, sidecar),
    ...add('/spec/initContainers', spec.initContainers, [sidecar.container], String(place)),
    ...add('/spec/volumes', spec.volumes, sidecar.volumes),
    ...add(
      '/spec/imagePullSecrets',
      spec.imagePullSecrets,
      definition.imagePullSecrets.filter((each) => !isNamed(each)),
    ),
    ...(metadata?.labels === undefined ? [operation('/metadata/labels', {})] : []),
    operation(`/metadata/labels/${escaped(`${DOMAIN}injected`)}`, definition.version),
  ]
}

function containerPatch(
  path: string,
  containers: readonly Container[],
  pod: Pod,
  { socket }: SidecarDefinition,
  { settings }: Sidecar,
): Operation[] {
  const withSocket = namesIn(pod, 'unix-socket')
  const withAddress = namesIn(pod, 'inject-env')
  const variables = redisVariables(settings)
  return containers.flatMap(({ name, volumeMounts, env }, index) => {
    const missing = variables.filter((variable) => !(env ?? []).some((own) => own.name === variable.name))
    return [
      ...add(`${path}/${index}/volumeMounts`, volumeMounts, withSocket.includes(name) ? [socket.volumeMount] : []),
      // Each is put at the beginning, so the last comes first.
      ...add(`${path}/${index}/env`, env, withAddress.includes(name) ? missing.toReversed() : [], '0'),
    ]
  })
}

/** What tells an application where Redis is. Without an address of TCP there are none. */
export function redisVariables(settings: ReadonlyMap<string, string>): Variable[] {
  const addresses = (settings.get('listen') ?? '').split(',').map((address) => address.trim())
  const ports = addresses
    .filter((address) => !address.startsWith('unix:'))
    .map((address) => address.slice(address.lastIndexOf(':') + 1))
  const port = ports.find((each) => each !== '')
  if (port === undefined) return []
  return [
    { name: 'REDIS_HOST', value: '127.0.0.1' },
    { name: 'REDIS_PORT', value: port },
    { name: 'REDIS_URL', value: `redis://127.0.0.1:${port}` },
  ]
}

/** Adds each value to a list, which is made if there is none. @param place in it; `-` is its end. */
function add(path: string, list: unknown, values: readonly unknown[], place = '-'): Operation[] {
  if (values.length === 0) return []
  return [
    ...(list === undefined || list === null ? [operation(path, [])] : []),
    ...values.map((value) => operation(`${path}/${place}`, value)),
  ]
}

function operation(path: string, value: unknown): Operation {
  return { op: 'add', path, value }
}

/** A name as a part of a path. */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
