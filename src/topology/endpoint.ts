// One place where a server may be, as discovery found it. It is a hint: what the server is, it says itself.

export interface Endpoint {
  readonly host: string
  readonly port: number
  /** Tells a new pod at an address from the one that had it before; '' where nothing does. */
  readonly uid: string
  readonly zone: string | undefined
  /** Where a Sentinel listens beside it; undefined where none does. */
  readonly sentinelPort?: number | undefined
}

/** What Kubernetes says of a pod: ready, ready until it has ended, or not ready. */
export type EndpointState = 'serving' | 'terminating' | 'notServing'

/** One of a Service. Its state is for those who count: a pod that terminates may still be the primary, one that is not ready may be about to become it. */
export interface ServiceEndpoint extends Endpoint {
  readonly state: EndpointState
}
