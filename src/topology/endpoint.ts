// One place where a server may be, as discovery found it. It is a hint: what the server is, it says itself.

export interface Endpoint {
  readonly host: string
  readonly port: number
  /** Tells a new pod at an address from the one that had it before; '' where nothing does. */
  readonly uid: string
  readonly zone: string | undefined
}
