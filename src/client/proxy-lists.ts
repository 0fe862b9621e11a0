// What PROXY CLIENTS, BACKENDS, POOLS and PINS list: a line of key=value each, never a key, a value or a secret.
import { addressText } from '../backend/backend-context.ts'
import type { ServerStatus } from '../backend/shard-status.ts'
import { clientLine } from './client-list.ts'
import { reasonOfSession } from './pin-reason.ts'
import type { Proxy } from './proxy.ts'
import type { Services } from './services.ts'

type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** As in CLIENT LIST, with what waits, what is on its way, what is not read, and why there is a connection of its own. */
export function clientLines({ clients, runtime }: Services): string {
  const now = runtime.now()
  return lines([...clients.values()], (proxy) => {
    const { lane, output, isStalled } = proxy
    const { head, length } = lane.queue
    const more = line({
      pinned: pinnedFor(proxy) ?? 'no',
      held: length,
      'held-ms': head === null ? 0 : Math.round(now - head.arrivedAt),
      'in-flight': lane.inFlight,
      unread: output.pendingBytes,
      'not-read-from': isStalled,
    })
    return `${clientLine(proxy)} ${more}`
  })
}

export function backendLines({ router }: Services): string {
  return lines(
    router.shards.flatMap(({ status }) => status.servers),
    (server) => line(backendFields(server)),
  )
}

function backendFields({ reads, ...server }: ServerStatus): Fields {
  return {
    address: server.address,
    role: server.role,
    primary: server.isPrimary,
    zone: server.zone,
    'no-reply': server.isLate,
    'link-up': server.isLinkUp,
    'lag-bytes': server.lagBytes,
    ...(reads && {
      'serves-reads': reads.isServing,
      'lag-ms': rounded(reads.lagMs),
      'latency-ms': rounded(reads.latencyMs),
    }),
    says: server.saying,
  }
}

export function poolLines({ router }: Services): string {
  return lines(
    router.shards.flatMap((shard) => shard.pools),
    ({ address, pool }) => {
      const { identity, protocol, db, connections, sharedInFlight } = pool
      const user = identity.username ?? 'default'
      return line({
        address: addressText(address),
        user,
        resp: protocol,
        db,
        ...connections,
        'shared-in-flight': sharedInFlight,
      })
    },
  )
}

export function pinLines({ clients }: Services): string {
  const pinned = [...clients.values()].filter(({ lane }) => lane.pin !== null || lane.lease.isAwaited)
  return lines(pinned, (proxy) => {
    const { lane, session } = proxy
    const { pin, lease, inFlight } = lane
    if (pin === null) return line({ client: session.id, state: 'awaited' })
    const { reason, ms } = lease.taken
    const fields = { 'taken-for': reason, needed: pinnedFor(proxy), 'age-ms': Math.round(ms), 'in-flight': inFlight }
    return line({ client: session.id, state: 'lent', connection: pin.id, ...fields })
  })
}

/** Why the client has a connection of its own; undefined when it has none. */
function pinnedFor({ lane, session }: Proxy): string | undefined {
  return lane.pin === null ? undefined : (reasonOfSession(session) ?? lane.lease.taken.reason)
}

function lines<Item>(items: readonly Item[], textOf: (item: Item) => string): string {
  return items.map((item) => `${textOf(item)}\n`).join('')
}

/** What is not known is left empty; a text with blanks in it has quotes around it. */
function line(fields: Fields): string {
  return Object.entries(fields)
    .map(([key, value = '']) => `${key}=${typeof value === 'boolean' ? (value ? 'yes' : 'no') : quoted(String(value))}`)
    .join(' ')
}

/** One character for one byte of the reply, and no line breaks. */
function quoted(text: string): string {
  return /^[!#-~]*$/.test(text) ? text : JSON.stringify(text).replace(/[^ -~]/g, '?')
}

function rounded(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 10) / 10
}
