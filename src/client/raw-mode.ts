// After MONITOR, or a subscription made inside MULTI, no reply can be told from a message: bytes pass as they are until the client leaves.
import type { BackendConnection } from '../backend/backend-connection.ts'
import { Phase, type Request } from '../backend/request.ts'
import type { Command } from '../command/table.ts'
import * as errors from '../errors.ts'
import { encodeRequest } from '../resp/request.ts'
import { deniedName } from './denial.ts'
import type { Lane } from './lane.ts'
import type { Proxy } from './proxy.ts'

const NO_BYTES: Buffer = Buffer.alloc(0)

/** From here on the client speaks to its own connection directly, beginning with this request, the first of the queue. */
export function goRaw(lane: Lane, request: Request, pin: BackendConnection): void {
  const { proxy, queue } = lane
  lane.isRaw = true
  lane.lease.isDirty = true
  proxy.session.transaction = null
  proxy.session.stickyReason = 'raw'
  pin.sendBytes(request.bytes, request.start, request.end)
  lane.answer(request, NO_BYTES)
  for (let waiting = queue.head; waiting !== null; waiting = queue.head) {
    const isPassed = passRaw(pin, proxy.config.deny, waiting.command, waiting.bytes, waiting.start, waiting.end)
    lane.answer(waiting, NO_BYTES)
    if (!isPassed || !proxy.isStreaming(waiting)) continue
    // Its beginning went out, the rest follows as it comes.
    waiting.phase = Phase.Sent
    proxy.streamTo(pin)
  }
  pin.raw = (bytes) => proxy.push(bytes, 0, bytes.length)
  proxy.goRaw(pin)
}

/** False while its connection takes no more, or a pause holds what nobody here can judge. True for a client that is not raw. */
export function hasRawRoom({ rawPin, config, services }: Proxy): boolean {
  if (rawPin === null) return true
  return rawPin.pendingBytes < config.outputSoftLimitBytes && services.pause.holds === undefined
}

/**
 * Passes on one request, of which nobody here will see the reply.
 * @returns false when it is refused: the server is made to say so, at the right place among its replies.
 */
export function passRaw(
  pin: BackendConnection,
  deny: readonly string[],
  command: Command,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  const refused = deniedName(deny, command, bytes, start, end)
  if (refused === undefined) {
    pin.sendBytes(bytes, start, end)
    return true
  }
  const unknown = encodeRequest([errors.denied(refused)])
  pin.sendBytes(unknown, 0, unknown.length)
  return false
}
