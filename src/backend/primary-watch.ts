// Watches all servers of a shard and says which of them is the primary: one prober each, and a judgement over what they answer.
import type { Address } from '../runtime/runtime.ts'
import type { Hint } from '../topology/hint.ts'
import { type Judgement, judgePrimary } from '../topology/primary.ts'
import type { BackendConnection } from './backend-connection.ts'
import { addressText, type BackendContext } from './backend-context.ts'
import { type HandshakeReport, HandshakeResult } from './handshake.ts'
import type { ReplicaStatus, ServerStatus } from './shard-status.ts'
import { type Place, Watched } from './watched.ts'

/** So long is waited for answers of all servers before those that came are judged, in ms. */
const ANSWERS_MS = 1000
/** A log line quotes so many servers, masters first. */
const QUOTED_SERVERS = 16
/** While all is steady, the others are asked as many times more rarely than the primary. */
const REPLICA_PACE = 3

export interface Verdict {
  readonly address: Address
  /** It wants a password and the proxy has none. */
  readonly isAuthenticationRequired: boolean
  /** '' where there is but one server to choose. */
  readonly reason: string
  readonly isDataMissing: boolean
  /** When the primary was asked, in the runtime's ms. */
  readonly askedAt: number
  /** What the servers said, by address; undefined where there is but one. */
  readonly servers: Readonly<Record<string, string>> | undefined
  /** The primary before this one answers, and says that it is none any more. */
  readonly isFormerDemoted: boolean
  /** The primary before this one is no longer among the servers. */
  readonly isFormerGone: boolean
}

/** Who gives a hint. Sentinels decide by majority and in a moment; a label follows when its operator looks again. */
export type HintSource = 'sentinels' | 'label'

export interface PrimaryObserver {
  /** A primary is verified, or confirmed. */
  accepted(verdict: Verdict): void
  /** The primary is none any more, or there is none. */
  noPrimary(report: HandshakeReport): void
  /** There is a new control connection to the primary: it may be another version. @param hello its reply to HELLO. */
  connected(connection: BackendConnection, hello: Buffer): void
  /** A server answered, was lost, is late or new, or is gone. @param primary the accepted one. */
  heard(primary: Watched | null, servers: readonly Watched[]): void
  /** There is no primary, or there are several masters: a hint may be of use. */
  hintWanted(): void
}

export class PrimaryWatch {
  readonly #context: BackendContext
  readonly #observer: PrimaryObserver
  #servers: readonly Watched[] = []
  #accepted: Watched | null = null
  #acceptedAt = 0
  readonly #hints = new Map<HintSource, Hint>()
  /** How the existence of several masters was logged last; '' while there is one at most. */
  #contest = ''
  /** The accepted primary stands: only a better one or its own word changes that. */
  #isSure = false
  #doubtedAt: number
  /** The accepted one was taken from the servers, and no other has been accepted since. */
  #missing: Watched | null = null
  #toldConnection: BackendConnection | null = null
  #isMissingRightLogged = false

  constructor(context: BackendContext, observer: PrimaryObserver) {
    this.#context = context
    this.#observer = observer
    this.#doubtedAt = context.runtime.now()
  }

