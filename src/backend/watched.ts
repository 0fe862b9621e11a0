// One server as it last described itself, and the prober that asks it.
import type { Address } from '../runtime/runtime.ts'
import type { Node } from '../topology/primary.ts'
import type { Replication } from '../topology/replication.ts'
import { addressText, type BackendContext } from './backend-context.ts'
import { type HandshakeReport, HandshakeResult } from './handshake.ts'
import { Prober } from './prober.ts'
import type { ReplicaStatus, ServerStatus } from './shard-status.ts'

const ROLES: Readonly<Record<HandshakeResult, ServerStatus['role']>> = {
  [HandshakeResult.Ready]: 'master',
  [HandshakeResult.Replica]: 'replica',
  [HandshakeResult.NotPrimary]: 'unavailable',
  [HandshakeResult.Unauthenticated]: 'unauthenticated',
  [HandshakeResult.Refused]: 'refused',
  [HandshakeResult.Lost]: 'lost',
}

/** Where one server is. */
export interface Place {
  readonly address: Address
  /** Tells a new server at an address from the one that had it before; '' where nothing does. */
  readonly uid: string
  readonly zone: string | undefined
  /** Where a Sentinel listens beside it. */
  readonly sentinelPort?: number | undefined
}

/** One server, as it last described itself. */
export class Watched implements Node {
  readonly #context: BackendContext
  readonly address: Address
  readonly uid: string
  readonly zone: string | undefined
  readonly name: string
  readonly prober: Prober
  report: HandshakeReport | null = null
  replication: Replication | null = null
  /** In the runtime's ms, as all times here. */
  reportedAt = 0
  /** When it was asked last of what it has answered. */
  probedAt = 0
  /** When it was asked for `replication`. */
  askedAt = 0
  /** It has not answered for RUSTEZE_REPLY_TIMEOUT. */
  isLate = false
  readonly knownSince: number
  /** Only what was said since the last doubt counts. */
  isMaster = false

  /** @param judged hears of each answer, @param late of answers that do not come. */
  constructor(
    context: BackendContext,
    { address, uid, zone }: Place,
    isOneOfMany: () => boolean,
    judged: (watched: Watched) => void,
    late: (watched: Watched) => void,
  ) {
    this.#context = context
    this.address = address
    this.uid = uid
    this.zone = zone
    this.knownSince = context.runtime.now()
    this.name = addressText(address)
    this.prober = new Prober(context, address, isOneOfMany, {
      judged: (report, replication, askedAt) => {
        this.report = report
        this.isLate = false
        this.probedAt = askedAt
        if (replication !== null) {
          this.replication = replication
          this.askedAt = askedAt
        }
        this.reportedAt = context.runtime.now()
        this.isMaster = report.result === HandshakeResult.Ready
        judged(this)
      },
      late: () => {
        this.isLate = true
        late(this)
      },
    })
  }

  get saying(): string {
    if (this.report === null) return 'no answer yet'
    return this.isMaster ? 'master' : this.report.evidence
  }

  /** The facts for metrics. @param primary the accepted one. */
  status(primary: Watched | null, reads: ReplicaStatus | undefined): ServerStatus {
    const { report, replication } = this
    const { runtime } = this.#context
    const isReplica = report?.result === HandshakeResult.Replica
    const isOfLine = isReplica && replication !== null && replication.line === primary?.replication?.line
    return {
      address: this.name,
      zone: this.zone,
      isPrimary: this === primary,
      role: report === null ? 'unknown' : ROLES[report.result],
      saying: report === null ? 'no answer yet' : report.evidence || 'master',
      saidAt: report === null ? undefined : runtime.wallClock() - (runtime.now() - this.reportedAt),
      isLate: this.isLate,
      isLinkUp: isReplica ? replication?.isFollowing : undefined,
      // The two were not asked at the same moment.
      lagBytes: isOfLine ? Math.max(0, primary!.replication!.offset - replication.offset) : undefined,
      reads,
    }
  }
}
