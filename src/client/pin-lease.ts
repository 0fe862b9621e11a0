// The connection lent to one client alone: asked for, waited for, kept as long as it is needed, given back or closed.
import type { BackendConnection } from '../backend/backend-connection.ts'
import type { PinWaiter, Pool } from '../backend/pool.ts'
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import * as errors from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import type { Lane } from './lane.ts'
import type { PinTaker } from './pin-budget.ts'
import { type PinReason, reasonOfRequest, reasonOfSession } from './pin-reason.ts'
import { listen } from './place-subscribe.ts'
import { refuse } from './refuse.ts'
import { restorePin } from './restore.ts'

/** Commands that may not be answered for long. */
const mayWait: ReadonlySet<number> = new Set([Kind.Blocking, Kind.BlockingRead, Kind.Wait, Kind.Unknown])

/**
 *     none ──take──▶ awaited ──pinReady──▶ lent ──giveBack, drop, pinLost──▶ none
 */
export class PinLease implements PinWaiter, PinTaker {
  /** While there is one, everything of the client goes there. */
  connection: BackendConnection | null = null
  /** It has state that no other client may meet: it is closed, not given back. */
  isDirty = false
  readonly #lane: Lane
  /** Who lent it, and gets it back: the client's pool, or the proxy's own user's while another one logs in. */
  #lender: Pool
  /** Lanes of clients that wait for this one to have a connection of its own. */
  #dependents: Set<Lane> | null = null
  /** The connection of a client that left, until what it had sent is answered. */
  #left: BackendConnection | null = null
  #isAwaited = false
  #awaitedSince = 0
  #takenFor: PinReason = 'other'
  #lentSince = 0

  constructor(lane: Lane, lender: Pool) {
    this.#lane = lane
    this.#lender = lender
  }

