// Sorts commands by what they need of the proxy: most nothing, some a connection of their own, some an answer of ours.
import { OWN_COMMAND } from './own-command.ts'
import type { Command } from './table.ts'

/** Set once per command; 0 takes the fast path. */
export const Kind = {
  Ordinary: 0,
  /** Not in the server's table: only the server can tell what it does to its connection. */
  Unknown: 1,
  /** Changes its connection in a way that is not tracked: a connection of its own until the client leaves. */
  Sticky: 2,
  Blocking: 3,
  /** XREAD, XREADGROUP: blocking only with BLOCK. */
  BlockingRead: 4,
  Select: 5,
  Auth: 6,
  Hello: 7,
  Multi: 8,
  Exec: 9,
  Discard: 10,
  Watch: 11,
  Unwatch: 12,
  Subscribe: 13,
  Unsubscribe: 14,
  /** What follows answers nobody (MONITOR), or is no RESP at all (SYNC). */
  Monitor: 15,
  Client: 16,
  Wait: 17,
  Ping: 18,
  Quit: 19,
  Reset: 20,
  /** SCRIPT: LOAD and FLUSH are noted, KILL takes the control connection. */
  Script: 21,
  Eval: 22,
  EvalSha: 23,
  Function: 24,
  /** `POST` and `Host:`: what a browser sends; Redis closes such a client. */
  CrossProtocol: 25,
  /** Refused by RUSTEZE_DENY. */
  Denied: 26,
  /** An ordinary container with a subcommand that is refused. */
  PartlyDenied: 27,
  /** Changes who is primary, so it must not wait for one. */
  Topology: 28,
  /** About this proxy, and answered by it; a server that has such a command of its own gets it. */
  Proxy: 29,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

const kinds = new Map<string, Kind>([
  ['select', Kind.Select],
  ['auth', Kind.Auth],
  ['hello', Kind.Hello],
  ['multi', Kind.Multi],
  ['exec', Kind.Exec],
  ['discard', Kind.Discard],
  ['watch', Kind.Watch],
  ['unwatch', Kind.Unwatch],
  ['subscribe', Kind.Subscribe],
  ['psubscribe', Kind.Subscribe],
  ['ssubscribe', Kind.Subscribe],
  ['unsubscribe', Kind.Unsubscribe],
  ['punsubscribe', Kind.Unsubscribe],
  ['sunsubscribe', Kind.Unsubscribe],
  ['monitor', Kind.Monitor],
  ['client', Kind.Client],
  ['wait', Kind.Wait],
  ['waitaof', Kind.Wait],
  ['ping', Kind.Ping],
  ['quit', Kind.Quit],
  ['reset', Kind.Reset],
  ['script', Kind.Script],
  ['eval', Kind.Eval],
  ['eval_ro', Kind.Eval],
  ['evalsha', Kind.EvalSha],
  ['evalsha_ro', Kind.EvalSha],
  ['function', Kind.Function],
  ['post', Kind.CrossProtocol],
  ['host:', Kind.CrossProtocol],
  ['xread', Kind.BlockingRead],
  ['xreadgroup', Kind.BlockingRead],
  ['replicaof', Kind.Topology],
  ['slaveof', Kind.Topology],
  ['failover', Kind.Topology],
  ['readonly', Kind.Sticky],
  ['readwrite', Kind.Sticky],
  ['asking', Kind.Sticky],
  // A replication stream follows, which is not made of replies.
  ['sync', Kind.Monitor],
  ['psync', Kind.Monitor],
  // What it leaves behind on a connection is the server's own business.
  ['replconf', Kind.Sticky],
  // It may take long or end the server, and leaves nothing behind on its connection.
  ['debug', Kind.Blocking],
])

function isOwn({ name, known }: Pick<Command, 'name' | 'known'>): boolean {
  return !known && name === OWN_COMMAND
}

/** The kind of a command by its name and the server's flags. */
export function kindOf(command: Pick<Command, 'name' | 'known' | 'blocking'>): Kind {
  if (isOwn(command)) return Kind.Proxy
  const kind = kinds.get(command.name)
  if (kind !== undefined) return kind
  if (!command.known) return Kind.Unknown
  return command.blocking ? Kind.Blocking : Kind.Ordinary
}

/** Like {@link kindOf}, with the commands of RUSTEZE_DENY taken out. @param denied `command` or `command|subcommand`, lower case. */
export function kindsWithout(
  denied: readonly string[],
): (command: Pick<Command, 'name' | 'known' | 'blocking'>) => Kind {
  const whole = new Set(denied)
  const containers = new Set(
    denied.filter((name) => name.includes('|')).map((name) => name.slice(0, name.indexOf('|'))),
  )
  return (command) => {
    if (whole.has(command.name)) return Kind.Denied
    const kind = kindOf(command)
    return kind === Kind.Ordinary && containers.has(command.name) ? Kind.PartlyDenied : kind
  }
}

/** Commands that may stand in a block that travels over a shared connection: ordinary ones that work on keys. */
export function isPlainInBlock(command: Command): boolean {
  return command.kind === Kind.Ordinary && command.known && (command.firstKey > 0 || command.movableKeys)
}

/** True for XREAD and XREADGROUP with a BLOCK option; option words end where the streams begin. */
export function hasBlockOption(words: { readonly count: number; word(index: number): string }): boolean {
  for (let index = 1; index < words.count; index++) {
    const word = words.word(index)
    if (word === 'streams') return false
    if (word === 'block') return true
    if (word === 'group') index += 2
    else if (word === 'count' || word === 'claim') index++
  }
  return false
}
