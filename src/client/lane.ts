// One client's way to one shard: what it has in flight there, on which connection, and what has to wait.
import type { BackendConnection } from '../backend/backend-connection.ts'
import type { Holder } from '../backend/hold.ts'
import type { Pool, SharedWaiter } from '../backend/pool.ts'
import type { Replica } from '../backend/replica.ts'
import type { Request, RequestOwner } from '../backend/request.ts'
import type { Shard, ShardWaiter } from '../backend/shard.ts'
import { Kind } from '../command/classify.ts'
import { ConnectionLoss } from './connection-loss.ts'
import { giveUpAll, giveUpOverdue } from './give-up.ts'
import { judge } from './judge.ts'
import { LongReply } from './long-reply.ts'
import { PinLease } from './pin-lease.ts'
import { place } from './place.ts'
import { deliverAcknowledgement } from './place-subscribe.ts'
import type { Proxy } from './proxy.ts'
import { Elsewhere, ReplicaReads } from './replica-reads.ts'
import { Undecided } from './undecided.ts'
import { WaitingQueue } from './waiting-queue.ts'

const MINUS = 45

/**
 * Invariants: requests are in flight on one connection at a time, so their replies come in order; the connection changes only
 * when nothing is in flight. What cannot be sent yet waits in `queue`, in order, and nothing overtakes it.
 */
export class Lane implements RequestOwner, SharedWaiter, ShardWaiter, Holder {
  readonly proxy: Proxy
  readonly shard: Shard
  readonly queue: WaitingQueue
  inFlight = 0
  pool: Pool
  /** The shared connection ordinary commands go to; kept as long as it is good. */
  shared: BackendConnection | null = null
  /** Its reads on replicas; null where all goes to the primary. */
  readonly reads: ReplicaReads | null
  /** The connection of this client alone. */
  readonly lease: PinLease
  /** Frames pass in both directions as they are, until the client leaves. */
  isRaw = false
  /** The generation that took this client's last write. */
  writeGeneration = 0
  /** Replies kept back after a refusal, until it is known what happens to all of them. */
  readonly undecided: Undecided
  /** What becomes of requests whose connection died. */
  readonly loss: ConnectionLoss
  #isAdvancing = false
  /** The client left; what is still in flight is answered to nobody. */
  isGone = false
  /** The server refused the write that makes WAIT mean something here. */
  isFenceRefused = false
  /** The blocking command that a pause has asked the server to give back. */
  calledBack: Request | null = null
  /** The reply of which parts have come, and more will. */
  #longReply: LongReply | null = null

  constructor(proxy: Proxy, shard: Shard) {
    this.proxy = proxy
    this.shard = shard
    this.pool = shard.pool(proxy.session.identity, proxy.session.protocol, proxy.session.db)
    this.lease = new PinLease(this, this.pool)
    this.reads = shard.replicas === null ? null : new ReplicaReads(this, shard.replicas)
    this.queue = new WaitingQueue(proxy.services.hold, this)
    this.undecided = new Undecided(this)
    this.loss = new ConnectionLoss(this)
  }

  /** See {@link Holder}; asked only while something waits. */
  get waitingSince(): number {
    return this.queue.head!.arrivedAt
  }

  /** The connection lent to this client; while there is one, everything goes there. */
  get pin(): BackendConnection | null {
    return this.lease.connection
  }

  /** The connection on which everything in flight is. */
  get current(): BackendConnection | null {
    return this.pin ?? this.reads?.connection ?? this.shared
  }

  /** Whoever has to know when what is in flight was refused. */
  get server(): Shard | Replica {
    return this.reads?.replica ?? this.shard
  }

  /** Takes a request, already in the client's reply queue, and sends it as soon as that is right. */
  submit(request: Request): void {
    const shared = this.shared
    if (
      request.command.kind === Kind.Ordinary &&
      this.queue.head === null &&
      this.pin === null &&
      shared?.isReady &&
      this.shard.isOpen &&
      !this.undecided.isOpen &&
      this.reads === null
    ) {
      this.send(shared, request)
      return
    }
    this.submitSlowly(request)
  }

  /** Like {@link submit}, by way of the queue whatever the request is. */
  submitSlowly(request: Request): void {
    const { isOpen, isServing } = this.shard
    const isPassing = isServing && this.queue.head === null && !this.proxy.services.pause.isFor(this, request)
    this.queue.push(request, isOpen || isPassing)
    this.advance()
  }

  send(connection: BackendConnection, request: Request): void {
    if (request.command.write) this.writeGeneration = connection.generation
    this.reads?.sent(request)
    this.inFlight++
    connection.send(request)
  }

