// Makes sure that a command is in flight when its connection is cut: the link lets it pass and keeps its reply.

import type { FaultLink } from '../support/fault-link.ts'
import type { LinkConnection } from '../support/link-connection.ts'
import type { RawClient } from '../support/raw-client.ts'
import { pipeline, type Stage } from '../support/stage.ts'

export type HeldUp = {
  /** On which the last of the commands went to the server; its replies are kept. */
  readonly connection: LinkConnection
  /** Of all the commands, once the connection was cut. */
  readonly replies: Promise<string[]>
}

/** Sends commands in one write, and waits until the last of them is on its way to the server. */
export async function holdUp(
  { link }: Stage,
  client: RawClient,
  ...commands: readonly (readonly string[])[]
): Promise<HeldUp> {
  const passed = passing(link, commands.at(-1)!, (connection) => connection.holdReplies())
  const replies = pipeline(client, ...commands)
  // Where the client is closed, nobody asks for them.
  replies.catch(() => {})
  return { connection: await passed, replies }
}

/** The connection on which this very command goes to the server next. */
export function passing(
  link: FaultLink,
  command: readonly string[],
  then: (connection: LinkConnection) => void = () => {},
): Promise<LinkConnection> {
  return new Promise((resolve) => {
    link.judge = (words, connection) => {
      if (words.join(' ') !== command.join(' ')) return undefined
      link.judge = undefined
      then(connection)
      resolve(connection)
      return undefined
    }
  })
}