  /** The connection, ready for use; null when it has to be waited for: then the lane goes on by itself. */
  take(lender: Pool): BackendConnection | null {
    const { shard, proxy, inFlight } = this.#lane
    if (!shard.isServing) {
      shard.wait(this.#lane)
      return null
    }
    if (this.connection !== null) return this.connection.isReady ? this.connection : null
    if (inFlight > 0 || this.#isAwaited) return null
    const isAllowed = proxy.services.pins.take(this)
    if (isAllowed) {
      this.#lane.leaveShared()
      this.#lender = lender
      const connection = lender.lend(this)
      if (connection !== null) {
        this.#lent(connection)
        return connection
      }
    }
    this.#isAwaited = true
    this.#awaitedSince = proxy.services.runtime.now()
    return null
  }

  /** Asked for, and not there yet. */
  get isAwaited(): boolean {
    return this.#isAwaited
  }

  /** What it was taken for, and how long ago; to be asked while there is one. */
  get taken(): { readonly reason: PinReason; readonly ms: number } {
    return { reason: this.#takenFor, ms: this.#lane.proxy.services.runtime.now() - this.#lentSince }
  }

  get isQueueing(): boolean {
    return this.#lane.proxy.session.transaction !== null
  }

  /** It is lent by another user's pool, for a login: whose it becomes is for the server to say. */
  get isForeign(): boolean {
    return this.connection !== null && this.#lender !== this.#lane.pool
  }

  /** Another client depends on this one's connection: it has to keep it. @param dependent goes on once there is one. */
  keep(reason: string, dependent: Lane): BackendConnection | null {
    const { session } = this.#lane.proxy
    if (session.stickyReason === '') session.stickyReason = reason
    const connection = this.#lane.takePin()
    // With RESP3 it is sent invalidations without having subscribed to anything.
    if (connection !== null) listen(this.#lane, connection)
    else {
      this.#dependents ??= new Set()
      this.#dependents.add(dependent)
    }
    return connection
  }

  /** The client keeps its connection until it leaves; the request is repeated when that connection has to be made anew. */
  stick(reason: string, request: Request): void {
    const { session } = this.#lane.proxy
    session.stickyReason = reason
    if (!request.isStreamed) session.restoring.push(Buffer.from(request.bytes.subarray(request.start, request.end)))
    this.isDirty = true
    if (session.isTracking && this.connection !== null) listen(this.#lane, this.connection)
  }

  /** Ends the loan: others may have the connection, unless its state forbids that. */
  giveBack(): void {
    const { connection } = this
    if (connection === null) return
    this.#forget(connection)
    if (this.isDirty) connection.destroy('its state was the client’s own')
    else this.#lender.adopt(connection)
  }

  /** Ends the loan if nothing is in flight there and nothing needs it. */
  giveBackUnneeded(): void {
    const { proxy, inFlight, isRaw } = this.#lane
    if (this.connection === null || inFlight > 0 || isRaw || proxy.session.needsPin) return
    if (proxy.config.sharedConnections > 0) this.giveBack()
  }

  /** Closes the connection: its state goes with it. */
  drop(reason: string): void {
    const { connection } = this
    if (connection === null) return
    this.#forget(connection)
    connection.destroy(reason)
  }

  /** The client left. What it had sent is still to be run, as by a server whose client writes and leaves. */
  leave(): void {
    const { connection } = this
    this.stopWaiting()
    if (connection === null) return
    const { inFlight, proxy, isRaw } = this.#lane
    if (inFlight === 0 && !this.isDirty && !proxy.session.needsPin) this.giveBack()
    else if (isRaw || connection.tap !== null || connection.sent.tail?.isStreamed) this.drop('client left')
    else {
      this.#forget(connection)
      this.#left = connection
      connection.retire()
      this.endWait()
    }
  }

  /** After the client left: nothing may be eaten by its pop, or wait for ever. */
  endWait(): void {
    const head = this.#left?.headOf(this.#lane)
    if (head && mayWait.has(head.command.kind)) this.#left!.destroy('client left')
  }

  /** The client's user, protocol or database changed, and the connection's with it. */
  moveTo(pool: Pool): void {
    if (this.connection === null || pool === this.#lender) return
    this.#lender.release(this.connection)
    pool.transfer(this.connection, this)
    this.#lender = pool
  }

  /** The client no longer waits for one. */
  stopWaiting(): void {
    if (!this.#isAwaited) return
    this.#isAwaited = false
    this.#lender.forget(this)
    this.#lane.proxy.services.pins.give(this)
  }

  /** A client cannot wait for ever for the operator's bound to have room. */
  expire(now: number): void {
    const { proxy, shard, queue } = this.#lane
    const { pinWaitMs } = proxy.config
    const { pause } = proxy.services
    // Whoever has one keeps it through a pause.
    if (!this.#isAwaited || !shard.isServing || pause.holds !== undefined) return
    if (now - Math.max(this.#awaitedSince, pause.endedAt) <= pinWaitMs) return
    if (!proxy.services.pins.isWaiting(this)) return
    this.stopWaiting()
    proxy.services.pins.refused++
    if (queue.head !== null) refuse(this.#lane, queue.head, errorReply(errors.noPin(pinWaitMs)))
    this.#lane.advance()
  }

  pinReady(connection: BackendConnection): void {
    if (this.#lane.isGone || !this.#isAwaited) {
      this.#lender.release(connection)
      this.#lender.adopt(connection)
      return
    }
    this.#isAwaited = false
    this.#lent(connection)
    this.#lane.advance()
  }

  pinAllowed(): void {
    this.#isAwaited = false
    this.#lane.advance()
  }

  poolRefused(error: Buffer): void {
    this.stopWaiting()
    this.#lane.poolRefused(error)
  }

  pinLost(connection: BackendConnection): void {
    if (connection !== this.connection) return
    this.#forget(connection)
    if (!this.#lane.isGone) this.#lane.loss.ofPin()
  }

  #lent(connection: BackendConnection): void {
    const { proxy, queue } = this.#lane
    this.connection = connection
    this.isDirty = false
    this.#takenFor = reasonOfSession(proxy.session) ?? (queue.head === null ? 'other' : reasonOfRequest(queue.head))
    this.#lentSince = proxy.services.runtime.now()
    proxy.services.pins.lent[this.#takenFor]++
    restorePin(this.#lane, connection)
    const dependents = this.#dependents
    this.#dependents = null
    for (const dependent of dependents ?? []) dependent.advance()
  }

  #forget(connection: BackendConnection): void {
    const { pins } = this.#lane.proxy.services
    const { reason, ms } = this.taken
    pins.heldMs[reason] += ms
    this.connection = null
    this.#lender.release(connection)
    pins.give(this)
  }
}
