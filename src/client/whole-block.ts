// Looks ahead whether a transaction has arrived whole and holds only what may travel over a shared connection.
import { isPlainInBlock, Kind } from '../command/classify.ts'
import type { CommandTable } from '../command/table.ts'
import { RequestFramer, Scan } from '../resp/request-framer.ts'

/** @param from where the bytes behind MULTI begin. @returns true when EXEC or DISCARD ends it before `to`. */
export function isWholeBlock(commands: CommandTable, bytes: Buffer, from: number, to: number): boolean {
  const framer = new RequestFramer()
  for (let at = from; ; at = framer.position) {
    if (framer.scan(bytes, at, to) !== Scan.Complete) return false
    const command = commands.find(bytes, framer.nameStart, framer.nameEnd)
    if (command.kind === Kind.Exec || command.kind === Kind.Discard) return framer.argumentCount === 1
    if (!isPlainInBlock(command)) return false
  }
}
