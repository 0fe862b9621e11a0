// A transaction that is open on a client's pinned connection, remembered so that it can be begun again elsewhere: nothing of it has run.

/** Most bytes remembered for one transaction; one that is larger is aborted when its connection dies. */
const MAX_REMEMBERED_BYTES = 1024 * 1024

export class Transaction {
  /** Set when no server was asked for its MULTI: the error that answers whatever belongs to it. */
  readonly refusal: Buffer | null
  /** MULTI and every request the server has queued, as frames. */
  readonly frames: Buffer[] = []
  #bytes = 0
  /** Too large to be remembered, or not all of it was seen whole. */
  isForgotten = false
  /** A request was refused by the proxy: EXEC must fail, as after an error of the server's. */
  isAborted = false
  /** The server answered an error in place of +QUEUED: EXEC fails there, and must on any other connection. */
  isDirty = false
  /** Holds something that changes the connection itself (SELECT, AUTH, CLIENT …): from its EXEC on the connection stays the client's. */
  changesConnection = false
  /** Holds something whose reply inside EXEC cannot be framed (subscriptions, CLIENT REPLY): from EXEC on bytes pass as they are. */
  isUnframeable = false

  constructor(refusal: Buffer | null = null) {
    this.refusal = refusal
  }

  remember(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start
    if (this.isForgotten || this.#bytes > MAX_REMEMBERED_BYTES) {
      this.isForgotten = true
      this.frames.length = 0
      return
    }
    this.frames.push(Buffer.from(bytes.subarray(start, end)))
  }
}
