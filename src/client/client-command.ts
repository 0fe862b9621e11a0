// The CLIENT command: about the proxy's clients, since the server's own list shows only the proxy.
import type { Request } from '../backend/request.ts'
import { bulkReply, errorReply, integerReply, nullReply, OK, verbatimReply } from '../resp/reply.ts'
import { type Arguments, encodeRequest } from '../resp/request.ts'
import { clientFilter, clientLine, isBlocked } from './client-list.ts'
import type { Lane } from './lane.ts'
import { overControl } from './place-control.ts'
import { isClientName } from './place-session.ts'
import type { Proxy } from './proxy.ts'
import { ReplyMode, silence } from './session.ts'

/** Subcommands that change nothing and may run on any connection. */
const HARMLESS = new Set(['help', 'trackinginfo', 'getredir'])

/** The largest id a server can give, after as many connections. */
const NOBODY = String(2n ** 63n - 1n)

/** Sends or answers the first request of the queue, a CLIENT command outside of a transaction. */
export function placeClientCommand(lane: Lane, request: Request): boolean {
  const words = request.words
  const { proxy } = lane
  const reply = answerLocally(proxy, words)
  if (reply !== undefined) {
    lane.answer(request, reply)
    return true
  }
  switch (words.word(1)) {
    case 'pause':
    case 'unpause':
      return overControl(lane, request)
    case 'unblock':
      return placeUnblock(lane, request, words)
    case 'tracking':
      return placeTracking(lane, request, words)
    case 'reply':
      return placeReplyMode(lane, request, words)
    case 'kill':
      return placeKill(lane, request, words)
    // Whatever is left of these is an error, which the server words best.
    case 'id':
    case 'getname':
    case 'setname':
    case 'setinfo':
    case 'info':
    case 'list':
    case '':
      return lane.placeAnywhere(request)
    default:
      return HARMLESS.has(words.word(1)) ? lane.placeAnywhere(request) : lane.placePinned(request)
  }
}

function answerLocally(proxy: Proxy, words: Arguments): Buffer | undefined {
  const { session } = proxy
  const { count } = words
  switch (words.word(1)) {
    case 'id':
      return count === 2 ? integerReply(session.id) : undefined
    case 'getname':
      if (count !== 2) return undefined
      return session.name === '' ? nullReply(session.protocol) : bulkReply(session.name)
    case 'setname':
      if (count !== 3 || !isClientName(words.text(2))) return undefined
      session.name = words.text(2)
      return OK
    case 'setinfo':
      return count === 4 ? setInfo(proxy, words) : undefined
    case 'info':
      return count === 2 ? verbatimReply(`${clientLine(proxy)}\n`, session.protocol) : undefined
    case 'list':
      return listClients(proxy, words)
    default:
      return undefined
  }
}

function setInfo(proxy: Proxy, words: Arguments): Buffer | undefined {
  const value = words.text(3)
  const option = words.word(2)
  const isKnown = proxy.services.commands.get('client|setinfo') !== undefined
  if (!isKnown || (option !== 'lib-name' && option !== 'lib-ver') || !isClientName(value)) return undefined
  if (option === 'lib-name') proxy.session.libraryName = value
  else proxy.session.libraryVersion = value
  return OK
}

function listClients(proxy: Proxy, words: Arguments): Buffer | undefined {
  const filter = clientFilter(words, 2, proxy, false)
  if (filter === undefined) return undefined
  const lines = [...proxy.services.clients.values()].filter(filter).map(clientLine)
  return verbatimReply(lines.map((line) => `${line}\n`).join(''), proxy.session.protocol)
}