  /** Sends from the queue whatever may go now. */
  advance(): void {
    if (this.#isAdvancing || this.isGone) return
    this.#isAdvancing = true
    if (this.pin === null && this.proxy.session.needsPin) this.takePin()
    while (this.queue.head !== null && !this.undecided.isOpen && !this.undecided.isAwaitingVerdict) {
      if (!place(this, this.queue.head)) break
    }
    this.#isAdvancing = false
    if (this.queue.head === null) this.lease.giveBackUnneeded()
    else if (this.proxy.config.holdMs === 0 && (!this.shard.isServing || this.queue.head === this.reads?.awaiting))
      this.expire(this.proxy.services.runtime.now())
    this.proxy.hasRoom()
  }

  /** Answers the first request of the queue without a server. */
  answer(request: Request, reply: Buffer): void {
    this.queue.shift()
    this.proxy.replies.answer(request, reply)
  }

  /** Sends the first request of the queue over a shared connection. @returns false when it has to wait. */
  placeShared(request: Request): boolean {
    if (this.proxy.config.sharedConnections === 0) return this.placePinned(request)
    const elsewhere = this.reads === null ? Elsewhere.No : this.reads.place(request)
    if (elsewhere === Elsewhere.Later) return false
    const connection = elsewhere === Elsewhere.No ? this.#join() : this.reads!.connection
    if (connection === null) return false
    this.queue.shift()
    this.send(connection, request)
    return true
  }

  /** Sends the first request of the queue over the client's own connection. @returns false when it has to wait. */
  placePinned(request: Request): boolean {
    const pin = this.takePin()
    if (pin === null) return false
    this.queue.shift()
    this.send(pin, request)
    return true
  }

  /** Sends the first request of the queue over whatever connection the client is on. */
  placeAnywhere(request: Request): boolean {
    return this.pin === null ? this.placeShared(request) : this.placePinned(request)
  }

  /** The client's own connection, ready for use; null when it has to be waited for. */
  takePin(lender: Pool = this.#openPool()): BackendConnection | null {
    return this.lease.take(lender)
  }

  /** One of several acknowledgements that together answer a request. */
  acknowledged(pin: BackendConnection, request: Request, bytes: Buffer, start: number, end: number): void {
    deliverAcknowledgement(this, request, bytes, start, end)
    if (request.acknowledgementsLeft > 0) return
    pin.finishHead()
    this.inFlight--
    if (this.inFlight === 0) this.#becameIdle()
  }

  /** The session's user, protocol or database changed. */
  moveToPool(): void {
    const { identity, protocol, db } = this.proxy.session
    const pool = this.shard.pool(identity, protocol, db)
    this.lease.moveTo(pool)
    if (pool === this.pool) return
    this.leaveShared()
    this.pool = pool
  }

  /** The client left: what waits is forgotten, what was sent is answered to nobody. */
  leave(): void {
    this.isGone = true
    this.queue.clear()
    this.undecided.forget()
    this.shard.forget(this)
    this.pool.forget(this)
    this.reads?.leave()
    this.leaveShared()
    this.lease.leave()
    this.proxy.services.pause.left(this)
  }

  replied(request: Request, bytes: Buffer, start: number, end: number): void {
    this.inFlight--
    if (this.isGone) {
      this.proxy.memory.orphanDone()
      this.lease.endWait()
      return
    }
    if (
      bytes[start] !== MINUS &&
      this.pin === null &&
      request.command.kind === Kind.Ordinary &&
      request.block === null &&
      !this.undecided.isOpen
    ) {
      this.proxy.replies.deliver(request, bytes, start, end)
    } else judge(this, request, bytes, start, end)
    if (this.inFlight === 0) this.#becameIdle()
  }

  repliedInPart(request: Request, bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (isLast) this.inFlight--
    if (this.isGone && isLast) this.proxy.memory.orphanDone()
    if (this.isGone) return
    this.#longReply ??= new LongReply(this, request)
    const reply = this.#longReply
    if (isLast) this.#longReply = null
    reply.add(bytes, start, end, isLast)
    if (isLast && this.inFlight === 0) this.#becameIdle()
  }

  lost(request: Request, wasSent: boolean): void {
    this.inFlight--
    this.#longReply = null
    if (this.isGone) this.proxy.memory.orphanDone()
    else this.loss.lost(request, wasSent)
  }

  connectionLost(): void {
    if (this.isGone) return
    this.loss.end()
    if (this.inFlight === 0) this.#becameIdle()
  }

  sharedReady(): void {
    this.advance()
  }

  /** Only commands that need this pool hear of it; AUTH and the like go on and may change it. */
  poolRefused(error: Buffer): void {
    giveUpAll(this, error)
    // What it had on its own connection cannot be made again: the server would have closed it.
    if (this.proxy.session.needsPin) this.proxy.closeAfterReplies()
    else this.advance()
  }

  shardServes(): void {
    this.undecided.isAwaitingVerdict = false
    this.advance()
  }

  expire(now: number): void {
    this.lease.expire(now)
    giveUpOverdue(this, now)
    if (this.queue.head === null) this.advance()
  }

  #join(): BackendConnection | null {
    if (!this.shard.isServing) {
      this.shard.wait(this)
      return null
    }
    if (this.shared?.isReady) return this.shared
    if (this.inFlight > 0) return null
    this.leaveShared()
    const connection = this.#openPool().join(this)
    if (connection !== null) {
      connection.lanes++
      this.shared = connection
    }
    return connection
  }

  /** A pool that nobody used may have been closed to make room for others. */
  #openPool(): Pool {
    const { identity, protocol, db } = this.proxy.session
    if (this.pool.isClosed) this.pool = this.shard.pool(identity, protocol, db)
    return this.pool
  }

  /** Leaves the shared connection to others. */
  leaveShared(): void {
    if (this.shared === null) return
    this.shared.lanes--
    this.shared = null
  }

  #becameIdle(): void {
    const wasAtPrimary = this.server === this.shard
    this.reads?.end()
    if (this.undecided.isOpen) this.undecided.decide(wasAtPrimary)
    if (this.queue.head !== null) this.advance()
    else this.lease.giveBackUnneeded()
    this.proxy.hasRoom()
  }
}
