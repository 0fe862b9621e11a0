// The PROXY command: what the admin server tells and does, for whoever has only redis-cli.
import { Phase, type Request } from '../backend/request.ts'
import { OWN_SUBCOMMANDS, type OwnSubcommand } from '../command/own-command.ts'
import * as errors from '../errors.ts'
import { arrayReply, errorReply, integerReply, OK, statusReply, verbatimReply } from '../resp/reply.ts'
import type { Arguments } from '../resp/request.ts'
import { isLoginNeeded } from './admission.ts'
import type { Lane } from './lane.ts'
import type { Proxy } from './proxy.ts'
import { backendLines, clientLines, pinLines, poolLines } from './proxy-lists.ts'
import { slowLogReply } from './slow-log-reply.ts'

/** Answers the first request of the queue; nothing of the client is in flight on a connection of its own. */
export function placeProxyCommand(lane: Lane, request: Request): boolean {
  const { session } = lane.proxy
  if (session.transaction !== null) {
    session.transaction.isAborted = true
    return answered(lane, request, errorReply(errors.PROXY_IN_TRANSACTION))
  }
  if (session.protocol === 2 && session.isSubscribed) {
    return answered(lane, request, errorReply(errors.PROXY_WHILE_SUBSCRIBED))
  }
  if (isLoginNeeded(lane)) return answered(lane, request, errorReply(errors.NO_AUTH))
  const { words } = request
  const name = words.word(1)
  if (words.count < 2) return answered(lane, request, errorReply(wrongArguments('proxy')))
  if (!isSubcommand(name)) {
    return answered(
      lane,
      request,
      errorReply(`ERR unknown subcommand '${words.text(1).slice(0, 128)}'. Try PROXY HELP.`),
    )
  }
  if (words.count - 2 > OWN_SUBCOMMANDS[name].most)
    return answered(lane, request, errorReply(wrongArguments(`proxy|${name}`)))
  if (name === 'pause') return placePause(lane, request, words)
  // Taken out first: it does not count as one that waits.
  lane.queue.shift()
  lane.proxy.replies.answer(request, replyOf(name, lane.proxy, words))
  return true
}

function replyOf(name: Exclude<OwnSubcommand, 'pause'>, proxy: Proxy, words: Arguments): Buffer {
  const { services, session } = proxy
  const text = (lines: string) => verbatimReply(lines, session.protocol)
  switch (name) {
    case 'help':
      return arrayReply(HELP.map(statusReply))
    case 'info':
      return text(services.info(Array.from({ length: words.count - 2 }, (_, index) => words.word(index + 2))))
    case 'clients':
      return text(clientLines(services))
    case 'backends':
      return text(backendLines(services))
    case 'pools':
      return text(poolLines(services))
    case 'pins':
      return text(pinLines(services))
    case 'slowlog':
      if (words.word(2) === 'reset' && !services.isLocal(proxy.stream)) return errorReply(errors.PROXY_NOT_LOCAL)
      return slowLogReply(services.outcomes.slowLog, words.word(2))
    case 'resume':
      if (!services.isLocal(proxy.stream)) return errorReply(errors.PROXY_NOT_LOCAL)
      services.pause.end('PROXY RESUME')
      return OK
  }
}

/** Answered when nothing that it holds is in flight any more; what comes behind it need not wait for that. */
function placePause(lane: Lane, request: Request, words: Arguments): boolean {
  const { services, replies, stream } = lane.proxy
  if (!services.isLocal(stream)) return answered(lane, request, errorReply(errors.PROXY_NOT_LOCAL))
  const options = Array.from({ length: words.count - 2 }, (_, index) => words.word(index + 2))
  const holds = options.at(-1) === 'all' ? 'all' : 'writes'
  if (holds === 'all') options.pop()
  if (options.length > 1) return answered(lane, request, errorReply('ERR syntax error'))
  lane.queue.shift()
  request.phase = Phase.Sent
  const refusal = services.pause.begin(options[0], holds, (inFlight) => {
    if (!lane.isGone) replies.answer(request, integerReply(inFlight))
  })
  if (refusal !== undefined) replies.answer(request, errorReply(refusal))
  return true
}

/** In the form that Redis gives to the help of its own containers. */
const HELP: readonly string[] = [
  'PROXY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  ...Object.values(OWN_SUBCOMMANDS).flatMap(({ form, says }) => [form, `    ${says}`]),
]

function isSubcommand(name: string): name is OwnSubcommand {
  return Object.hasOwn(OWN_SUBCOMMANDS, name)
}

function wrongArguments(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`
}

function answered(lane: Lane, request: Request, reply: Buffer): boolean {
  lane.answer(request, reply)
  return true
}
