// What RUSTEZE_DENY refuses: whole commands by their kind, single subcommands by name.
import { Kind } from '../command/classify.ts'
import type { Command } from '../command/table.ts'
import { Arguments } from '../resp/request.ts'

/** Commands whose subcommands may be refused one by one. */
const containers: ReadonlySet<number> = new Set([
  ...[Kind.PartlyDenied, Kind.Client, Kind.Script, Kind.Function, Kind.Proxy],
])

/** What RUSTEZE_DENY calls the request bytes[start, end) with this command; undefined when it is allowed. */
export function deniedName(
  deny: readonly string[],
  { kind, name }: Command,
  bytes: Buffer,
  start: number,
  end: number,
): string | undefined {
  if (kind === Kind.Denied) return name
  if (!containers.has(kind)) return undefined
  const full = `${name}|${new Arguments(bytes, start, end).word(1)}`
  return deny.includes(full) ? full : undefined
}
