// Two servers of one kind that hold the same, and a proxy before one of them.

import { connect, type RawClient } from '../support/raw-client.ts'
import { type RedisServer, type ServerKind, startRedis } from '../support/redis-server.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'
import { type CommandSpec, readCatalogue } from './catalogue.ts'
import { COMPACT_COUNT, preparation, preparationBesideKeys } from './keyspace.ts'
import { encodeWords } from './words.ts'

export class TwinServers {
  readonly kind: ServerKind
  readonly proxy: RunningProxy
  /** What the servers say of their commands. */
  readonly catalogue: readonly CommandSpec[]
  /** What DUMP answers for some keys, and FUNCTION DUMP. */
  readonly payloads: readonly string[]
  readonly #servers: readonly RedisServer[]
  readonly #controls: readonly RawClient[]
  readonly #pristine: string
  /** By the last look at both. */
  #isPristine = true

  private constructor(parts: Pick<TwinServers, 'kind' | 'proxy' | 'catalogue' | 'payloads'>, more: Hidden) {
    this.kind = parts.kind
    this.proxy = parts.proxy
    this.catalogue = parts.catalogue
    this.payloads = parts.payloads
    this.#servers = more.servers
    this.#controls = more.controls
    this.#pristine = more.pristine
  }

  static async start(kind: ServerKind): Promise<TwinServers> {
    const compact = ['hash-max-listpack-entries', 'zset-max-listpack-entries', 'list-max-listpack-size']
    const options = { kind, arguments: compact.flatMap((name) => [`--${name}`, String(COMPACT_COUNT)]) }
    const servers = [await startRedis(options), await startRedis(options)]
    const [direct, proxied] = servers
    if (direct === undefined || proxied === undefined) throw new Error('two servers are needed')
    const controls = [await connect(direct.port), await connect(proxied.port)]
    for (const control of controls) await prepare(control, true)
    const pristine = await stateOf(controls[0])
    const catalogue = await readCatalogue(await connect(direct.port))
    const payloads: string[] = []
    for (const words of [
      ['DUMP', 'list'],
      ['DUMP', 'int'],
      ['DUMP', 'hash'],
      ['FUNCTION', 'DUMP'],
    ]) {
      const reply = await controls[0]!.ask(...words)
      payloads.push(reply.slice(reply.indexOf('\r\n') + 2, -2))
    }
    const proxy = await startProxy({ RUSTEZE_BACKENDS: proxied.addr })
    return new TwinServers({ kind, proxy, catalogue, payloads }, { servers, controls, pristine })
  }

  get directPort(): number {
    return this.#servers[0]!.port
  }

  get proxiedPort(): number {
    return this.proxy.port
  }

  /** What both servers hold now, in few words; equal when all their keys are. */
  async states(): Promise<readonly [string, string]> {
    const [direct, proxied] = await Promise.all(this.#controls.map(stateOf))
    this.#isPristine = direct === this.#pristine && proxied === this.#pristine
    return [direct ?? '', proxied ?? '']
  }

  /** Back to the prepared keys, on both. @param besideKeys users, functions and scripts too. */
  async restore(besideKeys: boolean): Promise<void> {
    if (this.#isPristine && !besideKeys) return
    await Promise.all(this.#controls.map((control) => prepare(control, besideKeys)))
    this.#isPristine = true
  }

  /** Until no child of BGSAVE or BGREWRITEAOF runs on either: while one does, SAVE is an error. */
  async savingEnds(): Promise<void> {
    const isSaving = /(rdb_bgsave|aof_rewrite)_(in_progress|scheduled):1/
    const end = async (control: RawClient) => !isSaving.test(await control.ask('INFO', 'persistence'))
    await waitUntil(async () => (await Promise.all(this.#controls.map(end))).every(Boolean), {
      what: 'no server saves in the background',
      timeoutMs: 30_000,
    })
  }

  async stop(): Promise<void> {
    for (const control of this.#controls) await control.close()
    await this.proxy.stop()
    for (const server of this.#servers) await server.stop()
  }
}

interface Hidden {
  readonly servers: readonly RedisServer[]
  readonly controls: readonly RawClient[]
  readonly pristine: string
}

/** Fills an empty server; the first answer that is an error fails the test. */
async function prepare(control: RawClient, besideKeys: boolean): Promise<void> {
  const requests = [['FLUSHALL'], ...preparation, ...(besideKeys ? preparationBesideKeys : [])]
  control.send(Buffer.concat(requests.map(encodeWords)))
  for (const request of requests) {
    const reply = await control.readReply()
    if (reply[0] === '-'.charCodeAt(0)) throw new Error(`${request.slice(0, 3).join(' ')}: ${reply.toString('latin1')}`)
  }
}

const stateRequests = Buffer.concat(
  [
    ['DEBUG', 'DIGEST'],
    ['INFO', 'keyspace'],
  ].map(encodeWords),
)

/** The digest does not depend on the order of what is unordered. */
async function stateOf(control: RawClient | undefined): Promise<string> {
  if (control === undefined) throw new Error('no control connection')
  control.send(stateRequests)
  const digest = (await control.readReply()).toString()
  const keyspace = (await control.readReply()).toString()
  return `${digest.trim()} ${[...keyspace.matchAll(/db\d+:keys=\d+,expires=\d+/g)].join(' ')}`
}
