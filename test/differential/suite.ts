// The differential test on one kind of server: every command of its table, in every mode and protocol, direct and through the proxy.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../simulator/random.ts'
import type { ServerKind } from '../support/redis-server.ts'
import type { CommandSpec } from './catalogue.ts'
import { type Asked, needed } from './compare.ts'
import { closingNames, denied, exceptions, exceptionsFor } from './exceptions.ts'
import { type Invocation, invocationsOf } from './generate.ts'
import {
  alone,
  Exchanges,
  leavesOtherData,
  listening,
  type Mode,
  type Protocol,
  pipelined,
  steppedTransaction,
  wholeTransaction,
} from './modes.ts'
import { TwinServers } from './twin-servers.ts'

/** The seed of every run that asks for no other: with it, each command succeeds at least once. */
const USUAL_SEED = 1
/** With DIFFERENTIAL_SEED other arguments are tried; a failure names the seed that repeats it. */
const seed = Number(process.env.DIFFERENTIAL_SEED ?? USUAL_SEED)
/** Each mode tries one in so many of the argument lists, each another one; with 1 all of them. */
const share = Number(process.env.DIFFERENTIAL_SHARE ?? 6)
/** Only commands whose name matches, for a closer look at a failure. */
const only = new RegExp(process.env.DIFFERENTIAL_ONLY ?? '')

const modes: readonly (readonly [string, Protocol, Mode])[] = [
  ['alone', 2, alone],
  ['alone', 3, alone],
  ['in a pipeline', 2, pipelined],
  ['in a pipeline', 3, pipelined],
  ['in a whole transaction', 2, wholeTransaction],
  ['in a whole transaction', 3, wholeTransaction],
  ['in a transaction step by step', 2, steppedTransaction],
  ['in a transaction step by step', 3, steppedTransaction],
  ['by a client that listens', 3, listening],
]

const changesConnection =
  /^(client(\|.*)?|multi|exec|discard|watch|unwatch|[ps]?(un)?subscribe|monitor|hello|auth|reset|quit|select|read(only|write)|post|host:)$/
const saves = /^(save|bgsave|bgrewriteaof)$/
const changesMoreThanKeys = /^(acl|function|script|auth|hello|eval|fcall)/

/** One mode may take so long on a loaded machine. */
const MODE_TIMEOUT_MS = 120_000
/** More differences than these are counted only. */
const SHOWN_DIFFERENCES = 12

/** Names that no server knows, sent with the others. */
const unknownNames: readonly CommandSpec[] = ['nosuch', 'n\r\n', '', 'x'.repeat(200), ...closingNames].map((name) => ({
  name,
  words: [name],
  flags: new Set<string>(),
  group: '',
  isContainer: false,
  arguments: [],
}))

export function differentialSuite(kind: ServerKind): void {
  let twins: TwinServers
  const visited = new Set<string>()
  const succeeded = new Set<string>()

  beforeAll(async () => {
    twins = await TwinServers.start(kind)
  })

  afterAll(async () => {
    await twins.stop()
  })

  function commands(): CommandSpec[] {
    return [...twins.catalogue, ...unknownNames].filter(({ name }) => !denied.has(name) && only.test(name))
  }

  /** One after another: each list depends on the seed and the command alone, so that DIFFERENTIAL_ONLY repeats it. */
  function askedOf(spec: CommandSpec): Asked[] {
    const random = seededRandom(seed + [...spec.name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7))
    return invocationsOf(spec, random, twins.payloads).map((invocation: Invocation) => ({
      name: spec.name,
      invocation,
    }))
  }

  for (const [place, [title, protocol, mode]] of modes.entries()) {
    test(`${title}, RESP${protocol}`, { timeout: MODE_TIMEOUT_MS }, async () => {
      const exchanges = new Exchanges(twins, protocol)
      for (const spec of commands()) {
        const asked = askedOf(spec).filter((_, index) => (index + place) % share === 0)
        const changesMore = changesMoreThanKeys.test(spec.name)
        await twins.restore(changesMore)
        if (saves.test(spec.name)) await twins.savingEnds()
        const before = exchanges.differences.length
        const isChanged = changesConnection.test(spec.name)
        await mode(exchanges, asked, isChanged)
        visited.add(spec.name)
        if (isChanged) exchanges.close()
        if (!isChanged && !changesMore && !spec.flags.has('write')) continue
        const [direct, proxied] = await twins.states()
        if (direct !== proxied && !leavesOtherData(asked) && exchanges.differences.length === before) {
          exchanges.differences.push(`data after ${spec.name}:\n  direct  ${direct}\n  proxied ${proxied}`)
        }
      }
      exchanges.close()
      for (const name of exchanges.succeeded) succeeded.add(name)
      const { differences } = exchanges
      const shown = differences.slice(0, SHOWN_DIFFERENCES).map((text) => `${kind}, ${title}, RESP${protocol}, ${text}`)
      expect.soft(shown.join('\n\n'), `${differences.length} differences; DIFFERENTIAL_SEED=${seed}`).toBe('')
    })
  }

  test('every command of the table was sent, and once succeeded', () => {
    const { catalogue } = twins
    expect([...denied].filter((name) => catalogue.every((spec) => spec.name !== name))).toEqual([])
    const specs = catalogue.filter(({ name }) => !denied.has(name) && only.test(name))
    expect(specs.map(({ name }) => name).filter((name) => !visited.has(name))).toEqual([])
    if (seed !== USUAL_SEED) return
    const failing = specs
      // No server here is a cluster.
      .filter(({ name, isContainer }) => !isContainer && !name.startsWith('cluster|') && !succeeded.has(name))
      .map(({ name }) => name)
      .filter((name) => !exceptionsFor(name, []).some((exception) => exception.neverSucceeds === true))
    expect(failing, 'never succeeded').toEqual([])
  })

  test.skipIf(only.source !== '(?:)')('each exception names commands that exist, and is needed', () => {
    const names = new Set([...twins.catalogue.map(({ name }) => name), ...closingNames])
    const here = exceptions.filter(({ onlyOn }) => onlyOn === undefined || onlyOn === kind)
    const unknown = here.flatMap(({ commands }) => commands.split(' ')).filter((name) => !names.has(name))
    expect(unknown, 'no such command').toEqual([])
    const unneeded = here.filter((exception) => {
      if (exception.neverSucceeds === true) return exception.commands.split(' ').some((name) => succeeded.has(name))
      return exception.isSeldom !== true && !needed.has(exception)
    })
    expect(
      unneeded.map(({ commands }) => commands),
      'no longer needed',
    ).toEqual([])
  })
}
