// Requests of the proxy's own (handshakes, probes, fences): each reply goes to one function, as bytes.
import { CommandCounts } from '../command/command-counts.ts'
import type { Command } from '../command/table.ts'
import { encodeRequest } from '../resp/request.ts'
import type { BackendConnection } from './backend-connection.ts'
import { Request, type RequestOwner } from './request.ts'

/** @param reply the whole reply, or null when the connection died first. */
export type Answer = (reply: Buffer | null) => void

/** Stands in the records of our own requests; nothing looks it up in a table. */
const ownCommand: Command = {
  known: true,
  name: 'rusteze',
  arity: -1,
  readOnly: true,
  write: false,
  blocking: false,
  script: false,
  module: false,
  firstKey: 0,
  lastKey: 0,
  step: 0,
  movableKeys: false,
  subcommands: undefined,
  repeatable: false,
  isReplicaRead: false,
  kind: 0,
  counts: new CommandCounts(),
}

class ControlOwner implements RequestOwner {
  readonly proxy = null
  readonly server = null
  readonly #answer: Answer
  #parts: Buffer[] = []
  constructor(answer: Answer) {
    this.#answer = answer
  }
  replied(_request: Request, bytes: Buffer, start: number, end: number): void {
    this.#answer(Buffer.from(bytes.subarray(start, end)))
  }
  repliedInPart(_request: Request, bytes: Buffer, start: number, end: number, isLast: boolean): void {
    this.#parts.push(Buffer.from(bytes.subarray(start, end)))
    if (isLast) this.#answer(Buffer.concat(this.#parts))
  }
  lost(): void {
    this.#answer(null)
  }
  connectionLost(): void {}
}

/** Sends one request of our own; `answer` is called exactly once. */
export function ask(connection: BackendConnection, parts: readonly (string | Uint8Array)[], answer: Answer): void {
  askFrame(connection, encodeRequest(parts), answer)
}

/** Like {@link ask}, for a frame that is already written. */
export function askFrame(connection: BackendConnection, frame: Buffer, answer: Answer): void {
  connection.send(new Request(new ControlOwner(answer), ownCommand, frame, 0, frame.length, connection.lastHeardAt))
}

/** The text of an error reply without its `-` and line end; undefined for any other reply. */
export function errorText(reply: Buffer): string | undefined {
  return reply[0] === 45 ? reply.latin1Slice(1, reply.length - 2) : undefined
}
