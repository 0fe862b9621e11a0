// What PROXY SLOWLOG answers: entries as Redis's SLOWLOG has them, with the shares of proxy and server in place of the arguments.
import { arrayReply, bulkReply, errorReply, integerReply, OK } from '../resp/reply.ts'
import type { SlowCommand, SlowLog } from './slow-log.ts'

/** As many as Redis shows unasked. */
const DEFAULT_COUNT = 10

/** @param argument '' | 'len' | 'reset' | how many, -1 for all. */
export function slowLogReply(log: SlowLog, argument: string): Buffer {
  const { entries } = log
  if (argument === 'len') return integerReply(entries.length)
  if (argument === 'reset') {
    log.clear()
    return OK
  }
  if (!/^(-1|\d{1,15})?$/.test(argument)) return errorReply('ERR count should be greater than or equal to -1')
  const count = argument === '' ? DEFAULT_COUNT : Number(argument)
  return arrayReply((count < 0 ? entries : entries.slice(0, count)).map(entryReply))
}

/** id, Unix time, µs in all, [name], client, server; µs of the proxy, µs of the server, bytes of the request and of the reply. */
function entryReply(entry: SlowCommand): Buffer {
  const microseconds = (ms: number) => integerReply(Math.round(ms * 1000))
  return arrayReply([
    integerReply(entry.id),
    integerReply(Math.floor(entry.at / 1000)),
    microseconds(entry.totalMs),
    arrayReply([bulkReply(entry.command)]),
    bulkReply(`id=${entry.client}`),
    bulkReply(entry.backend),
    microseconds(entry.proxyMs),
    microseconds(entry.backendMs),
    // One that was too large to be collected was not counted.
    integerReply(entry.requestBytes ?? -1),
    integerReply(entry.replyBytes),
  ])
}
