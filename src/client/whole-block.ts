// Transactions that arrive whole and hold only what may travel over a shared connection: looks ahead for their end, and ties their requests together.
import type { Request, WholeBlock } from '../backend/request.ts'
import { isPlainInBlock, Kind } from '../command/classify.ts'
import type { CommandTable } from '../command/table.ts'
import { RequestFramer, Scan } from '../resp/request-framer.ts'
import type { Lane } from './lane.ts'

/**
 * Takes the next request into the block under way, or begins one with a MULTI whose block may go over the shared connection.
 * @param to where the bytes received so far end. @returns the block, as long as it goes on.
 */
export function gatherBlock(block: WholeBlock | null, lane: Lane, request: Request, to: number): WholeBlock | null {
  const { kind } = request.command
  if (block !== null) {
    addTo(block, request)
    return kind === Kind.Exec || kind === Kind.Discard ? null : block
  }
  if (kind !== Kind.Multi || !isFree(lane)) return null
  if (!isWhole(lane.proxy.services.commands, request.bytes, request.end, to)) return null
  const begun: WholeBlock = { requests: [] }
  addTo(begun, request)
  return begun
}

/** Nothing binds the client to a connection of its own, now or soon. */
function isFree({ pin, queue, proxy }: Lane): boolean {
  const { needsPin, isWatchBroken } = proxy.session
  return pin === null && queue.head === null && !needsPin && !isWatchBroken && proxy.config.sharedConnections > 0
}

function addTo(block: WholeBlock, request: Request): void {
  request.block = block
  block.requests.push(request)
}

/** @param from where the bytes behind MULTI begin. @returns true when EXEC or DISCARD ends it before `to`. */
function isWhole(commands: CommandTable, bytes: Buffer, from: number, to: number): boolean {
  const framer = new RequestFramer()
  for (let at = from; ; at = framer.position) {
    if (framer.scan(bytes, at, to) !== Scan.Complete) return false
    const command = commands.find(bytes, framer.nameStart, framer.nameEnd)
    if (command.kind === Kind.Exec || command.kind === Kind.Discard) return framer.argumentCount === 1
    if (!isPlainInBlock(command)) return false
  }
}
