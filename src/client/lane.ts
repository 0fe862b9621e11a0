// One client's way to one shard: what it has in flight there, on which connection, and what has to wait.
import type { BackendConnection } from '../backend/backend-connection.ts'
import type { Holder } from '../backend/hold.ts'
import type { Pool, SharedWaiter } from '../backend/pool.ts'
import type { Replica } from '../backend/replica.ts'
import { Phase, type Request, type RequestOwner, RequestQueue } from '../backend/request.ts'
import type { Shard, ShardWaiter } from '../backend/shard.ts'
import { Kind } from '../command/classify.ts'
import * as errors from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import { judge } from './judge.ts'
import { type Loss, lossOf } from './loss.ts'
import { PinLease } from './pin-lease.ts'
import { place } from './place.ts'
import { deliverAcknowledgement, listen } from './place-subscribe.ts'
import type { Proxy } from './proxy.ts'
import { HOLD_FULL_REFUSAL, refuse } from './refuse.ts'
import { Elsewhere, ReplicaReads } from './replica-reads.ts'
import { settle } from './settle.ts'
import { Undecided } from './undecided.ts'

const MINUS = 45
const NO_BYTES: Buffer = Buffer.alloc(0)

/**
 * Invariants: requests are in flight on one connection at a time, so their replies come in order; the connection changes only
 * when nothing is in flight. What cannot be sent yet waits in `queue`, in order, and nothing overtakes it.
 */
export class Lane implements RequestOwner, SharedWaiter, ShardWaiter, Holder {
  readonly proxy: Proxy
  readonly shard: Shard
  readonly queue = new RequestQueue()
  queuedBytes = 0
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
  /** A MULTI without an answer was lost with the connection, and what is lost behind it belongs to it. */
  isBlockLost = false
  /** Requests given back by a dying connection, in order. */
  readonly #returned = new RequestQueue()
  #isAdvancing = false
  #isAwaitingVerdict = false
  /** The client left; what is still in flight is answered to nobody. */
  isGone = false
  /** The server refused the write that makes WAIT mean something here. */
  isFenceRefused = false
  /** The beginning of a long reply, for those who look at what kind of reply it was. */
  #partHead: Buffer = NO_BYTES
  #parts: Buffer[] = []

  constructor(proxy: Proxy, shard: Shard) {
    this.proxy = proxy
    this.shard = shard
    this.pool = shard.pool(proxy.session.identity, proxy.session.protocol, proxy.session.db)
    this.lease = new PinLease(this, this.pool)
    this.reads = shard.replicas === null ? null : new ReplicaReads(this, shard.replicas)
    this.undecided = new Undecided(proxy.replies)
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
      this.shard.isServing &&
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
    this.#enqueue(request)
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
    while (this.queue.head !== null && !this.undecided.isOpen && !this.#isAwaitingVerdict) {
      if (!place(this, this.queue.head)) break
    }
    this.#isAdvancing = false
    if (this.queue.head === null) this.#releaseIdlePin()
    else if (this.proxy.config.holdMs === 0 && (!this.shard.isServing || this.queue.head === this.reads?.awaiting))
      this.expire(this.proxy.services.runtime.now())
    this.proxy.hasRoom()
  }

  /** Takes the first request out of the queue, to be sent or answered. */
  take(): void {
    const request = this.queue.shift()!
    this.queuedBytes -= request.byteLength
    this.proxy.services.hold.remove(this, request.byteLength, this.queue.head === null)
  }

  /** Answers the first request of the queue without a server. */
  answer(request: Request, reply: Buffer): void {
    this.take()
    this.proxy.replies.answer(request, reply)
  }

  /** Sends the first request of the queue over a shared connection. @returns false when it has to wait. */
  placeShared(request: Request): boolean {
    if (this.proxy.config.sharedConnections === 0) return this.placePinned(request)
    const elsewhere = this.reads === null ? Elsewhere.No : this.reads.place(request)
    if (elsewhere === Elsewhere.Later) return false
    const connection = elsewhere === Elsewhere.No ? this.#join() : this.reads!.connection
    if (connection === null) return false
    this.take()
    this.send(connection, request)
    return true
  }

