// Makes a fresh connection what its client's lost one was: settings, subscriptions, an open transaction.
import type { BackendConnection } from '../backend/backend-connection.ts'
import { askFrame } from '../backend/control.ts'
import type { Lane } from './lane.ts'
import { listen } from './place-subscribe.ts'

/** Tells a caching client to forget everything: what changed in between was not reported to it. */
const FLUSH_CACHE = Buffer.from('>2\r\n$10\r\ninvalidate\r\n_\r\n', 'latin1')

export function restorePin(lane: Lane, pin: BackendConnection): void {
  const { session } = lane.proxy
  for (const frame of session.restoring) askFrame(pin, frame, () => {})
  if (session.restoring.length > 0) lane.lease.isDirty = true
  if (session.isTracking) {
    lane.lease.isDirty = true
    listen(lane, pin)
    if (session.protocol === 3) lane.proxy.push(FLUSH_CACHE, 0, FLUSH_CACHE.length)
  }
  const { subscriptions, transaction } = session
  if (subscriptions !== null && subscriptions.count > 0) {
    listen(lane, pin, subscriptions.count)
    for (const frame of subscriptions.requests()) pin.sendBytes(frame, 0, frame.length)
    lane.proxy.services.log.info({ client: session.id, channels: subscriptions.count }, 'subscriptions made again')
  }
  if (transaction === null) return
  if (transaction.isDirty) transaction.isAborted = true
  if (transaction.isForgotten) {
    // Too large to be queued again: what follows is queued behind a MULTI all the same, and never run.
    transaction.isAborted = true
    askFrame(pin, Buffer.from('*1\r\n$5\r\nMULTI\r\n', 'latin1'), () => {})
  }
  for (const frame of transaction.frames) askFrame(pin, frame, () => {})
}
