// Reads the servers of a Service out of its EndpointSlices: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import type { Endpoint } from './endpoint.ts'

/** The parts of a discovery.k8s.io/v1 EndpointSlice that are read here; everything else may be missing. */
export interface EndpointSlice {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string }
  readonly addressType?: string
  readonly endpoints?: readonly SliceEndpoint[] | null
  readonly ports?: readonly SlicePort[] | null
}

interface SliceEndpoint {
  readonly addresses?: readonly string[]
  readonly targetRef?: { readonly uid?: string }
  readonly zone?: string
}

interface SlicePort {
  readonly name?: string | null
  /** null: all ports. */
  readonly port?: number | null
}

/** Whether what an API server sent can be read as a slice: nothing else may reach {@link endpointsOf}. */
export function isEndpointSlice(value: unknown): value is EndpointSlice {
  if (!isObject(value) || !isObject(value.metadata) || typeof value.metadata.name !== 'string') return false
  const { endpoints, ports } = value
  const areEndpoints = isListOf(endpoints, ({ addresses }: Unread) =>
    isListOf(addresses, (text) => typeof text === 'string'),
  )
  return areEndpoints && isListOf(ports, () => true)
}

/** The properties whose type is to be found out. */
type Unread = { readonly [Name in 'metadata' | 'name' | 'endpoints' | 'ports' | 'addresses']?: unknown }

function isObject(value: unknown): value is Unread {
  return typeof value === 'object' && value !== null
}

/** A list that is missing is an empty one. */
function isListOf(value: unknown, isRight: (each: never) => boolean): boolean {
  return value == null || (Array.isArray(value) && value.every((each) => each != null && isRight(each as never)))
}

/** Names that charts give to the port of the data, by whether it speaks TLS. */
const DATA_PORTS = new Set(['redis', 'tcp-redis', 'redis-client', 'tcp-server', 'tcp', 'client', 'primary', 'db'])
const TLS_PORTS = new Set(['server-tls', 'redis-tls', 'tls', 'tcp-redis-tls'])
/** Metrics, the bus of a cluster and Sentinel. */
const OTHER_PORTS = /metrics|exporter|bus|sentinel/
const OTHER_NUMBERS = new Set([9121, 16379, 26379])
const REDIS_PORT = 6379

/**
 * All endpoints, each once, in a stable order. Conditions are no reason to leave one out: a pod that terminates may still be the
 * primary, and one that is not ready may be about to become it.
 * @param wanted the port's name or number; undefined guesses it from its name.
 */
export function endpointsOf(
  slices: Iterable<EndpointSlice>,
  wanted: string | number | undefined,
  isTls: boolean,
): readonly Endpoint[] {
  const found = new Map<string, Endpoint>()
  // IPv4 first: of a pod with addresses of both families only one counts.
  const byFamily = [...slices].toSorted((one, other) => (one.addressType ?? '').localeCompare(other.addressType ?? ''))
  const familyOf = new Map<string, string>()
  for (const { addressType = 'IPv4', endpoints, ports } of byFamily) {
    if (addressType !== 'IPv4' && addressType !== 'IPv6') continue
    const port = portOf(ports ?? [], wanted, isTls)
    if (port === undefined) continue
    for (const { addresses, targetRef, zone } of endpoints ?? []) {
      // The addresses of one endpoint are interchangeable.
      const host = addresses?.[0]
      if (host === undefined) continue
      const uid = targetRef?.uid ?? ''
      if (uid !== '' && (familyOf.get(uid) ?? addressType) !== addressType) continue
      familyOf.set(uid, addressType)
      found.set(`${host} ${port}`, { host, port, uid, zone })
    }
  }
  return [...found.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, endpoint]) => endpoint)
}

/** @returns undefined when the slice has ports, and none of them is one of Redis. */
function portOf(ports: readonly SlicePort[], wanted: string | number | undefined, isTls: boolean): number | undefined {
  if (typeof wanted === 'number') return wanted
  if (wanted !== undefined) return ports.find(({ name }) => name === wanted)?.port ?? undefined
  const candidates = ports.filter(({ name, port }) => !OTHER_PORTS.test(name ?? '') && !OTHER_NUMBERS.has(port ?? 0))
  const names = isTls ? TLS_PORTS : DATA_PORTS
  const named = candidates.find(({ name }) => names.has(name ?? ''))
  const numbered = candidates.find(({ port }) => port === REDIS_PORT)
  const [only, second] = candidates
  const chosen = named ?? (second === undefined ? only : numbered)
  if (chosen !== undefined) return chosen.port ?? REDIS_PORT
  return ports.length === 0 ? REDIS_PORT : undefined
}
