// What waits while there is a pause: all that may write, and transactions step by step.
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { isUnblockable } from '../route/refusal.ts'
import type { Lane } from './lane.ts'
import type { Paused } from './pause.ts'

/** Answered by the proxy, or for whoever does the maintenance. */
const neverHeld: ReadonlySet<number> = new Set([
  ...[Kind.Ping, Kind.Quit, Kind.Reset, Kind.Client, Kind.Proxy, Kind.Topology, Kind.CrossProtocol, Kind.Denied],
])

/** These concern the connection alone. WAIT does as well, and would count for nothing after a failover. */
const withoutData: ReadonlySet<number> = new Set([
  ...[Kind.Select, Kind.Auth, Kind.Hello, Kind.Subscribe, Kind.Unsubscribe, Kind.Monitor, Kind.Wait],
])

/** True when the request has to wait for the end of the pause. */
export function isHeld(lane: Lane, request: Request, holds: Paused): boolean {
  const { block, command } = request
  // A transaction whose MULTI has gone goes whole.
  if (block !== null) return block.requests[0] === request
  const isInTransaction = lane.proxy.session.transaction !== null
  if (isInTransaction) return command.kind !== Kind.Quit && command.kind !== Kind.Reset && command.kind !== Kind.Proxy
  return mayWrite(request, holds)
}

/** True for what a pause would not have sent. */
export function mayWrite(request: Request, holds: Paused | undefined): boolean {
  if (request.block !== null) return true
  const { kind, subcommands, repeatable } = request.command
  if (neverHeld.has(kind)) return false
  // It ends what may write.
  if ((kind === Kind.Script || kind === Kind.Function) && request.words.word(1) === 'kill') return false
  if (holds === 'all') return true
  if (withoutData.has(kind)) return false
  return !(subcommands?.get(request.words.word(1))?.repeatable ?? repeatable)
}

/** The server can give it back, and it has done nothing then. */
export function isCallable({ command }: Request): boolean {
  const { kind, module } = command
  return (kind === Kind.Blocking || kind === Kind.BlockingRead) && !module && isUnblockable(command)
}
