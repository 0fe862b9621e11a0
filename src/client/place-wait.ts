// WAIT and WAITAOF: Redis keeps the offset to wait for with the connection, so on another connection they would acknowledge falsely.
import { ask, errorText } from '../backend/control.ts'
import type { Request } from '../backend/request.ts'
import { integerReply } from '../resp/reply.ts'
import type { Lane } from './lane.ts'

/** Nobody listens here: the message is propagated to the replicas, and that is what it is for. */
const FENCE_CHANNEL = 'rusteze:fence'
const NONE_ACKNOWLEDGED_AOF = Buffer.from('*2\r\n:0\r\n:0\r\n', 'latin1')

export function placeWait(lane: Lane, request: Request): boolean {
  if (lane.inFlight > 0) return false
  const words = request.words
  const isAof = words.word(0) === 'waitaof'
  const isWellFormed = words.count === (isAof ? 4 : 3)
  if (isWellFormed && lane.writeGeneration > 0 && lane.writeGeneration < lane.shard.generation) {
    // Another primary acknowledged this client's last write: nothing can be said of it here.
    lane.answer(request, isAof ? NONE_ACKNOWLEDGED_AOF : integerReply(0))
    return true
  }
  const pin = lane.takePin()
  if (pin === null) return false
  lane.isFenceRefused = false
  if (isWellFormed) {
    // A propagated write on this connection puts its offset behind everything acknowledged so far.
    ask(pin, ['PUBLISH', FENCE_CHANNEL, ''], (reply) => {
      lane.isFenceRefused = reply !== null && errorText(reply) !== undefined
    })
  }
  lane.queue.shift()
  lane.send(pin, request)
  return true
}
