// Watches one server over a connection of its own: is it a loaded primary? Also the way for what must not wait behind other commands.
import type { Address, Timer } from '../runtime/runtime.ts'
import { type InfoSections, parseReplication, type Replication } from '../topology/replication.ts'
import { type BackendConnection, ConnectionState } from './backend-connection.ts'
import { type BackendContext, openConnection } from './backend-context.ts'
import { Backoff } from './backoff.ts'
import { ask, errorText } from './control.ts'
import { type HandshakeReport, HandshakeResult, judgeRole, shakeHands } from './handshake.ts'

/** Pause between probes while a verdict is waited for, in ms. */
const HURRIED_PROBE_MS = 100
const NO_SECTIONS: InfoSections = { server: undefined, replication: undefined, keyspace: undefined }
const LOST: HandshakeReport = { result: HandshakeResult.Lost, evidence: 'connection lost', hello: null }

export interface ProbeObserver {
  /**
   * What a server said of itself, after each handshake and probe; Lost when it could not be asked.
   * @param replication null when it was not or could not be asked.
   * @param askedAt when it was.
   */
  judged(report: HandshakeReport, replication: Replication | null, askedAt: number): void
  /** It has not answered for RUSTEZE_REPLY_TIMEOUT: it is busy, stands still or cannot be reached. */
  late(): void
}

export class Prober {
  readonly #context: BackendContext
  readonly #address: Address
  /** It is one of several servers: which of them is the primary may depend on what they have replicated. */
  readonly #asksReplication: () => boolean
  readonly #observer: ProbeObserver
  readonly #backoff: Backoff
  #connection: BackendConnection | null = null
  #timer: Timer | null = null
  #isProbing = false
  #probedAt = 0
  /** Opened while a probe is unanswered for long: it tells a half-open connection from a busy server. */
  #aside: BackendConnection | null = null
  #isHurried = false
  /** Pauses between probes in the steady state, in multiples of RUSTEZE_PROBE. */
  #pace = 1
  #isClosed = false
  /** The server's reply to HELLO on the newest connection that stands. */
  hello: Buffer | null = null

  constructor(context: BackendContext, address: Address, asksReplication: () => boolean, observer: ProbeObserver) {
    this.#context = context
    this.#address = address
    this.#asksReplication = asksReplication
    this.#observer = observer
    this.#backoff = new Backoff(context.runtime)
  }

  /** The connection for commands that must not wait behind those of clients; null while there is none. */
  get control(): BackendConnection | null {
    return this.#connection?.isReady === true ? this.#connection : null
  }

  start(): void {
    this.#connection = this.#open()
  }

  /** Asks for a fresh verdict soon, and goes on every 100 ms until {@link calm}. */
  hurry(): void {
    if (this.#isHurried) return
    this.#isHurried = true
    // While disconnected the next attempt is already planned, with a backoff that must not be undone.
    if (this.#connection !== null) this.#plan(HURRIED_PROBE_MS)
  }

  /** @param pace the pauses between probes from now on, in multiples of RUSTEZE_PROBE. */
  calm(pace: number): void {
    this.#isHurried = false
    this.#pace = pace
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#connection?.destroy('closed')
    this.#aside?.destroy('closed')
  }

  #open(): BackendConnection {
    return openConnection(this.#context, this.#address, {
      opened: (connection) => {
        shakeHands(connection, this.#context.ownIdentity(), 2, 0, (report) => this.#shaken(connection, report))
      },
      closed: (connection, reason) => {
        if (connection === this.#aside) this.#aside = null
        if (connection !== this.#connection) return
        this.#connection = null
        this.#isProbing = false
        if (this.#isClosed) return
        this.#plan(this.#backoff.next())
        this.#observer.judged({ ...LOST, evidence: reason }, null, 0)
      },
      idle: () => {},
    })
  }

  #shaken(connection: BackendConnection, report: HandshakeReport): void {
    if (report.result === HandshakeResult.Lost) return
    if (connection === this.#aside) this.#replace(connection)
    if (report.result === HandshakeResult.Refused) {
      // Wrong credentials stay wrong on this connection: try again with what the files hold by then.
      this.#observer.judged(report, null, 0)
      connection.destroy(report.evidence)
      return
    }
    connection.state = ConnectionState.Ready
    this.#backoff.reset()
    this.hello = report.hello
    if (this.#asksReplication() && report.result !== HandshakeResult.Unauthenticated) this.#probe()
    else this.#finish(report, null)
  }

  /** The server answers here and not there: what it was asked there is lost. */
  #replace(aside: BackendConnection): void {
    const halfOpen = this.#connection
    this.#connection = aside
    this.#aside = null
    this.#isProbing = false
    halfOpen?.destroy('no answer to a probe')
  }

  #probe(): void {
    const connection = this.#connection
    const now = this.#context.runtime.now()
    if (connection === null) {
      this.#connection = this.#open()
      return
    }
    if (!connection.isReady || this.#isProbing) {
      // A late answer is a busy server, not a dead one, unless it answers elsewhere.
      const isLate = this.#isProbing && now - this.#probedAt > this.#context.config.replyTimeoutMs
      if (isLate) {
        this.#aside ??= this.#open()
        this.#observer.late()
      }
      this.#plan(this.#pause())
      return
    }
    this.#isProbing = true
    this.#probedAt = now
    // Looked after even if no answer comes.
    this.#plan(this.#pause())
    let hello: Buffer | null = null
    const sections: Record<keyof InfoSections, string | undefined> = { ...NO_SECTIONS }
    ask(connection, ['HELLO'], (reply) => {
      hello = reply
    })
    if (this.#asksReplication()) {
      for (const section of ['server', 'replication', 'keyspace'] as const) {
        ask(connection, ['INFO', section], (reply) => {
          const isText = reply !== null && errorText(reply) === undefined
          sections[section] = isText ? reply.latin1Slice() : undefined
        })
      }
    }
    ask(connection, ['PING'], (pong) => {
      if (connection !== this.#connection) return
      this.#isProbing = false
      this.#aside?.destroy('not needed')
      if (hello === null || pong === null) return
      this.#finish(hello[0] === 45 ? this.#unauthenticated(hello) : judgeRole(hello, pong), parseReplication(sections))
    })
  }

  #unauthenticated(hello: Buffer): HandshakeReport {
    return { result: HandshakeResult.Unauthenticated, evidence: hello.latin1Slice(1, hello.length - 2), hello: null }
  }

  #finish(report: HandshakeReport, replication: Replication | null): void {
    this.#observer.judged(report, replication, this.#probedAt)
    this.#plan(this.#pause())
  }

  #pause(): number {
    const ms = this.#isHurried ? HURRIED_PROBE_MS : this.#context.config.probeMs * this.#pace
    return ms * (0.8 + 0.4 * this.#context.runtime.random())
  }

  #plan(ms: number): void {
    this.#timer?.cancel()
    if (this.#isClosed) return
    this.#timer = this.#context.runtime.after(ms, () => {
      this.#probe()
      this.#context.turn.settle()
    })
  }
}
