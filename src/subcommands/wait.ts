// `rusteze wait`: ends when the proxy serves, for what must not start before Redis can be had.

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { BackendContext } from '../backend/backend-context.ts'
import { errorText } from '../backend/control.ts'
import { OWN_IDENTITY } from '../backend/handshake.ts'
import { describeConfigError } from '../config/read-settings.ts'
import { duration } from '../config/setting-types.ts'
import { type Config, parseConfig } from '../config.ts'
import type { Status } from '../operations/status.ts'
import { nodeRuntime } from '../runtime/node-runtime.ts'
import type { Address } from '../runtime/runtime.ts'
import { Turn } from '../runtime/turn.ts'
import { askAdmin, reachable } from './admin-client.ts'
import { Conversation, NoAnswer, silentLog } from './conversation.ts'
import { type Invocation, USAGE } from './subcommands.ts'

const DEFAULT_MAX = '60s'
/** Between attempts, in ms. */
const PAUSE_MS = 100

/** @returns 0 as soon as a command is answered by the primary, 1 when it was not within `--max`. */
export async function wait({ args, environment, print, complain }: Invocation): Promise<number> {
  const maxMs = maxOf(args)
  if (typeof maxMs === 'string') {
    complain(`rusteze wait: ${maxMs}`)
    return USAGE
  }
  const parsed = parseConfig(environment)
  if ('errors' in parsed) {
    for (const error of parsed.errors) complain(describeConfigError(error))
    return USAGE
  }
  const { config } = parsed
  const address = listeningAt(config)
  if (address === undefined) {
    complain('RUSTEZE_LISTEN names no address that could be asked: give it a port')
    return USAGE
  }
  const beganAt = performance.now()
  const leftMs = () => beganAt + maxMs - performance.now()
  let missing = ''
  do {
    try {
      const reason = await attempt(config, address, Math.max(leftMs(), 1))
      if (reason !== '') missing = reason
      else {
        print(`the proxy serves, after ${((performance.now() - beganAt) / 1000).toFixed(1)} s`)
        return 0
      }
    } catch (error) {
      // A question that was cut short tells less than an answer before it.
      if (!(error instanceof NoAnswer)) missing = `the proxy does not answer: ${(error as Error).message}`
      else if (missing === '') missing = 'the proxy takes commands, and no primary answers'
    }
    await delay(Math.min(PAUSE_MS, Math.max(leftMs(), 0)))
  } while (leftMs() > 0)
  complain(`rusteze wait: given up after ${maxMs / 1000} s: ${missing}${await sayingsOf(config)}`)
  return 1
}

/** @returns the time in ms, or what is wrong with the arguments. */
function maxOf(args: readonly string[]): number | string {
  const [option = '--max', text = args.length === 0 ? DEFAULT_MAX : '', more] = args
  if (option !== '--max' || more !== undefined) return `unknown argument '${more ?? option}'; it takes --max 60s`
  const max = duration().parse(text)
  return 'value' in max ? max.value : `--max ${text}: ${max.problem}. ${max.mend}`
}

/** The first address whose port is known. */
function listeningAt({ listen }: Config): Address | undefined {
  for (const address of listen) {
    if (address.kind === 'unix') return { path: address.path }
    if (address.port !== 0) return reachable(address)
  }
  return undefined
}

/** @returns what is missing; '' when it serves. */
async function attempt(config: Config, address: Address, leftMs: number): Promise<string> {
  const password =
    config.clientPasswordFile === undefined
      ? undefined
      : readFileSync(config.clientPasswordFile, 'latin1').replace(/\r?\n$/, '')
  const identity = { username: undefined, password, key: OWN_IDENTITY }
  const context: BackendContext = {
    config: { ...config, connectTimeoutMs: Math.min(config.connectTimeoutMs, leftMs) },
    runtime: nodeRuntime,
    turn: new Turn(nodeRuntime),
    log: silentLog,
    ownIdentity: () => identity,
    sentinelPassword: () => undefined,
    tls: () => undefined,
  }
  const proxy = await Conversation.open(context, address)
  try {
    if (password !== undefined) {
      const refusal = errorText(await proxy.ask(['AUTH', password], leftMs))
      if (refusal !== undefined) return `the proxy refuses RUSTEZE_CLIENT_PASSWORD_FILE: ${refusal}`
    }
    // The proxy answers PING itself; this waits for a primary. What the primary refuses, it has answered.
    const reply = errorText(await proxy.ask(['TIME'], leftMs))
    return reply !== undefined && /^MASTERDOWN|^LOADING|^ERR max number of clients/.test(reply) ? reply : ''
  } finally {
    proxy.close()
  }
}

/** What the servers say, where the admin server of the proxy tells it; '' where not. */
async function sayingsOf({ admin }: Config): Promise<string> {
  if (admin === undefined || admin.port === 0) return ''
  try {
    const { shards, discovery } = JSON.parse((await askAdmin(admin, '/status')).body) as Status
    const servers = shards.flatMap(({ servers }) => servers)
    if (servers.length === 0) return ` (no servers are known, discovery: ${discovery.source})`
    return ` (${servers.map(({ address, saying }) => `${address}: ${saying}`).join('; ')})`
  } catch {
    // Without it the reason is still told.
    return ''
  }
}
