// Carries what a reply means over to the client's session: what the server now remembers of its connection, we remember too.
import { withHelloId } from '../backend/handshake.ts'
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { FENCE_REFUSED } from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import { ReplyFramer } from '../resp/reply-framer.ts'
import { Arguments } from '../resp/request.ts'
import type { Lane } from './lane.ts'
import { clientIdentity, type HelloRequest, parseHello } from './place-session.ts'
import type { Session } from './session.ts'
import { Transaction } from './transaction.ts'

const MINUS = 45
const PLUS = 43
const LETTER_Q = 81

/** @returns the reply the client gets in place of this one, null to pass it on. */
export function settle(lane: Lane, request: Request, bytes: Buffer, start: number, end: number): Buffer | null {
  const { kind } = request.command
  const { session } = lane.proxy
  const isError = bytes[start] === MINUS
  if (session.transaction !== null) {
    settleInTransaction(lane, request, bytes, start, end)
    return null
  }
  if (kind === Kind.Ordinary || (isError && kind !== Kind.Unknown && kind !== Kind.Wait)) return null
  const isOk = bytes[start] === PLUS
  switch (kind) {
    case Kind.Multi:
      session.transaction = new Transaction()
      session.transaction.remember(request.bytes, request.start, request.end)
      return null
    case Kind.Watch:
      session.isWatching = true
      return null
    case Kind.Unwatch:
      session.isWatching = false
      session.isWatchBroken = false
      return null
    case Kind.Select:
      session.db = Number(request.words.text(1))
      lane.moveToPool()
      return null
    case Kind.Auth:
      settleAuth(lane, request.words)
      return null
    case Kind.Hello:
      return settleHello(lane, request, bytes, start, end)
    case Kind.Sticky:
      if (isOk) lane.lease.stick(request.command.name, request)
      return null
    case Kind.Unknown:
      settleUnknown(lane, bytes, start, end)
      return null
    case Kind.Client:
      if (isOk) settleClient(lane, request)
      return isOk ? null : withOwnIds(lane, request.words, bytes, start, end)
    case Kind.Eval:
      lane.proxy.services.scripts.add(request.words.bytes(1))
      return null
    case Kind.Script:
      settleScript(lane, request.words)
      return null
    case Kind.Wait:
      return lane.isFenceRefused ? errorReply(FENCE_REFUSED) : null
    default:
      return null
  }
}

function settleInTransaction(lane: Lane, request: Request, bytes: Buffer, start: number, end: number): void {
  const { session } = lane.proxy
  const transaction = session.transaction!
  const { kind } = request.command
  const isOk = bytes[start] === PLUS
  if (isOk && bytes[start + 1] === LETTER_Q) {
    if (request.isStreamed) transaction.isForgotten = true
    else transaction.remember(request.bytes, request.start, request.end)
    return
  }
  // MULTI and WATCH are no part of a transaction, and an error of theirs does not fail it.
  if (bytes[start] === MINUS && kind !== Kind.Multi && kind !== Kind.Watch) transaction.isDirty = true
  // Whatever EXEC answers, an error included, the transaction is over.
  if (kind !== Kind.Exec && !(kind === Kind.Discard && isOk)) return
  session.endTransaction()
  if (transaction.changesConnection && kind === Kind.Exec && bytes[start] !== MINUS) {
    settleQueued(session, transaction.frames, bytes, start, end)
    session.stickyReason = 'transaction'
    session.isIrreplaceable = true
    lane.lease.isDirty = true
  }
}

/** What the queued requests changed on the connection, each if its part of EXEC's reply is no error. */
function settleQueued(session: Session, frames: readonly Buffer[], bytes: Buffer, start: number, end: number): void {
  const framer = new ReplyFramer()
  let at = bytes.indexOf('\r\n', start) + 2
  // The first frame is MULTI's.
  for (const frame of frames.slice(1)) {
    if (!framer.scan(bytes, at, end)) return
    if (bytes[at] !== MINUS) settleOne(session, new Arguments(frame, 0, frame.length))
    at = framer.position
  }
}

function settleOne(session: Session, words: Arguments): void {
  switch (words.word(0)) {
    case 'select':
      session.db = Number(words.text(1))
      break
    case 'auth':
      noteLogin(session, words)
      break
    case 'hello':
      noteHello(session, words)
      break
    case 'client':
      if (words.word(1) === 'setname') session.name = words.text(2)
      break
    default:
  }
}

function settleAuth(lane: Lane, words: Arguments): void {
  noteLogin(lane.proxy.session, words)
  lane.moveToPool()
}

function noteLogin(session: Session, words: Arguments): void {
  session.identity =
    words.count > 2 ? clientIdentity(words.text(1), words.text(2)) : clientIdentity('default', words.text(1))
}

function settleHello(lane: Lane, request: Request, bytes: Buffer, start: number, end: number): Buffer | null {
  const { session } = lane.proxy
  const hello = noteHello(session, request.words)
  if (hello === undefined) return null
  if (hello.name !== undefined) lane.lease.isDirty = true
  lane.moveToPool()
  return withHelloId(Buffer.from(bytes.subarray(start, end)), session.id)
}

function noteHello(session: Session, words: Arguments): HelloRequest | undefined {
  const hello = parseHello(words)
  if (hello === undefined) return undefined
  session.protocol = hello.protocol ?? session.protocol
  if (hello.username !== undefined) session.identity = clientIdentity(hello.username, hello.password ?? '')
  if (hello.name !== undefined) session.name = hello.name
  return hello
}

/** A command that is in no table: when the server knew it, it may have changed the connection. */
function settleUnknown(lane: Lane, bytes: Buffer, start: number, end: number): void {
  const text = bytes.latin1Slice(start, Math.min(end, start + 64))
  if (text.startsWith('-')) return
  lane.proxy.session.stickyReason = 'unknown command'
  lane.lease.isDirty = true
}

/** A CLIENT subcommand that changed the connection it ran on. */
function settleClient(lane: Lane, request: Request): void {
  const words = request.words
  const { session } = lane.proxy
  switch (words.word(1)) {
    case 'tracking':
      session.isTracking = words.word(2) === 'on'
      session.restoring = session.restoring.filter((frame) => !isTracking(frame))
      if (session.isTracking) lane.lease.stick('tracking', request)
      else if (session.restoring.length === 0) session.stickyReason = ''
      break
    case 'caching':
      // Holds for the next command only.
      break
    default:
      lane.lease.stick(`client ${words.word(1)}`, request)
  }
}

/** The server names the client that tracking is redirected to by the number of its connection. */
function withOwnIds(lane: Lane, words: Arguments, bytes: Buffer, start: number, end: number): Buffer | null {
  const word = words.word(1)
  if (word !== 'getredir' && word !== 'trackinginfo') return null
  // 0 and -1 are no ids.
  const pattern = word === 'getredir' ? /^(:)([1-9]\d*)/ : /(\r\nredirect\r\n:)([1-9]\d*)/
  const { redirectId } = lane.proxy.session
  const text = bytes.latin1Slice(start, end).replace(pattern, (_, before: string) => `${before}${redirectId}`)
  return Buffer.from(text, 'latin1')
}

function isTracking(frame: Buffer): boolean {
  return new Arguments(frame, 0, frame.length).word(1) === 'tracking'
}

function settleScript(lane: Lane, words: Arguments): void {
  const { scripts } = lane.proxy.services
  if (words.word(1) === 'load' && words.count === 3) scripts.add(words.bytes(2))
  else if (words.word(1) === 'flush') scripts.clear()
}
