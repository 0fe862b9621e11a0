// One server: can it be reached, believed, logged in to; what is it, what may the user do, and which of its settings are in the way?
import { addressText, type BackendContext } from '../backend/backend-context.ts'
import { errorText } from '../backend/control.ts'
import { type HandshakeReport, HandshakeResult, helloField } from '../backend/handshake.ts'
import type { Address } from '../runtime/runtime.ts'
import type { Node } from '../topology/primary.ts'
import { type InfoSections, parseReplication, type Replication } from '../topology/replication.ts'
import { checkServerSettings } from './check-server-settings.ts'
import type { ServerPlace } from './check-service.ts'
import { checkTls, unreachable, whyEnded } from './connection-trouble.ts'
import { Conversation } from './conversation.ts'
import { countOf, type Finding, failed, ok, warning } from './finding.ts'

/** A server as the judgement of the primary wants it, and what was found. */
export interface CheckedServer extends Node {
  readonly findings: readonly Finding[]
  readonly isReplica: boolean
  /** Whom it follows, as `host:port`; '' when nobody, or when that is not known. */
  readonly masterName: string
  /** How far its clock is ahead of ours. */
  readonly skewMs: number | undefined
  readonly sentinelAddress: Address | undefined
}

/** The oldest versions that are served, by what the server calls itself. */
const OLDEST: Readonly<Record<string, readonly [major: number, minor: number]>> = { redis: [6, 2], valkey: [7, 2] }
const HELLO_NEEDED = 'Use Redis 6.2 or Valkey 7.2, or a later one; HELLO must not be renamed'
const FENCE_CHANNEL = 'rusteze:fence'

/** @param isOneOfMany which of them is the primary may then depend on what the user may ask. */
export async function checkServer(
  context: BackendContext,
  place: ServerPlace,
  isOneOfMany: boolean,
): Promise<CheckedServer> {
  const check = new ServerCheck(context, place, isOneOfMany)
  await check.run()
  return check.result
}

class ServerCheck {
  readonly #context: BackendContext
  readonly #place: ServerPlace
  readonly #isOneOfMany: boolean
  readonly #name: string
  readonly #findings: Finding[] = []
  #report: HandshakeReport | null = null
  #replication: Replication | null = null
  #masterName = ''
  #skewMs: number | undefined

  constructor(context: BackendContext, place: ServerPlace, isOneOfMany: boolean) {
    this.#context = context
    this.#place = place
    this.#isOneOfMany = isOneOfMany
    this.#name = addressText(place.address)
  }

  get result(): CheckedServer {
    const { address, sentinelPort } = this.#place
    const hasSentinel = sentinelPort !== undefined && 'host' in address
    return {
      name: this.#name,
      findings: this.#findings,
      isMaster: this.#report?.result === HandshakeResult.Ready,
      isReplica: this.#report?.result === HandshakeResult.Replica,
      replication: this.#replication,
      masterName: this.#masterName,
      skewMs: this.#skewMs,
      sentinelAddress: hasSentinel ? { host: address.host, port: sentinelPort } : undefined,
    }
  }