  /** Sends the first request of the queue over the client's own connection. @returns false when it has to wait. */
  placePinned(request: Request): boolean {
    const pin = this.takePin()
    if (pin === null) return false
    this.take()
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

  /** Another client depends on this one's connection: it has to keep it. @param dependent goes on once there is one. */
  keepPin(reason: string, dependent: Lane): BackendConnection | null {
    if (this.proxy.session.stickyReason === '') this.proxy.session.stickyReason = reason
    const pin = this.takePin()
    if (pin === null) this.lease.awaitFor(dependent)
    // With RESP3 it is sent invalidations without having subscribed to anything.
    else listen(this, pin)
    return pin
  }

  /** The client keeps its connection until it leaves; the request is repeated when that connection has to be made anew. */
  stick(reason: string, request: Request): void {
    const { session } = this.proxy
    session.stickyReason = reason
    if (!request.isStreamed) session.restoring.push(Buffer.from(request.bytes.subarray(request.start, request.end)))
    this.lease.isDirty = true
    if (session.isTracking && this.pin !== null) listen(this, this.pin)
  }

  /** From here on bytes pass as they are, this request's and its reply included. */
  goRaw(request: Request, pin: BackendConnection): void {
    this.isRaw = true
    this.lease.isDirty = true
    this.proxy.session.transaction = null
    this.proxy.session.stickyReason = 'raw'
    pin.sendBytes(request.bytes, request.start, request.end)
    this.proxy.replies.answer(request, NO_BYTES)
    for (let waiting = this.queue.head; waiting !== null; waiting = this.queue.head) {
      const isPassed = this.proxy.passRaw(pin, waiting.command, waiting.bytes, waiting.start, waiting.end)
      this.answer(waiting, NO_BYTES)
      if (!isPassed || !this.proxy.isStreaming(waiting)) continue
      // Its beginning went out, the rest follows as it comes.
      waiting.phase = Phase.Sent
      this.proxy.streamTo(pin)
    }
    pin.raw = (bytes) => this.proxy.push(bytes, 0, bytes.length)
    this.proxy.goRaw(pin)
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
    while (this.queue.head !== null) this.take()
    this.undecided.forget()
    this.shard.forget(this)
    this.pool.forget(this)
    this.reads?.leave()
    this.leaveShared()
    this.lease.leave()
  }

  replied(request: Request, bytes: Buffer, start: number, end: number): void {
    this.inFlight--
    if (this.isGone) {
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
    if (this.isGone) return
    const { replies } = this.proxy
    const isWhole =
      this.#parts.length > 0 || replies.head !== request || request.block !== null || this.undecided.isOpen
    if (isWhole && !request.isReplyBegun) {
      this.#parts.push(Buffer.from(bytes.subarray(start, end)))
      if (!isLast) return
      const whole = Buffer.concat(this.#parts)
      this.#parts = []
      judge(this, request, whole, 0, whole.length)
    } else {
      if (!request.isReplyBegun) this.#partHead = Buffer.from(bytes.subarray(start, Math.min(end, start + 64)))
      replies.deliverPart(request, bytes, start, end, isLast)
      if (isLast) settle(this, request, this.#partHead, 0, this.#partHead.length)
      else this.proxy.slowReader.check(this.current)
    }
    if (isLast && this.inFlight === 0) this.#becameIdle()
  }

  lost(request: Request, wasSent: boolean): void {
    this.inFlight--
    this.#parts = []
    if (this.isGone) return
    if (request.isReplyBegun) {
      this.proxy.close('connection to the backend was lost in the middle of a reply')
      return
    }
    const loss = lossOf(request, wasSent, this)
    if (loss !== null && request.command.kind === Kind.Exec) this.proxy.session.endTransaction()
    if (request.block !== null) this.#lostBlockPart(request, loss)
    else if (loss === null) {
      if (wasSent) request.attempts++
      if (this.undecided.isOpen) this.undecided.addUnanswered(request)
      else {
        request.phase = Phase.Queued
        this.#returned.push(request)
      }
    } else if (loss === errors.UNCERTAIN && this.proxy.config.uncertain === 'close') this.proxy.close(errors.UNCERTAIN)
    else {
      if (loss === errors.UNCERTAIN) this.proxy.services.uncertain(request.command)
      const reply = typeof loss === 'string' ? errorReply(loss) : loss
      if (this.undecided.isOpen) this.undecided.add(request, reply, true)
      else this.proxy.replies.answer(request, reply)
    }
  }

  connectionLost(): void {
    this.isBlockLost = false
    if (this.isGone) return
    this.#queueAgain(this.#returned)
    if (this.inFlight === 0) this.#becameIdle()
  }

  sharedReady(): void {
    this.advance()
  }

  /** Only commands that need this pool hear of it; AUTH and the like go on and may change it. */
  poolRefused(error: Buffer): void {
    // Not even a script that runs for too long makes Redis refuse a MULTI.
    const isBusy = error.latin1Slice().startsWith('-BUSY ')
    for (let head = this.queue.head; head !== null; head = this.queue.head) {
      if (isBusy) refuse(this, head, error)
      else this.answer(head, error)
    }
    // What it had on its own connection cannot be made again: the server would have closed it.
    if (this.proxy.session.needsPin) this.proxy.closeAfterReplies()
    else this.advance()
  }

  /** The client's own connection died. */
  pinLost(): void {
    const { session } = this.proxy
    if (session.isWatching) {
      session.isWatching = false
      session.isWatchBroken = true
    }
    const wantsClose = this.proxy.config.subscribersOnFailover === 'close'
    const isListening = session.isTracking || (session.subscriptions?.count ?? 0) > 0
    // What the server sent before it hung up is still on its way: a MONITOR, the end of an RDB.
    if (this.isRaw) this.proxy.closeAfterReplies()
    else if (session.isIrreplaceable)
      this.proxy.close('the connection it had for itself was lost, with state that cannot be made again')
    else if (wantsClose && isListening)
      this.proxy.close('its subscriptions were lost (RUSTEZE_SUBSCRIBERS_ON_FAILOVER=close)')
    // What was lost with it comes back first, by connectionLost.
    else if (this.inFlight === 0 && this.#returned.head === null) this.advance()
  }

  shardServes(): void {
    this.#isAwaitingVerdict = false
    this.advance()
  }

  expire(now: number): void {
    this.lease.expire(now)
    // While something is unanswered the client could not hear of it, and whether a transaction is open is not known.
    while (this.inFlight === 0 && this.queue.head !== null && this.isOverdue(this.queue.head, now)) {
      const request = this.queue.head
      // What needs no server is still answered.
      if (request.refusal !== null) refuse(this, request, request.refusal)
      else if (!place(this, request)) refuse(this, request, errorReply(this.#whatIsMissing(request)))
    }
    if (this.queue.head === null) this.advance()
  }

  /** True when a request has waited for a primary as long as it may. */
  isOverdue(request: Request, now: number): boolean {
    if (this.reads?.awaiting === request) return now - request.arrivedAt >= this.proxy.config.holdMs
    if (this.shard.isServing && request.refusal === null) return false
    const since = request.refusal === null ? Math.max(request.arrivedAt, this.shard.notServingSince) : request.arrivedAt
    return now - since >= this.proxy.config.holdMs
  }

  #whatIsMissing(request: Request): string {
    const { holdMs } = this.proxy.config
    return this.reads?.awaiting === request ? errors.noReplica(holdMs) : errors.noPrimary(holdMs)
  }

  #enqueue(request: Request): void {
    const { hold } = this.proxy.services
    // Whole transactions are held or refused whole.
    const first = request.block === null ? request : request.block.requests[0]!
    const mayRefuse = !this.shard.isServing && hold.isFull && request.command.kind !== Kind.Unsubscribe
    const isRefused = first === request ? mayRefuse : first.refusal === HOLD_FULL_REFUSAL
    if (isRefused) {
      request.refusal = HOLD_FULL_REFUSAL
      request.bytes = NO_BYTES
      request.start = 0
      request.end = 0
    }
    this.queue.push(request)
    this.queuedBytes += request.byteLength
    hold.add(this, request.byteLength)
  }

  #queueAgain(requests: RequestQueue): void {
    for (let request = requests.head; request !== null; request = request.next) {
      this.queuedBytes += request.byteLength
      this.proxy.services.hold.add(this, request.byteLength)
    }
    this.queue.prepend(requests)
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

  #releaseIdlePin(): void {
    if (this.pin === null || this.inFlight > 0 || this.proxy.session.needsPin || this.isRaw) return
    if (this.proxy.config.sharedConnections > 0) this.lease.giveBack()
  }

  #lostBlockPart(request: Request, loss: Loss): void {
    if (loss === errors.UNCERTAIN) this.proxy.services.uncertain(request.command)
    this.undecided.addLostBlockPart(request, loss === null)
  }

  #becameIdle(): void {
    const isPrimary = this.server === this.shard
    this.reads?.end()
    if (this.undecided.isOpen) {
      const { haveOthersRun, isEndHeld } = this.undecided
      const { again, mustAwaitVerdict: wasRefused } = this.undecided.decide()
      const mustAwaitVerdict = wasRefused && isPrimary
      const { transaction } = this.proxy.session
      // The client has seen the refusal of a part of it.
      if (haveOthersRun && isEndHeld) this.proxy.session.endTransaction()
      else if (haveOthersRun && transaction !== null) transaction.isDirty = true
      if (again.head !== null) {
        this.#isAwaitingVerdict = mustAwaitVerdict
        // A transaction whose queueing was refused is begun anew on another connection.
        if (mustAwaitVerdict && transaction !== null) this.#breakTransaction()
        this.#queueAgain(again)
        if (mustAwaitVerdict) this.shard.wait(this)
      }
    }
    if (this.queue.head !== null) this.advance()
    else this.#releaseIdlePin()
    this.proxy.hasRoom()
  }

  #breakTransaction(): void {
    const { session } = this.proxy
    if (session.isWatching) {
      session.isWatching = false
      session.isWatchBroken = true
    }
    this.lease.drop('its transaction was refused')
  }
}
