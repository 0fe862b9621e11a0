// What simulated clients need of their world, and what a request of theirs says of the reply that is right.
import type { Address } from '../../src/runtime/runtime.ts'
import type { Journal } from './journal.ts'
import type { Block, Ledger, Write } from './ledger.ts'
import type { Reply } from './resp-codec.ts'
import type { VirtualNetwork } from './virtual-network.ts'
import type { World } from './world.ts'

/** What simulated clients need of their world. */
export interface ClientWorld extends World {
  readonly network: VirtualNetwork
  readonly proxyAddress: Address
  readonly ledger: Ledger
  /** Whether a fault explains an error that came between these two times. */
  isExcused(fromMs: number, toMs: number): boolean
  /** True once the workloads should come to an end. */
  readonly isEnding: boolean
  /** True once the proxy was told to drain: from then on it may close clients to whom it owes nothing. */
  readonly isDraining: boolean
  /** Reads may be answered by replicas, which may lack what other clients wrote. */
  readonly readsReplicas: boolean
  /** False in a world without faults, where nothing at all may go wrong. */
  readonly hasFaults: boolean
  /** The longest pause between two pipelines. */
  readonly longestThoughtMs: number
  /** What the servers did, for checks that need to know. */
  readonly journal: Journal
  replied(milliseconds: number): void
}

export interface Request {
  readonly words: readonly string[]
  /** @returns whether a reply that is no error is right. */
  readonly expect?: (reply: Reply) => boolean
  /** Errors that are right whatever happens around. */
  readonly mayFail?: RegExp
  readonly write?: Write
  /** What the reply says of the write, where that is not plain from its kind. */
  readonly fate?: (reply: Reply) => Write['fate'] | undefined
  /** EXEC or DISCARD: decides over what was queued in front, one entry per queued command. */
  readonly decides?: readonly (Write | undefined)[]
  /** MULTI: its +OK makes the block one piece. */
  readonly opens?: Block
  /** Waits for other clients, so that nobody owes its reply at once. */
  readonly isBlocking?: boolean
  /** Tokens of other clients are welcome in the reply. */
  readonly isShared?: boolean
  /** How many replies answer it; 0 for CLIENT REPLY's silence, 2 for SUBSCRIBE of two channels. */
  readonly replies?: number
}
