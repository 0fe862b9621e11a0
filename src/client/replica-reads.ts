// One client's reads on replicas: which of its requests may go there, to which replica, and when the client has written something itself.
import type { BackendConnection } from '../backend/backend-connection.ts'
import type { Replica } from '../backend/replica.ts'
import type { Reading, Replicas } from '../backend/replicas.ts'
import type { Request } from '../backend/request.ts'
import type { Lane } from './lane.ts'

export const Elsewhere = {
  /** It is for the primary. */
  No: 0,
  /** It goes to {@link ReplicaReads.connection}. */
  Now: 1,
  /** It waits: for replies of another server, or for a replica. */
  Later: 2,
} as const
export type Elsewhere = (typeof Elsewhere)[keyof typeof Elsewhere]

/**
 * Invariant: what a client has in flight is at one server. A run of reads begins when nothing is in flight and goes on at the
 * replica where it began; a write waits for it, and what follows a write goes to the primary until all is answered.
 */
export class ReplicaReads {
  /** The request that waits for a replica to become fresh. */
  awaiting: Request | null = null
  readonly #lane: Lane
  readonly #replicas: Replicas
  #reading: Reading | null = null
  #readingSince = 0
  /** Something in flight may change data. */
  #isWriting = false
  /** When this client's last write was answered, in the runtime's ms. */
  #writtenAt = Number.NEGATIVE_INFINITY

  constructor(lane: Lane, replicas: Replicas) {
    this.#lane = lane
    this.#replicas = replicas
  }

  /** On which everything in flight is; null while that is not at a replica. */
  get connection(): BackendConnection | null {
    return this.#reading?.connection ?? null
  }

  get replica(): Replica | null {
    return this.#reading?.replica ?? null
  }

  sent({ command }: Request): void {
    if (!command.readOnly) this.#isWriting = true
  }

  /** Decides for the first request of the lane's queue. */
  place(request: Request): Elsewhere {
    const { command, block, refusal, attempts } = request
    // What a replica did not answer is for the primary.
    const isAllowed = command.isReplicaRead && block === null && refusal === null && attempts === 0
    if (this.#reading !== null) {
      return isAllowed && this.#reading.connection.isReady ? Elsewhere.Now : Elsewhere.Later
    }
    if (this.#lane.inFlight > 0 || !isAllowed) return Elsewhere.No
    return this.#begin(request)
  }

  /** Everything in flight is answered or lost. */
  end(): void {
    const now = this.#lane.proxy.services.runtime.now()
    this.#reading?.replica.answered(now - this.#readingSince)
    this.#reading = null
    if (this.#isWriting) this.#writtenAt = now
    this.#isWriting = false
  }

  leave(): void {
    this.#replicas.forget(this.#lane)
  }

  #begin(request: Request): Elsewhere {
    const { session, config, services } = this.#lane.proxy
    const { identity, protocol, db } = session
    this.#reading = this.#replicas.choose(identity, protocol, db, this.#writtenAt)
    if (this.#reading !== null) {
      this.#readingSince = services.runtime.now()
      return Elsewhere.Now
    }
    if (config.readFrom === 'prefer-replica' || this.#replicas.isBehindOnly(this.#writtenAt)) return Elsewhere.No
    this.awaiting = request
    this.#replicas.wait(this.#lane, identity, protocol, db)
    return Elsewhere.Later
  }
}
