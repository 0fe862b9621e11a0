// Reads the servers of a Service out of its EndpointSlices: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import type { EndpointState, ServiceEndpoint } from './endpoint.ts'

/** The parts of a discovery.k8s.io/v1 EndpointSlice that are read here; everything else may be missing. */
export interface EndpointSlice {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string }
  readonly addressType?: string
  readonly endpoints?: readonly SliceEndpoint[] | null
  readonly ports?: readonly SlicePort[] | null
}

interface SliceEndpoint {
  readonly addresses?: readonly string[]
  readonly conditions?: Conditions | null
  readonly targetRef?: { readonly uid?: string }
  readonly zone?: string
}

interface Conditions {
  /** True as well for pods of a Service with publishNotReadyAddresses, whatever they are. */
  readonly ready?: boolean | null
  readonly serving?: boolean | null
  readonly terminating?: boolean | null
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
  return areEndpoints && isListOf(ports, ({ port }: Unread) => port == null || isPortNumber(port))
}

/** The properties whose type is to be found out. */
type Unread = { readonly [Name in 'metadata' | 'name' | 'endpoints' | 'ports' | 'port' | 'addresses']?: unknown }

function isObject(value: unknown): value is Unread {
  return typeof value === 'object' && value !== null
}

function isPortNumber(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
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
const SENTINEL_PORT = 26379

/**
 * All endpoints, each once, in a stable order, whatever the order of the slices. Conditions are no reason to leave one out.
 * @param wanted the port's name or number; undefined guesses it from its name.
 */
export function endpointsOf(
  slices: Iterable<EndpointSlice>,
  wanted: string | number | undefined,
  isTls: boolean,
): readonly ServiceEndpoint[] {
  const found = new Map<string, ServiceEndpoint>()
  const familyOf = new Map<string, string>()
  for (const { addressType = 'IPv4', endpoints, ports } of [...slices].toSorted(byFamilyAndName)) {
    if (addressType !== 'IPv4' && addressType !== 'IPv6') continue
    const port = portOf(ports ?? [], wanted, isTls)
    if (port === undefined) continue
    const sentinelPort = sentinelPortOf(ports ?? [], isTls)
    for (const { addresses, conditions, targetRef, zone } of endpoints ?? []) {
      // The addresses of one endpoint are interchangeable.
      const host = addresses?.[0]
      if (host === undefined) continue
      const uid = targetRef?.uid ?? ''
      if (uid !== '' && (familyOf.get(uid) ?? addressType) !== addressType) continue
      familyOf.set(uid, addressType)
      const key = `${host} ${port}`
      const endpoint = { host, port, uid, zone, state: stateOf(conditions ?? {}), sentinelPort }
      const known = found.get(key)
      // On its way from one slice to another, or when its address has passed to another pod, it is in both for a moment.
      if (known === undefined || STATES.indexOf(endpoint.state) < STATES.indexOf(known.state)) found.set(key, endpoint)
    }
  }
  return [...found.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, endpoint]) => endpoint)
}

/** IPv4 first: of a pod with addresses of both families only one counts. */
function byFamilyAndName(one: EndpointSlice, other: EndpointSlice): number {
  const family = (one.addressType ?? '').localeCompare(other.addressType ?? '')
  return family || (one.metadata.name < other.metadata.name ? -1 : 1)
}

/** The best first. */
const STATES: readonly EndpointState[] = ['serving', 'terminating', 'notServing']

/** Not `ready` where `serving` is said: of publishNotReadyAddresses it tells nothing. What is not said is as good as it can be. */
function stateOf({ ready, serving, terminating }: Conditions): EndpointState {
  if (!(serving ?? ready ?? true)) return 'notServing'
  return terminating ? 'terminating' : 'serving'
}

/** @returns undefined when the slice has ports, and none of them is one of Redis. */
function portOf(ports: readonly SlicePort[], wanted: string | number | undefined, isTls: boolean): number | undefined {
  if (typeof wanted === 'number') return wanted
  if (wanted !== undefined) {
    const named = ports.find(({ name }) => name === wanted)
    return named && (named.port ?? REDIS_PORT)
  }
  const candidates = ports.filter(({ name, port }) => !OTHER_PORTS.test(name ?? '') && !OTHER_NUMBERS.has(port ?? 0))
  const names = isTls ? TLS_PORTS : DATA_PORTS
  const named = candidates.find(({ name }) => names.has(name ?? ''))
  const numbered = candidates.find(({ port }) => port === REDIS_PORT)
  const [only, second] = candidates
  const chosen = named ?? (second === undefined ? only : numbered)
  if (chosen !== undefined) return chosen.port ?? REDIS_PORT
  return ports.length === 0 ? REDIS_PORT : undefined
}

function sentinelPortOf(ports: readonly SlicePort[], isTls: boolean): number | undefined {
  const candidates = ports.filter(({ name, port }) => name?.includes('sentinel') || port === SENTINEL_PORT)
  const found = candidates.find(({ name }) => name?.includes('tls') === isTls) ?? candidates[0]
  return found && (found.port ?? SENTINEL_PORT)
}
