// What one client knows of its own writes, and what may therefore be found on the server: each exactly once, at most once, or never.

/** What a client was told about a write. */
export type Fate =
  /** Told that it ran: it must be there, once. */
  | 'acknowledged'
  /** Told by an error that it did not run: it must not be there. */
  | 'refused'
  /** Told that nobody knows, or told nothing: once or not at all. */
  | 'uncertain'

/** Tokens name their owner, who alone may ever see them. */
export function tokenOf(owner: number, serial: number): string {
  return `<${owner}:${serial}>`
}

/** Every token in a text, by owner. */
export function ownersIn(text: string): Set<number> {
  const owners = new Set<number>()
  for (const [, owner] of text.matchAll(/<(\d+):\d+>/g)) owners.add(Number(owner))
  return owners
}

interface Entry {
  readonly token: string
  fate: Fate
}

/** A list that one client alone appends to: its order is the order in which the client's requests ran. */
export class ListBook {
  readonly key: string
  readonly db: number
  readonly #entries: Entry[] = []

  constructor(key: string, db: number) {
    this.key = key
    this.db = db
  }

  get length(): number {
    return this.#entries.length
  }

  add(token: string): Entry {
    const entry: Entry = { token, fate: 'uncertain' }
    this.#entries.push(entry)
    return entry
  }

  /**
   * Compares with what the server has. @param issuedBefore how many had been asked for before the question; of later ones only
   * those of unknown fate may show, because a question whose connection died is asked again.
   */
  problems(found: readonly string[], issuedBefore: number = this.#entries.length): string[] {
    const problems: string[] = []
    const counts = new Map<string, number>()
    for (const token of found) counts.set(token, (counts.get(token) ?? 0) + 1)
    for (const [index, { token, fate }] of this.#entries.entries()) {
      const count = counts.get(token) ?? 0
      counts.delete(token)
      if (count > 1) problems.push(`${token} (${fate}) ran ${count} times`)
      if (fate === 'refused' && count > 0) problems.push(`${token} ran though it was refused`)
      if (fate !== 'acknowledged') continue
      if (index < issuedBefore && count === 0) problems.push(`${token} is missing though it was acknowledged`)
      if (index >= issuedBefore && count > 0) problems.push(`${token} ran before a question asked earlier`)
    }
    for (const token of counts.keys()) problems.push(`${token} is nobody's`)
    problems.push(...this.#disorder(found))
    return problems.map((problem) => `${this.key} in db ${this.db}: ${problem}; found ${found.join(' ')}`)
  }

  /** Those acknowledged must stand in the order in which they were asked for. */
  #disorder(found: readonly string[]): string[] {
    const places = new Map(this.#entries.map(({ token }, index) => [token, index]))
    let last = -1
    for (const token of found) {
      const place = places.get(token) ?? -1
      if (this.#entries[place]?.fate !== 'acknowledged') continue
      if (place < last) return [`${token} ran too late`]
      last = place
    }
    return []
  }
}

/** A counter that one client alone increments. */
export class CounterBook {
  acknowledged = 0
  uncertain = 0
  #last = 0

  /** @returns what is wrong with the reply to an INCR. */
  count(value: number): string | undefined {
    this.acknowledged++
    const isRight = value > this.#last && value >= this.acknowledged && value <= this.acknowledged + this.uncertain
    this.#last = value
    const { acknowledged, uncertain } = this
    return isRight ? undefined : `counter is ${value} after ${acknowledged} acknowledged and ${uncertain} uncertain`
  }

  problem(final: number): string | undefined {
    const { acknowledged, uncertain } = this
    if (final >= acknowledged && final <= acknowledged + uncertain) return undefined
    return `counter ended at ${final} after ${acknowledged} acknowledged and ${uncertain} uncertain`
  }
}

/** A key that one client alone sets: a read gives the last value set, or one whose fate is unknown. */
export class RegisterBook {
  #last: string | null = null
  readonly #uncertain = new Set<string>()

  set(value: string, fate: Fate): void {
    if (fate === 'acknowledged') this.#last = value
    else if (fate === 'uncertain') this.#uncertain.add(value)
  }

  allows(value: string | null): boolean {
    return value === this.#last || (value !== null && this.#uncertain.has(value))
  }

  /** For the message when it does not. */
  get expectation(): string {
    return [this.#last ?? 'nothing', ...this.#uncertain].join(' or ')
  }
}
