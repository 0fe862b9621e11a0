// SELECT, AUTH, HELLO and RESET: the client moves to another pool, and no other client notices.
import type { BackendConnection } from '../backend/backend-connection.ts'
import { type Identity, withHelloId } from '../backend/handshake.ts'
import type { Request } from '../backend/request.ts'
import { OK, type Protocol, RESET } from '../resp/reply.ts'
import type { Arguments } from '../resp/request.ts'
import { digestOf } from '../runtime/digest.ts'
import type { Lane } from './lane.ts'

/** A user whose password a client gave; the key holds a digest, so that only the right password joins the pool. */
export function clientIdentity(username: string, password: string): Identity {
  const digest = digestOf('sha256', Buffer.from(password, 'latin1'))
  return { username, password, key: `${username} ${digest}` }
}

/** What a HELLO asks for; undefined where only the server can say what is wrong with it. */
export interface HelloRequest {
  readonly protocol: Protocol | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly name: string | undefined
}

export function parseHello(words: Arguments): HelloRequest | undefined {
  const version = words.text(1)
  if (words.count > 1 && version !== '2' && version !== '3') return undefined
  let username: string | undefined
  let password: string | undefined
  let name: string | undefined
  for (let index = 2; index < words.count; ) {
    const option = words.word(index)
    if (option === 'auth' && index + 2 < words.count) {
      username = words.text(index + 1)
      password = words.text(index + 2)
      index += 3
    } else if (option === 'setname' && index + 1 < words.count) {
      name = words.text(index + 1)
      if (!isClientName(name)) return undefined
      index += 2
    } else return undefined
  }
  return { protocol: words.count > 1 ? (Number(version) as Protocol) : undefined, username, password, name }
}

/** What the server allows as a client's name: printable, without blanks. */
export function isClientName(text: string): boolean {
  return /^[!-~]*$/.test(text)
}

export function placeSelect(lane: Lane, request: Request): boolean {
  if (lane.inFlight > 0) return false
  const words = request.words
  if (lane.pin !== null) return lane.placePinned(request)
  // What is no plain number is an error that the server words.
  if (words.count !== 2 || !/^(0|[1-9]\d{0,8})$/.test(words.text(1))) return lane.placeShared(request)
  const { session } = lane.proxy
  const db = Number(words.text(1))
  const pool = lane.shard.existingPool(session.identity, session.protocol, db)
  if (pool?.isProven !== true || !lane.shard.isServing) return lane.placePinned(request)
  session.db = db
  lane.moveToPool()
  lane.answer(request, OK)
  return true
}

export function placeAuth(lane: Lane, request: Request): boolean {
  return placeLogin(lane, request)
}

export function placeHello(lane: Lane, request: Request): boolean {
  if (lane.inFlight > 0) return false
  const words = request.words
  const hello = parseHello(words)
  // An error of the server's changes nothing, on whatever connection it is made.
  if (hello === undefined) return lane.placeAnywhere(request)
  if (hello.username !== undefined) return placeLogin(lane, request)
  const { session } = lane.proxy
  const protocol = hello.protocol ?? session.protocol
  const pool = lane.shard.existingPool(session.identity, protocol, session.db)
  if (lane.pin !== null || pool?.isProven !== true || !lane.shard.isServing) return lane.placePinned(request)
  session.protocol = protocol
  if (hello.name !== undefined) session.name = hello.name
  lane.moveToPool()
  lane.answer(request, withHelloId(pool.hello!, session.id))
  return true
}

/** The server judges each login, on a connection that is shared with nobody. */
function placeLogin(lane: Lane, request: Request): boolean {
  if (lane.inFlight > 0) return false
  const { session, services } = lane.proxy
  const pin: BackendConnection | null = lane.takePin(
    lane.shard.pool(services.ownIdentity(), session.protocol, session.db),
  )
  if (pin === null) return false
  lane.queue.shift()
  lane.send(pin, request)
  return true
}

/** With an argument it is an error, which fails an open transaction. */
export function isPlainReset(request: Request): boolean {
  return request.words.count === 1
}

export function placeReset(lane: Lane, request: Request): boolean {
  if (!isPlainReset(request)) return lane.placeAnywhere(request)
  if (lane.inFlight > 0) return false
  const { session, services } = lane.proxy
  lane.lease.drop('RESET')
  session.reset(services.ownIdentity(), services.config.backendDatabase, !services.needsPassword)
  lane.moveToPool()
  lane.answer(request, RESET)
  return true
}