  /** The connection to the primary for commands that must not wait behind those of clients; null while there is none. */
  get control(): BackendConnection | null {
    return (this.#accepted ?? this.#servers[0])?.prober.control ?? null
  }

  /** How many servers say that they are masters. */
  get masters(): number {
    return this.#servers.filter(({ report }) => report?.result === HandshakeResult.Ready).length
  }

  /** In the order in which they are believed. */
  get hints(): readonly Hint[] {
    return [this.#hints.get('sentinels'), this.#hints.get('label')].filter((hint) => hint !== undefined)
  }

  /** @param readsFrom what is known of a server as one that may be read from. */
  status(readsFrom: (server: Watched) => ReplicaStatus | undefined): ServerStatus[] {
    const accepted = this.#accepted
    return this.#servers.map((server) => server.status(accepted, readsFrom(server)))
  }

  /** How many servers are connected to, to be asked what they are. */
  get controlConnections(): number {
    return this.#servers.filter(({ prober }) => prober.control !== null).length
  }

  /** Of the servers, for the log. */
  get names(): string {
    return this.#quoted.map(({ name }) => name).join(', ')
  }

  /** The servers among which the primary is, from now on. None at all is no news: those known so far are still asked. */
  follow(places: readonly Place[]): void {
    if (places.length === 0) return
    const former = this.#servers
    const kept = (place: Place) => {
      return former.find((server) => server.name === addressText(place.address) && server.uid === place.uid)
    }
    this.#servers = places.map((place) => kept(place) ?? this.#watch(place))
    for (const server of former) if (!this.#servers.includes(server)) server.prober.close()
    for (const server of this.#servers) if (!former.includes(server)) server.prober.start()
    this.#observer.heard(this.#accepted, this.#servers)
    if (this.#accepted === null || this.#servers.includes(this.#accepted)) return
    const { name } = this.#accepted
    this.#missing = this.#accepted
    this.#accepted = null
    this.#refuse({
      result: HandshakeResult.NotPrimary,
      evidence: `${name} is no longer among the servers`,
      hello: null,
    })
  }

  /** Somebody says who is the primary, or null: says it no longer. */
  hint(source: HintSource, hint: Hint | null): void {
    if (hint === null) this.#hints.delete(source)
    else this.#hints.set(source, hint)
    const areSeveral = this.#servers.filter(({ isMaster }) => isMaster).length > 1
    if (areSeveral && (this.#isSure || this.#isComplete)) this.#decide(null)
  }

  #watch(place: Place): Watched {
    const { name, uid, address } = this.#missing ?? { name: '', uid: '' }
    // Its endpoint moved from one slice to another: it is the same server, and what it has in flight will be answered.
    const isBack = uid !== '' && uid === place.uid && name === addressText(place.address)
    return new Watched(
      this.#context,
      isBack ? { ...place, address: address! } : place,
      () => this.#servers.length > 1,
      (watched) => {
        this.#judged(watched)
        this.#observer.heard(this.#accepted, this.#servers)
      },
      (watched) => {
        this.#late(watched)
        this.#observer.heard(this.#accepted, this.#servers)
      },
    )
  }

  close(): void {
    for (const { prober } of this.#servers) prober.close()
  }

  /** What was said so far no longer counts: asks all servers, until one is accepted. */
  doubt(): void {
    if (this.#isSure) {
      this.#isSure = false
      this.#doubtedAt = this.#context.runtime.now()
      for (const server of this.#servers) server.isMaster = false
    }
    this.hurry()
  }

  /** Asks for a fresh verdict soon. */
  hurry(): void {
    for (const { prober } of this.#servers) prober.hurry()
  }

  /** While the primary is silent another one may have been promoted: the others are asked until it has answered. */
  #late(server: Watched): void {
    if (server !== this.#accepted) return
    for (const { prober } of this.#servers) if (prober !== server.prober) prober.hurry()
  }

  #judged(server: Watched): void {
    const report = server.report!
    if (this.#servers.length === 1) {
      const isServing = server.isMaster || report.result === HandshakeResult.Unauthenticated
      if (isServing) this.#accept(server, '', false)
      else this.#refuse(report)
      return
    }
    if (server.replication === null && server.isMaster) this.#logMissingRight()
    // Once all have answered, what they say together decides, and is logged.
    const isNews = this.#isSure || (report.result !== HandshakeResult.Lost && !this.#isComplete)
    if (server === this.#accepted && !server.isMaster && isNews) {
      this.#refuse(report)
      return
    }
    if (this.#isSure ? !server.isMaster : !this.#isComplete) return
    this.#decide(server)
  }

  /** @param answered who has just answered. */
  #decide(answered: Watched | null): void {
    const judgement = judgePrimary(this.#servers, {
      accepted: this.#accepted,
      acceptedAt: this.#acceptedAt,
      isEmptyAllowed: this.#context.runtime.now() - this.#doubtedAt >= this.#context.config.emptyPrimaryWaitMs,
      hints: this.hints,
    })
    this.#logContest(judgement)
    const { primary, reason, isDataMissing } = judgement
    if (this.#isSure && (primary === null || primary === this.#accepted)) {
      // None of the others is better: the accepted one stays as long as it says that it is a master.
      if (answered !== null && answered === this.#accepted) this.#accept(answered, reason, isDataMissing)
    } else if (primary !== null) this.#accept(primary as Watched, reason, isDataMissing)
    else this.#refuse({ result: HandshakeResult.NotPrimary, evidence: this.#evidence(reason), hello: null })
  }

  #logContest({ primary, reason }: Judgement): void {
    const masters = this.#servers.filter(({ isMaster }) => isMaster).map(({ name }) => name)
    const chosen = primary?.name ?? 'none'
    if (masters.length > 1) this.#observer.hintWanted()
    const contest = masters.length > 1 ? `${masters.toSorted().join()} ${chosen} ${reason}` : ''
    if (contest === this.#contest) return
    this.#contest = contest
    const { log } = this.#context
    if (contest === '') log.info({ primary: chosen, servers: this.#sayings }, 'no longer several masters')
    else log.warn({ primary: chosen, reason, servers: this.#sayings }, 'several servers say that they are masters')
  }

  /** Every server has answered since the doubt, or is known to be away, or has had its time. */
  get #isComplete(): boolean {
    const now = this.#context.runtime.now()
    return this.#servers.every(({ report, reportedAt, knownSince }) => {
      if (report !== null && (reportedAt >= this.#doubtedAt || report.result === HandshakeResult.Lost)) return true
      return now - Math.max(this.#doubtedAt, knownSince) >= ANSWERS_MS
    })
  }

  #accept(server: Watched, reason: string, isDataMissing: boolean): void {
    const former = this.#accepted
    const isFormerDemoted = former?.report?.result === HandshakeResult.Replica
    if (former !== server) this.#acceptedAt = this.#context.runtime.now()
    this.#accepted = server
    this.#missing = null
    this.#isSure = true
    for (const { prober } of this.#servers) prober.calm(prober === server.prober ? 1 : this.#replicaPace)
    const { control, hello } = server.prober
    if (control !== null && hello !== null && control !== this.#toldConnection) {
      this.#toldConnection = control
      this.#observer.connected(control, hello)
    }
    this.#observer.accepted({
      address: server.address,
      isAuthenticationRequired: server.report!.result === HandshakeResult.Unauthenticated,
      reason,
      isDataMissing,
      askedAt: server.probedAt,
      servers: this.#servers.length > 1 ? this.#sayings : undefined,
      isFormerDemoted,
      isFormerGone: former === null,
    })
  }

  /** How fresh a replica is must be known as often as the primary's offset. */
  get #replicaPace(): number {
    return this.#context.config.readFrom === 'primary' ? REPLICA_PACE : 1
  }

  #refuse(report: HandshakeReport): void {
    this.hurry()
    if (this.#servers.length > 1) this.#observer.hintWanted()
    this.#observer.noPrimary(report)
  }

  get #sayings(): Record<string, string> {
    return Object.fromEntries(this.#quoted.map(({ name, saying }) => [name, saying]))
  }

  #evidence(reason: string): string {
    const sayings = this.#quoted.map(({ name, saying }) => `${name}: ${saying}`).join('; ')
    return `${reason} (${sayings})`
  }

  get #quoted(): Watched[] {
    return this.#servers
      .toSorted((one, other) => Number(other.isMaster) - Number(one.isMaster))
      .slice(0, QUOTED_SERVERS)
  }

  #logMissingRight(): void {
    if (this.#isMissingRightLogged) return
    this.#isMissingRightLogged = true
    this.#context.log.warn(
      {},
      'the user may not ask INFO: of two masters the promoted one cannot be told, and no replica is known to be fresh; grant it with ACL SETUSER <user> +info',
    )
  }
}
