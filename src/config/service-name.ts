// Which Service of Kubernetes leads to the servers, as RUSTEZE_SERVICE says it.
import type { Parsed, SettingType } from './setting-types.ts'

export interface ServiceName {
  /** undefined: the pod's own, or that of the kubeconfig's context. */
  readonly namespace: string | undefined
  readonly service: string
  /** The name or number of the servers' port; undefined: guessed from the names and numbers of the Service's ports. */
  readonly port: string | number | undefined
}

/** RFC 1035 and 1123 labels, as Kubernetes wants names of Services, namespaces and ports. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** `[namespace/]service[:port]`. */
export function serviceName(): SettingType<ServiceName> {
  return { name: 'service', print: (text) => text, parse: parseServiceName }
}

function parseServiceName(text: string): Parsed<ServiceName> {
  const match = /^(?:([^/:]+)\/)?([^/:]+)(?::([^/:]+))?$/.exec(text)
  const mend = 'Write service, namespace/service or namespace/service:port, such as data/redis:6379.'
  if (match === null) return { problem: 'it is not the name of a Service', mend }
  const [, namespace, service, port] = match
  if (!LABEL.test(service!) || (namespace !== undefined && !LABEL.test(namespace))) {
    return { problem: 'names in Kubernetes are lower-case letters, digits and hyphens', mend }
  }
  if (port !== undefined && /^\d+$/.test(port)) {
    if (Number(port) < 1 || Number(port) > 65_535) return { problem: 'its port is not a port number', mend }
    return { value: Object.freeze({ namespace, service: service!, port: Number(port) }) }
  }
  if (port !== undefined && !LABEL.test(port)) return { problem: 'its port is neither a number nor a name', mend }
  return { value: Object.freeze({ namespace, service: service!, port }) }
}
