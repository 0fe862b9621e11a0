// Subscriptions and MONITOR: a connection for one client, on which frames come that answer nobody.
import type { BackendConnection } from '../backend/backend-connection.ts'
import { Phase, type Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import { Type } from '../resp/reply-framer.ts'
import type { Lane } from './lane.ts'
import { goRaw } from './raw-mode.ts'
import { readPubSubFrame, Subscriptions } from './subscriptions.ts'

const ACKNOWLEDGEMENT = /^[ps]?(un)?subscribe$/
const MESSAGE = /^[ps]?message$/

export function placeSubscribe(lane: Lane, request: Request): boolean {
  const words = request.words
  const { command } = request
  if (command.kind === Kind.Subscribe && words.count < 2) {
    // Without a channel it is an error, wherever it is made.
    return lane.placeAnywhere(request)
  }
  const pin = lane.takePin()
  if (pin === null) return false
  listen(lane, pin)
  request.argumentCount = words.count
  lane.queue.shift()
  lane.send(pin, request)
  return true
}

export function placeMonitor(lane: Lane, request: Request): boolean {
  if (lane.inFlight > 0) return false
  const pin = lane.takePin()
  if (pin === null) return false
  goRaw(lane, request, pin)
  return true
}

/** Lets this client's subscriptions see every frame of its connection. @param toSwallow acknowledgements the client has had before. */
export function listen(lane: Lane, pin: BackendConnection, toSwallow = 0): void {
  const { proxy } = lane
  proxy.session.subscriptions ??= new Subscriptions()
  lane.lease.isDirty = true
  if (pin.tap !== null) return
  let swallow = toSwallow
  pin.tap = (bytes, start, end) => {
    const type = bytes[start]
    const head = pin.sent.head
    const isOwn = head !== null && (head.command.kind === Kind.Subscribe || head.command.kind === Kind.Unsubscribe)
    const { subscriptions } = proxy.session
    if (subscriptions === null) return false
    // RESP2 knows no pushes: there an array is one when the client is subscribed, or about to be.
    const mayBe = type === Type.Push || (type === Type.Array && (isOwn || swallow > 0 || subscriptions.count > 0))
    const frame = mayBe ? readPubSubFrame(bytes, start, end) : undefined
    if (frame === undefined) return false
    if (!ACKNOWLEDGEMENT.test(frame.word)) {
      if (type === Type.Array && !MESSAGE.test(frame.word)) return false
      proxy.push(bytes, start, end)
      return true
    }
    if (swallow > 0) {
      swallow--
      return true
    }
    if (!isOwn || head.command.name !== frame.word) {
      // The server ended a subscription by itself.
      subscriptions.acknowledged(frame.word, frame.channel)
      proxy.push(bytes, start, end)
      return true
    }
    if (head.acknowledgementsLeft < 0) {
      head.acknowledgementsLeft = subscriptions.acknowledgements(frame.word, head.argumentCount)
    }
    subscriptions.acknowledged(frame.word, frame.channel)
    head.acknowledgementsLeft--
    lane.acknowledged(pin, head, bytes, start, end)
    return true
  }
}

/** One acknowledgement of a request whose reply is several: the last one ends it. */
export function deliverAcknowledgement(lane: Lane, request: Request, bytes: Buffer, start: number, end: number): void {
  const isLast = request.acknowledgementsLeft === 0
  const { replies } = lane.proxy
  if (replies.head === request) replies.deliverPart(request, bytes, start, end, isLast)
  else {
    const reply = joined(request, bytes, start, end)
    if (isLast) replies.deliver(request, reply, 0, reply.length)
    else replies.keep(request, reply)
  }
  // Parts of it lost would be asked for again: the client has had them, but may have them twice.
  if (!isLast && request.phase === Phase.Sent) request.isReplyBegun = false
}

function joined(request: Request, bytes: Buffer, start: number, end: number): Buffer {
  const part = Buffer.from(bytes.subarray(start, end))
  return request.reply === null ? part : Buffer.concat([request.reply, part])
}
