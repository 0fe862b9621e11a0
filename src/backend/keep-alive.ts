// Keeps a connection alive on which nothing is asked, so that the server's `timeout` never meets a write, and finds half-open ones.
import type { Config } from '../config.ts'
import type { BackendConnection } from './backend-connection.ts'
import { ask } from './control.ts'

/** @param isQueueing in the middle of a transaction, where the server would queue a PING. */
export function keepAlive(connection: BackendConnection, config: Config, now: number, isQueueing: boolean): void {
  if (!connection.isReady || connection.raw !== null) return
  if (connection.inFlight > 0) {
    // Nobody but our own PING waits for it: a fresh connection costs nobody anything.
    if (connection.isPinged && connection.inFlight === 1 && now - connection.waitingSince > config.replyTimeoutMs) {
      connection.destroy('no answer to PING')
    }
    return
  }
  if (now - connection.lastHeardAt <= config.backendPingMs || isQueueing) return
  connection.isPinged = true
  connection.waitingSince = now
  ask(connection, ['PING'], () => {
    connection.isPinged = false
  })
}
