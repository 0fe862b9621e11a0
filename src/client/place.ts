// Decides where the next request of a client goes: a shared connection, one of its own, or an answer of ours.
import type { Request } from '../backend/request.ts'
import { hasBlockOption, Kind } from '../command/classify.ts'
import * as errors from '../errors.ts'
import { errorReply, nullArrayReply, OK, PONG } from '../resp/reply.ts'
import { isLoginNeeded } from './admission.ts'
import { placeClientCommand } from './client-command.ts'
import { deniedName } from './denial.ts'
import type { Lane } from './lane.ts'
import { placeControl } from './place-control.ts'
import { isPlainReset, placeAuth, placeHello, placeReset, placeSelect } from './place-session.ts'
import { placeMonitor, placeSubscribe } from './place-subscribe.ts'
import { placeWait } from './place-wait.ts'
import { placeProxyCommand } from './proxy-command.ts'
import { goRaw } from './raw-mode.ts'
import { HOLD_FULL_REFUSAL, refuse } from './refuse.ts'

/**
 * Sends or answers the first request of the lane's queue.
 * @returns false when it has to wait; whoever it waits for calls `lane.advance`.
 */
export function place(lane: Lane, request: Request): boolean {
  const refusal = lane.proxy.session.transaction?.refusal ?? null
  if (refusal !== null || request.refusal === HOLD_FULL_REFUSAL) {
    if (lane.inFlight > 0) return false
    if (isAlwaysPossible(request)) return placeSpecial(lane, request)
    refuse(lane, request, request.refusal ?? refusal!)
    return true
  }
  const refused = deniedName(lane.proxy.config.deny, request.command, request.bytes, request.start, request.end)
  if (refused !== undefined) {
    // Whether it stands in a transaction shows once the MULTI before it is answered.
    if (lane.pin !== null && lane.inFlight > 0) return false
    const { transaction } = lane.proxy.session
    if (transaction !== null) transaction.isAborted = true
    return answered(lane, request, errorReply(errors.denied(refused)))
  }
  if (lane.proxy.services.pause.holdsBack(lane, request)) return false
  if (request.isStreamed) return placeStreamed(lane, request)
  if (request.block !== null) return lane.placeShared(request)
  return lane.pin === null ? placeFree(lane, request) : placeOnPin(lane, request)
}

/** The client has no connection of its own. */
function placeFree(lane: Lane, request: Request): boolean {
  // What it had there, an open transaction even, is made again on another one before anything else is sent.
  if (lane.proxy.session.needsPin && !isAlwaysPossible(request)) return lane.takePin() !== null && place(lane, request)
  switch (request.command.kind) {
    case Kind.Ping:
      return isPlainPing(request) && !isLoginNeeded(lane) ? answered(lane, request, PONG) : lane.placeShared(request)
    case Kind.Sticky:
    case Kind.Unknown:
    case Kind.Blocking:
    case Kind.Multi:
    case Kind.Watch:
      return lane.placePinned(request)
    case Kind.BlockingRead:
      return isBlockingRead(request) ? lane.placePinned(request) : lane.placeShared(request)
    case Kind.Ordinary:
    case Kind.PartlyDenied:
    case Kind.Exec:
    case Kind.Discard:
    case Kind.Unwatch:
    case Kind.Eval:
    case Kind.EvalSha:
      return lane.placeShared(request)
    default:
      return placeSpecial(lane, request)
  }
}

/** The client has a connection of its own; whether it is in a transaction there is known once nothing is in flight. */
function placeOnPin(lane: Lane, request: Request): boolean {
  const { session } = lane.proxy
  const { kind } = request.command
  // Behind a login everything waits for its verdict; after a refused one the connection is still somebody else's.
  const { isForeign } = lane.lease
  if (isForeign && lane.inFlight > 0) return false
  const isUnneeded = !session.needsPin && lane.inFlight === 0 && kind === Kind.Ordinary
  if (isForeign || (isUnneeded && lane.proxy.config.sharedConnections > 0)) {
    lane.lease.giveBack()
    return place(lane, request)
  }
  switch (kind) {
    case Kind.Exec:
      return placeExec(lane, request)
    case Kind.Proxy:
      // Whether it stands in a transaction shows once the MULTI before it is answered.
      return lane.inFlight === 0 && placeProxyCommand(lane, request)
    case Kind.Select:
    case Kind.Auth:
    case Kind.Hello:
    case Kind.Reset:
    case Kind.Quit:
    case Kind.Subscribe:
    case Kind.Unsubscribe:
    case Kind.Monitor:
    case Kind.Client:
    case Kind.Wait:
    case Kind.Script:
    case Kind.Function:
    case Kind.Topology:
      if (lane.inFlight > 0 && (lane.pin?.tap == null || isAnsweredByUs(kind))) return false
      // A RESP2 subscriber may send little more than (UN)SUBSCRIBE, and the server words that best.
      if (session.protocol === 2 && session.isSubscribed && isAnsweredByUs(kind)) {
        return lane.placePinned(request)
      }
      if (session.transaction === null || isAlwaysPossible(request)) return placeSpecial(lane, request)
      return placeInTransaction(lane, request)
    default:
      return lane.placePinned(request)
  }
}

