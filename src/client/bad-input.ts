// What makes Redis close a client: bytes that are no request, and browsers.
import { Request } from '../backend/request.ts'
import * as errors from '../errors.ts'
import { errorReply } from '../resp/reply.ts'
import type { Proxy } from './proxy.ts'

const NO_BYTES: Buffer = Buffer.alloc(0)

/** Redis answers what it does not understand with its own text, after everything asked before, and closes. */
export function protocolError(proxy: Proxy, what: string): void {
  const { lane, services, replies, lastRequestAt } = proxy
  const request = new Request(lane, services.commands.unknown, NO_BYTES, 0, 0, lastRequestAt)
  replies.push(request)
  replies.answer(request, errorReply(errors.protocolError(what)))
  proxy.closeAfterReplies()
}

/** A web page can make a browser send commands within HTTP: such a client is closed. @returns false when it is none. */
export function endsBrowser(proxy: Proxy, request: Request): boolean {
  const name = request.words.word(0)
  if (name !== 'post' && name !== 'host:') return false
  proxy.services.log.warn({ client: proxy.session.id }, 'client closed: it speaks HTTP')
  proxy.replies.answer(request, NO_BYTES)
  proxy.closeAfterReplies()
  return true
}
