// The sidecar that one pod gets: rules 2 to 6 of docs/injection.md.
import { annotationOf, type Container, namesIn, type Pod, type Variable } from './pod.ts'
import type { Backend, SidecarDefinition } from './sidecar-definition.ts'

/** Everything that differs from pod to pod. */
export interface Sidecar {
  readonly container: Container
  readonly volumes: readonly object[]
  /** What the sidecar is told, without `RUSTEZE_`, in the order of the list of settings. */
  readonly settings: ReadonlyMap<string, string>
}

export function sidecarFor(pod: Pod, definition: SidecarDefinition): Sidecar {
  const { container, socket } = definition
  const backend = backendOf(pod, definition)
  const settings = settingsOf(pod, definition, backend)
  const hasSocket = namesIn(pod, 'unix-socket').length > 0
  const own: Variable[] = [...settings].map(([key, value]) => ({
    name: `RUSTEZE_${key.toUpperCase().replaceAll('-', '_')}`,
    value: key === 'listen' && hasSocket ? `${value},${socket.listen}` : value,
  }))
  const resources = {
    requests: resourcesOf(pod, definition, 'request'),
    limits: resourcesOf(pod, definition, 'limit'),
  }
  return {
    container: {
      ...container,
      env: [...container.env.filter(({ name }) => !own.some((each) => each.name === name)), ...own],
      volumeMounts: [...container.volumeMounts, ...backend.volumeMounts, ...(hasSocket ? [socket.volumeMount] : [])],
      ...{ resources },
    },
    volumes: [...definition.volumes, ...backend.volumes, ...(hasSocket ? [socket.volume] : [])],
    settings,
  }
}

/** A pod that names its servers itself gets nothing of the default backend: neither its password nor its certificates. */
function backendOf(pod: Pod, { backends, defaultBackend }: SidecarDefinition): Backend {
  const namesServers = ['service', 'backends'].some((key) => annotationOf(pod, key) !== undefined)
  const name = annotationOf(pod, 'backend') ?? (namesServers ? '' : defaultBackend)
  return backends[Object.hasOwn(backends, name) ? name : '']!
}

function settingsOf(pod: Pod, { settingKeys }: SidecarDefinition, { settings }: Backend): Map<string, string> {
  const values = new Map<string, string>()
  for (const key of settingKeys) {
    const value = annotationOf(pod, key) ?? settings[key]
    if (value !== undefined) values.set(key, value)
  }
  return values
}

function resourcesOf(
  pod: Pod,
  { container }: SidecarDefinition,
  kind: 'request' | 'limit',
): Record<string, string | number> {
  const resources = { ...container.resources[`${kind}s`] }
  for (const resource of ['cpu', 'memory']) {
    const amount = annotationOf(pod, `${resource}-${kind}`)
    if (amount !== undefined) resources[resource] = amount
  }
  return resources
}
