// Ends the wait of requests that will reach no server: they waited too long, or the server refuses their client.
import type { Request } from '../backend/request.ts'
import * as errors from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import type { Lane } from './lane.ts'
import { place } from './place.ts'
import { refuse } from './refuse.ts'
import { refusedSince } from './undecided.ts'

/** Answers what has waited longer than RUSTEZE_HOLD. */
export function giveUpOverdue(lane: Lane, now: number): void {
  // While something is unanswered the client could not hear of it, and whether a transaction is open is not known.
  while (lane.inFlight === 0 && lane.queue.head !== null && isOverdue(lane, lane.queue.head, now)) {
    const request = lane.queue.head
    // What needs no server is still answered.
    if (request.refusal !== null) refuse(lane, request, request.refusal)
    else if (!place(lane, request)) refuse(lane, request, errorReply(whatIsMissing(lane, request)))
  }
}

/** Answers all that waits with the server's own error. */
export function giveUpAll(lane: Lane, error: Buffer): void {
  // Not even a script that runs for too long makes Redis refuse a MULTI.
  const isBusy = error.latin1Slice().startsWith('-BUSY ')
  for (let head = lane.queue.head; head !== null; head = lane.queue.head) {
    if (isBusy) refuse(lane, head, error)
    else lane.answer(head, error)
  }
}

function isOverdue(lane: Lane, request: Request, now: number): boolean {
  const { proxy, shard, reads } = lane
  const { config, services } = proxy
  if (services.pause.isFor(lane, request)) return false
  if (shard.isServing && request.refusal === null && reads?.awaiting !== request) return false
  return now - Math.max(waitsSince(lane, request), services.pause.endedAt) >= config.holdMs
}

function waitsSince({ shard, reads }: Lane, request: Request): number {
  if (reads?.awaiting === request) return request.arrivedAt
  return request.refusal === null ? Math.max(request.arrivedAt, shard.notServingSince) : refusedSince(request)
}

function whatIsMissing({ proxy, reads }: Lane, request: Request): string {
  const { holdMs } = proxy.config
  return reads?.awaiting === request ? errors.noReplica(holdMs) : errors.noPrimary(holdMs)
}