function placeKill(lane: Lane, request: Request, words: Arguments): boolean {
  const { proxy } = lane
  const { clients, runtime } = proxy.services
  const isOldForm = words.count === 3
  const filter = isOldForm
    ? (other: Proxy) => other.stream.remoteAddress === words.text(2)
    : words.count > 3 && clientFilter(words, 2, proxy, true)
  if (!filter) return lane.placeAnywhere(request)
  const victims = [...clients.values()].filter(filter)
  const doubtful = isOldForm ? [] : doubtfulOptions(words)
  if (victims.length === 0 && doubtful.length > 0) {
    // With the id of nobody the server ends no connection of ours.
    request.replaceFrame(encodeRequest(['CLIENT', 'KILL', ...doubtful, 'ID', NOBODY]))
    return lane.placeAnywhere(request)
  }
  for (const victim of victims) {
    // A client that kills itself still hears of it.
    if (victim === proxy) runtime.atEndOfTurn(() => victim.closeAfterReplies())
    else victim.close('CLIENT KILL')
  }
  const oldReply = victims.length > 0 ? OK : errorReply('ERR No such client')
  lane.answer(request, isOldForm ? oldReply : integerReply(victims.length))
  return true
}

/** What only the server can judge: whether there is such a user, and whether it knows the option, which Redis 7.0 does not. */
function doubtfulOptions(words: Arguments): string[] {
  const options: string[] = []
  for (let index = 2; index + 1 < words.count; index += 2) {
    const option = words.word(index)
    if (option === 'user' || option === 'maxage') options.push(option, words.text(index + 1))
  }
  return options
}

/**
 * CLIENT REPLY ON|OFF|SKIP: emulated, since on a shared connection it would silence everybody, and on none can a reply that
 * never comes be told from one that is late. It holds for the requests behind it, those already read included.
 */
function placeReplyMode(lane: Lane, request: Request, words: Arguments): boolean {
  const { session } = lane.proxy
  const mode = words.count === 3 ? words.word(2) : ''
  if (mode === 'on' || mode === 'off') {
    session.replyMode = mode
    for (let each: Request | null = request; each !== null; each = each.nextReply) silence(each, mode === 'off')
  } else if (mode === 'skip') {
    silence(request, true)
    if (request.nextReply !== null) silence(request.nextReply, true)
    else if (session.replyMode === ReplyMode.On) session.replyMode = ReplyMode.SkipNext
  } else return lane.placeAnywhere(request)
  lane.answer(request, OK)
  return true
}

/** The client's number is ours, the one the server knows is that of its connection. */
function placeUnblock(lane: Lane, request: Request, words: Arguments): boolean {
  const option = words.word(3)
  const isWellFormed = words.count === 3 || (words.count === 4 && (option === 'timeout' || option === 'error'))
  if (!isWellFormed || !/^\d+$/.test(words.text(2))) {
    return lane.placeAnywhere(request)
  }
  const target = lane.proxy.services.clients.get(Number(words.text(2)))
  if (target === undefined || !isBlocked(target)) {
    lane.answer(request, integerReply(0))
    return true
  }
  const rest = words.count === 4 ? [option] : []
  return overControl(lane, request, encodeRequest(['CLIENT', 'UNBLOCK', String(target.lane.pin!.id), ...rest]))
}

/** REDIRECT names a client of ours; the server has to be told the number of its connection. */
function placeTracking(lane: Lane, request: Request, words: Arguments): boolean {
  const parts = Array.from({ length: words.count }, (_, index) => words.bytes(index) as Uint8Array | string)
  const { session } = lane.proxy
  if (words.word(2) === 'on') session.redirectId = 0
  for (let index = 3; index + 1 < words.count; index++) {
    if (words.word(index) !== 'redirect') continue
    const target = lane.proxy.services.clients.get(Number(words.text(index + 1)))
    if (target === undefined) continue
    const pin = target === lane.proxy ? lane.takePin() : target.lane.lease.keep('redirect target', lane)
    // Rewritten once, when it is certain to be sent: a server's number looks like one of ours.
    if (pin === null || lane.takePin() === null) return false
    session.redirectId = target.session.id
    parts[index + 1] = String(pin.id)
    request.replaceFrame(encodeRequest(parts))
    break
  }
  return lane.placePinned(request)
}
