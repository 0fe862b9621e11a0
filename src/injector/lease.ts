// Who of the replicas does what only one should do: the holder of a Lease, by the rules of client-go.
import type { KubernetesApi } from '../discovery/kubernetes-api.ts'
import { type KubernetesObject, readObject, writeObject } from './kubernetes-objects.ts'

interface LeaseObject extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseTransitions?: number
    readonly acquireTime?: string
  }
}

export class Lease {
  readonly #api: KubernetesApi
  readonly #path: string
  readonly #identity: string
  readonly #durationMs: number
  readonly #now: () => number
  /** The version seen last, and since when: another's clock is never believed. */
  #seen: { readonly version: string; readonly since: number } | undefined
  /** Undefined while it is another's. */
  #heldSince: number | undefined

  /**
   * @param identity of this replica, and of no other.
   * @param durationMs how long a holder that has fallen silent is waited for.
   * @param now a clock that is never set back, in ms.
   */
  constructor(api: KubernetesApi, path: string, identity: string, durationMs: number, now: () => number) {
    this.#api = api
    this.#path = path
    this.#identity = identity
    this.#durationMs = durationMs
    this.#now = now
  }

  /** Whether nobody else can hold it: well before the others would take it, a holder that was stopped has to ask again. */
  get isHeld(): boolean {
    return this.#heldSince !== undefined && this.#now() - this.#heldSince < this.#durationMs / 2
  }

  /** Takes or keeps it, if it can be had. */
  async hold(signal: AbortSignal): Promise<boolean> {
    const since = this.#now()
    this.#heldSince = undefined
    const lease = await readObject<LeaseObject>(this.#api, this.#path, signal)
    if (!this.#isFree(lease)) return false
    const { spec } = lease
    const isOurs = spec?.holderIdentity === this.#identity
    const time = new Date().toISOString().replace('Z', '000Z')
    const isWritten = await this.#write(lease, signal, {
      ...spec,
      holderIdentity: this.#identity,
      // The API server takes nothing below a second.
      leaseDurationSeconds: Math.max(1, Math.round(this.#durationMs / 1000)),
      renewTime: time,
      acquireTime: isOurs ? spec.acquireTime : time,
      leaseTransitions: (spec?.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
    })
    if (isWritten) this.#heldSince = since
    return isWritten
  }

  /** Leaves it to others at once. */
  async release(signal: AbortSignal): Promise<void> {
    if (this.#heldSince === undefined) return
    this.#heldSince = undefined
    const lease = await readObject<LeaseObject>(this.#api, this.#path, signal)
    if (lease.spec?.holderIdentity !== this.#identity) return
    await this.#write(lease, signal, { ...lease.spec, holderIdentity: '' })
  }

  #isFree({ spec, metadata }: LeaseObject): boolean {
    const holder = spec?.holderIdentity ?? ''
    if (holder === '' || holder === this.#identity) return true
    const version = metadata.resourceVersion
    if (this.#seen?.version !== version) this.#seen = { version, since: this.#now() }
    return this.#now() - this.#seen.since > this.#durationMs
  }

  #write(lease: LeaseObject, signal: AbortSignal, spec: object): Promise<boolean> {
    return writeObject(this.#api, this.#path, { ...lease, spec }, signal)
  }
}
