// How old a replica's data can be: it has all writes that were acknowledged before the primary was asked for an offset it has reached.

export class Freshness {
  /** What the primary said of its line: at the time of asking it had written so much, at least. Oldest first. */
  #samples: { readonly askedAt: number; readonly offset: number }[] = []
  #line = ''

  /** The primary answered. @param askedAt when it was asked. @param keepMs older samples tell nothing useful any more. */
  primarySaid(line: string, offset: number, askedAt: number, keepMs: number): void {
    if (line !== this.#line) this.#samples = []
    this.#line = line
    this.#samples = this.#samples.filter((sample) => askedAt - sample.askedAt <= keepMs)
    this.#samples.push({ askedAt, offset })
  }

  /** The time up to which a replica has every acknowledged write; -Infinity when it is not known. */
  completeUntil(line: string, offset: number): number {
    if (line !== this.#line) return Number.NEGATIVE_INFINITY
    return this.#samples.findLast((sample) => sample.offset <= offset)?.askedAt ?? Number.NEGATIVE_INFINITY
  }
}