/** Ends what the client had on a connection of its own, which need not be there for that. */
function isAlwaysPossible(request: Request): boolean {
  const { kind } = request.command
  return kind === Kind.Quit || (kind === Kind.Reset && isPlainReset(request))
}

function isAnsweredByUs(kind: Kind): boolean {
  return kind === Kind.Client || kind === Kind.Wait || kind === Kind.Script || kind === Kind.Function
}

function placeSpecial(lane: Lane, request: Request): boolean {
  switch (request.command.kind) {
    case Kind.Select:
      return placeSelect(lane, request)
    case Kind.Auth:
      return placeAuth(lane, request)
    case Kind.Hello:
      return placeHello(lane, request)
    case Kind.Reset:
      return placeReset(lane, request)
    case Kind.Quit:
      if (lane.inFlight > 0) return false
      return answered(lane, request, OK)
    case Kind.Subscribe:
    case Kind.Unsubscribe:
      return placeSubscribe(lane, request)
    case Kind.Monitor:
      return placeMonitor(lane, request)
    case Kind.Client:
      return placeClientCommand(lane, request)
    case Kind.Wait:
      return placeWait(lane, request)
    case Kind.Proxy:
      return placeProxyCommand(lane, request)
    default:
      return placeControl(lane, request)
  }
}

/** The server queues it and runs it at EXEC; what it does to the connection then ties the client to it. */
function placeInTransaction(lane: Lane, request: Request): boolean {
  const { transaction } = lane.proxy.session
  const { kind } = request.command
  if (transaction !== null) {
    const isReplyMode = kind === Kind.Client && request.words.word(1) === 'reply'
    if (kind === Kind.Subscribe || kind === Kind.Unsubscribe || kind === Kind.Monitor || isReplyMode) {
      transaction.isUnframeable = true
    } else if (kind !== Kind.Reset && kind !== Kind.Wait && kind !== Kind.Script && kind !== Kind.Function)
      transaction.changesConnection = true
  }
  return lane.placePinned(request)
}

function placeExec(lane: Lane, request: Request): boolean {
  const { session } = lane.proxy
  const { transaction } = session
  const mustFail = session.isWatchBroken || transaction?.isAborted === true
  if (!mustFail && transaction?.isUnframeable !== true) return lane.placePinned(request)
  if (lane.inFlight > 0) return false
  if (transaction === null) return lane.placePinned(request)
  if (!mustFail) {
    const pin = lane.takePin()
    if (pin === null) return false
    goRaw(lane, request, pin)
    return true
  }
  // The server's half of the transaction is given up with its connection.
  session.endTransaction()
  lane.lease.drop('its transaction cannot succeed')
  lane.answer(request, transaction.isAborted ? errorReply(errors.EXEC_ABORTED) : nullArrayReply(session.protocol))
  return true
}

function placeStreamed(lane: Lane, request: Request): boolean {
  if (lane.pin === null && lane.inFlight > 0) return false
  const pin = lane.takePin()
  if (pin === null) return false
  lane.queue.shift()
  lane.send(pin, request)
  lane.proxy.streamTo(pin)
  return true
}

function answered(lane: Lane, request: Request, reply: Buffer): boolean {
  lane.answer(request, reply)
  return true
}

/** `PING` without a text, as an array of one word: `*1`, the name's length, the name. */
function isPlainPing(request: Request): boolean {
  return request.bytes[request.start + 1] === 49 && request.bytes[request.start + 2] === 13
}

function isBlockingRead(request: Request): boolean {
  return hasBlockOption(request.words)
}
