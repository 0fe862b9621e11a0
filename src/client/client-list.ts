// Describes the proxy's clients the way Redis describes its own: lines of CLIENT LIST and the filters of CLIENT KILL.
import { Kind } from '../command/classify.ts'
import type { Arguments } from '../resp/request.ts'
import type { Proxy } from './proxy.ts'

/** One line of CLIENT LIST, without its line break. */
export function clientLine(proxy: Proxy): string {
  const { session, stream, services } = proxy
  const now = services.runtime.now()
  const seconds = (since: number) => Math.floor((now - since) / 1000)
  const unread = proxy.output.pendingBytes
  const unanswered = unansweredBytes(proxy)
  // In Redis's order. What has no meaning here is written as Redis writes it where there is nothing to tell.
  const fields = {
    id: session.id,
    addr: stream.remoteAddress,
    laddr: stream.localAddress,
    fd: -1,
    name: session.name,
    age: seconds(proxy.connectedAt),
    idle: seconds(proxy.lastRequestAt),
    flags: flagsOf(proxy),
    db: session.db,
    ...(session.subscriptions?.counts ?? { sub: 0, psub: 0, ssub: 0 }),
    multi: session.transaction === null ? -1 : session.transaction.frames.length - 1,
    qbuf: unanswered,
    'qbuf-free': 0,
    'argv-mem': 0,
    'multi-mem': session.transaction?.frames.reduce((sum, frame) => sum + frame.length, 0) ?? 0,
    rbs: 0,
    rbp: 0,
    obl: 0,
    oll: 0,
    omem: unread,
    'tot-mem': unanswered + unread,
    events: 'r',
    cmd: proxy.lastCommand?.name ?? 'NULL',
    user: session.identity.username ?? 'default',
    redir: session.isTracking ? session.redirectId : -1,
    resp: session.protocol,
    'lib-name': session.libraryName,
    'lib-ver': session.libraryVersion,
    watch: session.isWatching ? 1 : 0,
  }
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
}

/** Bytes of the requests that wait for their replies, the one that asks for the list included. */
function unansweredBytes(proxy: Proxy): number {
  let bytes = 0
  for (let request = proxy.replies.head; request !== null; request = request.nextReply)
    bytes += request.end - request.start
  return bytes
}

function flagsOf(proxy: Proxy): string {
  const { session, lane } = proxy
  const flags = [
    lane.isRaw ? 'O' : '',
    session.isSubscribed ? 'P' : '',
    session.transaction === null ? '' : 'x',
    isBlocked(proxy) ? 'b' : '',
    session.isTracking ? 't' : '',
  ].join('')
  return flags === '' ? 'N' : flags
}

/** True while the client waits in a blocking command. */
export function isBlocked(proxy: Proxy): boolean {
  const kind = proxy.lane.pin?.headOf(proxy.lane)?.command.kind
  return kind === Kind.Blocking || kind === Kind.BlockingRead || kind === Kind.Wait
}

/** True while a blocking command of the client's waits for a primary, or for the end of a pause: later it would take what nobody gets. */
export function isHeldBeforeBlocking({ lane }: Proxy): boolean {
  if (lane.shard.isOpen) return false
  for (let request = lane.queue.head; request !== null; request = request.next) {
    const { kind } = request.command
    if (kind === Kind.Blocking || kind === Kind.BlockingRead) return true
  }
  return false
}

/** The words of a client's type in CLIENT LIST TYPE and CLIENT KILL TYPE. */
function typeOf(proxy: Proxy): string {
  return proxy.session.isSubscribed ? 'pubsub' : 'normal'
}

/** Reads the filters of CLIENT KILL or LIST from argument `first` on. @returns undefined where only the server can say what is wrong. */
export function clientFilter(
  words: Arguments,
  first: number,
  self: Proxy,
  skipsSelf: boolean,
): ((proxy: Proxy) => boolean) | undefined {
  const tests: ((proxy: Proxy) => boolean)[] = []
  let skip = skipsSelf
  for (let index = first; index < words.count; ) {
    const option = words.word(index)
    const value = words.text(index + 1)
    if (option === 'id' && words.word(0) === 'client' && words.word(1) === 'list') {
      const ids = new Set(Array.from({ length: words.count - index - 1 }, (_, k) => words.text(index + 1 + k)))
      if (ids.size === 0 || [...ids].some((id) => !/^[1-9]\d*$/.test(id))) return undefined
      tests.push((proxy) => ids.has(String(proxy.session.id)))
      break
    }
    if (index + 1 >= words.count) return undefined
    if (option === 'id' && /^[1-9]\d*$/.test(value)) tests.push((proxy) => String(proxy.session.id) === value)
    else if (option === 'addr') tests.push((proxy) => proxy.stream.remoteAddress === value)
    else if (option === 'laddr') tests.push((proxy) => proxy.stream.localAddress === value)
    else if (option === 'user') tests.push((proxy) => (proxy.session.identity.username ?? 'default') === value)
    else if (option === 'maxage' && /^[1-9]\d*$/.test(value)) {
      tests.push((proxy) => (proxy.services.runtime.now() - proxy.connectedAt) / 1000 >= Number(value))
    } else if (option === 'type' && /^(normal|pubsub|master|primary|replica|slave)$/i.test(value)) {
      tests.push((proxy) => typeOf(proxy) === value.toLowerCase())
    } else if (option === 'skipme' && /^(yes|no)$/i.test(value)) skip = value.toLowerCase() === 'yes'
    else return undefined
    index += 2
  }
  if (skip) tests.push((proxy) => proxy !== self)
  return (proxy) => tests.every((test) => test(proxy))
}
