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

export interface Entry {
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

  get tokens(): string[] {
    return this.#entries.map(({ token }) => token)
  }

  add(token: string): Entry {
    const entry: Entry = { token, fate: 'uncertain' }
    this.#entries.push(entry)
    return entry
  }

  /** Compares with what the server has. */
  problems(found: readonly string[]): string[] {
    const problems: string[] = []
    const counts = new Map<string, number>()
    for (const token of found) counts.set(token, (counts.get(token) ?? 0) + 1)
    for (const { token, fate } of this.#entries) {
      const count = counts.get(token) ?? 0
      counts.delete(token)
      if (count > 1) problems.push(`${token} (${fate}) ran ${count} times`)
      if (fate === 'refused' && count > 0) problems.push(`${token} ran though it was refused`)
      if (fate === 'acknowledged' && count === 0) problems.push(`${token} is missing though it was acknowledged`)
    }
    for (const token of counts.keys()) problems.push(`${token} is nobody's`)
    problems.push(...this.#disorder(found))
    return problems.map((problem) => `${this.key} in db ${this.db}: ${problem}`)
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
  readonly key: string
  acknowledged = 0
  /** Of unknown fate, those without an answer so far included. */
  uncertain = 0
  #last = 0

  constructor(key: string) {
    this.key = key
  }

  asked(): void {
    this.uncertain++
  }

  /** Whether the reply to an INCR can be right. */
  acknowledge(value: number): boolean {
    this.uncertain--
    this.acknowledged++
    const isRight = value > this.#last && this.allows(value)
    this.#last = value
    return isRight
  }

  /** It did not run. */
  refuse(): void {
    this.uncertain--
  }

  allows(value: number): boolean {
    return value >= this.acknowledged && value <= this.acknowledged + this.uncertain
  }

  problems(final: number): string[] {
    const { acknowledged, uncertain } = this
    return this.allows(final)
      ? []
      : [`${this.key} ended at ${final} after ${acknowledged} acknowledged and ${uncertain} uncertain`]
  }
}

/** A key that one client alone sets: a read gives the last value set, or one whose fate is unknown. */
export class RegisterBook {
  readonly key: string
  #last: string | null = null
  readonly #uncertain = new Set<string>()

  constructor(key: string) {
    this.key = key
  }

  /** Called when it is asked for, as uncertain, and again when the answer is known. */
  set(value: string, fate: Fate): void {
    this.#uncertain.delete(value)
    if (fate === 'acknowledged') this.#last = value
    else if (fate === 'uncertain') this.#uncertain.add(value)
  }

  allows(value: string | null): boolean {
    return value === this.#last || (value !== null && this.#uncertain.has(value))
  }
}