  async run(): Promise<void> {
    const { config, tls } = this.#context
    const options = tls()
    const { address, state } = this.#place
    if (options !== undefined) {
      const finding = await checkTls(this.#name, address, options, config.connectTimeoutMs)
      this.#add(finding)
      if (finding.level === 'failed') return
    }
    let conversation: Conversation
    try {
      conversation = await Conversation.open(this.#context, address)
    } catch (error) {
      const finding = unreachable(this.#name, (error as Error).message)
      // A pod that is on its way in or out need not answer.
      if (state === undefined || state === 'serving') this.#add(finding)
      else this.#add({ ...finding, level: 'warning', message: `${finding.message}, and its pod is not ready` })
      return
    }
    try {
      const since = performance.now()
      const report = await conversation.shakeHands(this.#context.ownIdentity(), config.backendDatabase)
      const ms = performance.now() - since
      if (report.result === HandshakeResult.Lost) {
        this.#add(await whyEnded(this.#name, address, options, conversation.loss, config.connectTimeoutMs))
      } else if (report.hello === null) this.#add(this.#refused(report.evidence))
      else await this.#known(conversation, report, report.hello, ms)
    } catch (error) {
      this.#add(
        failed(
          this.#name,
          `it does not answer as a server would: ${(error as Error).message}`,
          'Look at its log, and what it is busy with',
        ),
      )
    } finally {
      conversation.close()
    }
  }

  #add(finding: Finding): void {
    this.#findings.push(finding)
  }

  /** @param evidence the server's own words, which quote no secret. */
  #refused(evidence: string): Finding {
    const { backendPasswordFile, backendPassword } = this.#context.config
    const source = backendPasswordFile
      ? 'RUSTEZE_BACKEND_PASSWORD_FILE'
      : backendPassword
        ? 'RUSTEZE_BACKEND_PASSWORD or RUSTEZE_BACKENDS'
        : ''
    if (evidence.startsWith('NOAUTH')) {
      if (source !== '') return failed(this.#name, 'it does not know HELLO', HELLO_NEEDED)
      const mend = 'Set RUSTEZE_BACKEND_PASSWORD_FILE, unless every client logs in itself'
      return warning(this.#name, 'it asks for a password, and none is set', mend)
    }
    if (evidence.startsWith('WRONGPASS')) {
      const mend = `Look at ${source}, and with ACL GETUSER whether the user is on`
      return failed(this.#name, `it refuses the password of the user ${this.#user} (WRONGPASS)`, mend)
    }
    if (/unknown command/i.test(evidence)) {
      return failed(this.#name, 'it does not know HELLO', HELLO_NEEDED)
    }
    if (evidence.startsWith('NOPERM'))
      return failed(this.#name, evidence, `Grant it: ACL SETUSER ${this.#user} +hello +select`)
    return failed(this.#name, `it refuses the login: ${evidence}`, 'Look at the user, the database and the version')
  }

  get #user(): string {
    return this.#context.ownIdentity().username ?? 'default'
  }

  async #known(conversation: Conversation, report: HandshakeReport, hello: Buffer, ms: number): Promise<void> {
    const { config } = this.#context
    const mode = helloField(hello, 'mode')
    if (mode === 'sentinel') {
      this.#add(
        failed(
          this.#name,
          'it is a Sentinel, which holds no data',
          'Name the servers; a Sentinel belongs into RUSTEZE_SENTINELS',
        ),
      )
      return
    }
    this.#report = report
    const sections: Record<keyof InfoSections, string | undefined> = {
      server: await this.#info(conversation, 'server'),
      replication: await this.#info(conversation, 'replication'),
      keyspace: await this.#info(conversation, 'keyspace'),
    }
    this.#replication = parseReplication(sections)
    const isReplica = report.result === HandshakeResult.Replica
    const host = fieldOf(sections.replication, 'master_host')
    if (isReplica && host !== '') {
      this.#masterName = addressText({ host, port: Number(fieldOf(sections.replication, 'master_port')) })
    }
    const replicas = Number(fieldOf(sections.replication, 'connected_slaves'))
    this.#role(report, hello, `answers in ${ms.toFixed(1)} ms`, replicas)
    this.#version(hello)
    if (mode === 'cluster') {
      this.#add(
        warning(
          this.#name,
          'it is a node of a Redis Cluster',
          'Keys of other nodes are answered with MOVED: Rusteze serves one shard',
        ),
      )
    }
    await this.#rights(conversation, report)
    await this.#askClock(conversation)
    for (const finding of await checkServerSettings(conversation, this.#name, config, isReplica ? undefined : replicas))
      this.#add(finding)
  }

  #role(report: HandshakeReport, hello: Buffer, answers: string, replicas: number): void {
    const server = `${helloField(hello, 'server')} ${helloField(hello, 'version')}`
    const login =
      this.#context.ownIdentity().password === undefined ? 'no password is set' : `logged in as ${this.#user}`
    if (report.result === HandshakeResult.NotPrimary) {
      const mend = report.evidence.startsWith('LOADING')
        ? 'Wait until it has loaded its data'
        : 'Look why its link to its master is down'
      this.#add(warning(this.#name, `${server}, of no use now: ${report.evidence}`, mend))
    } else if (report.result === HandshakeResult.Replica && this.#replication !== null) {
      const master = this.#masterName || 'its master'
      if (this.#replication.isFollowing)
        this.#add(ok(this.#name, `${server}, replica of ${master}, ${login}, ${answers}`))
      else {
        const mend = 'Look at masterauth, masteruser and tls-replication of the replica, and at its log'
        this.#add(warning(this.#name, `${server}, replica, and its link to ${master} is down`, mend))
      }
    } else {
      const role = report.result === HandshakeResult.Ready ? 'master' : 'replica'
      const followers = replicas > 0 ? ` of ${countOf(replicas, 'replica')}` : ''
      this.#add(ok(this.#name, `${server}, ${role}${followers}, ${login}, ${answers}`))
    }
  }

  #version(hello: Buffer): void {
    const server = helloField(hello, 'server') ?? ''
    const [major = 0, minor = 0] = (helloField(hello, 'version') ?? '').split('.').map(Number)
    const [oldestMajor, oldestMinor] = OLDEST[server] ?? OLDEST.redis!
    if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
    this.#add(failed(this.#name, `${server} ${major}.${minor} is too old`, 'Use Redis 6.2, Valkey 7.2 or a later one'))
  }

  async #rights(conversation: Conversation, report: HandshakeReport): Promise<void> {
    const grant = (right: string) => `Grant it: ACL SETUSER ${this.#user} ${right}`
    const isDenied = async (...parts: string[]) =>
      errorText(await conversation.ask(parts))?.startsWith('NOPERM') === true
    if (await isDenied('PING')) {
      this.#add(
        warning(
          this.#name,
          `the user ${this.#user} may not PING: that it loads its data is not noticed`,
          grant('+ping'),
        ),
      )
    }
    if (this.#isOneOfMany && (await isDenied('INFO', 'replication'))) {
      const message = `the user ${this.#user} may not ask INFO: two masters cannot be told apart, and no replica is known to be fresh`
      this.#add(warning(this.#name, message, grant('+info')))
    }
    if (report.result !== HandshakeResult.Ready || (await isDenied('MULTI'))) return
    // In a transaction that is thrown away it is judged, and not done.
    if (await isDenied('PUBLISH', FENCE_CHANNEL, '')) {
      this.#add(
        warning(
          this.#name,
          `the user ${this.#user} may not PUBLISH to ${FENCE_CHANNEL}: WAIT is refused`,
          grant(`+publish &${FENCE_CHANNEL}`),
        ),
      )
    }
    await conversation.ask(['DISCARD'])
  }

  async #info(conversation: Conversation, section: string): Promise<string | undefined> {
    const reply = await conversation.ask(['INFO', section])
    return errorText(reply) === undefined ? reply.latin1Slice() : undefined
  }

  async #askClock(conversation: Conversation): Promise<void> {
    const { runtime } = this.#context
    const askedAt = runtime.wallClock()
    const time = await conversation.value('TIME')
    if (!Array.isArray(time)) return
    this.#skewMs = Number(time[0]) * 1000 + Number(time[1]) / 1000 - (askedAt + runtime.wallClock()) / 2
  }
}

/** A field of INFO; '' where there is none. */
function fieldOf(section: string | undefined, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(section ?? '')?.[1] ?? ''
}
