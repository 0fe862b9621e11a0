// Lets in clients that know the proxy's own password, where one is set. The backend's passwords are none of its business.
import { OWN_IDENTITY } from '../backend/handshake.ts'
import type { Request } from '../backend/request.ts'
import { Kind } from '../command/classify.ts'
import * as errors from '../errors.ts'
import { errorReply, OK } from '../resp/reply.ts'
import { encodeRequest } from '../resp/request.ts'
import { isSameSecret } from '../runtime/digest.ts'
import type { Lane } from './lane.ts'
import { parseHello } from './place-session.ts'
import type { Proxy } from './proxy.ts'

/** @returns true when the request may go on; otherwise it has been answered. */
export function admit(proxy: Proxy, request: Request): boolean {
  const words = request.words
  switch (request.command.kind) {
    case Kind.Quit:
    case Kind.Reset:
      return true
    case Kind.Auth:
      if (words.count < 2) return refuse(proxy, request, "ERR wrong number of arguments for 'auth' command")
      if (words.count > 3) return refuse(proxy, request, 'ERR syntax error')
      if (!isRight(proxy, words.count === 3 ? words.text(1) : 'default', words.text(words.count - 1))) {
        return refuse(proxy, request, errors.WRONG_PASSWORD)
      }
      letIn(proxy)
      proxy.replies.answer(request, OK)
      return false
    case Kind.Hello: {
      const hello = parseHello(words)
      if (hello?.username === undefined) return refuse(proxy, request, HELLO_NEEDS_AUTH)
      if (!isRight(proxy, hello.username, hello.password ?? '')) return refuse(proxy, request, errors.WRONG_PASSWORD)
      letIn(proxy)
      // What is left is for the backend, which knows nothing of our password.
      const rest = ['HELLO', String(hello.protocol), ...(hello.name === undefined ? [] : ['SETNAME', hello.name])]
      request.replaceFrame(encodeRequest(rest))
      return true
    }
    default:
      return refuse(proxy, request, errors.NO_AUTH)
  }
}

/** The server would answer -NOAUTH, and so must we. */
export function isLoginNeeded({ shard, proxy }: Lane): boolean {
  return shard.isAuthenticationRequired && proxy.session.identity.key === OWN_IDENTITY
}

const HELLO_NEEDS_AUTH =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time'

function isRight(proxy: Proxy, username: string, password: string): boolean {
  const expected = Buffer.from(proxy.services.clientPassword() ?? '', 'latin1')
  const given = Buffer.from(password, 'latin1')
  const isSame = isSameSecret(given, expected)
  return username === 'default' && isSame && expected.length > 0
}

function letIn(proxy: Proxy): void {
  proxy.session.isAdmitted = true
  proxy.admitted()
}

function refuse(proxy: Proxy, request: Request, text: string): false {
  proxy.replies.answer(request, errorReply(text))
  return false
}
