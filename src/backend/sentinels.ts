// Asks the Sentinels whom they take for the primary: a hint that counts only where the servers themselves cannot be told apart.
import type { Address, Timer } from '../runtime/runtime.ts'
import { type Hint, majorityOf, type SentinelWord } from '../topology/hint.ts'
import { addressText, type BackendContext } from './backend-context.ts'
import { Sentinel } from './sentinel.ts'

/** While nobody needs a hint, so that one is there in the moment it is needed. */
const CALM_MS = 5000
/** Longest age of what they say while a hint is needed. */
const HURRIED_MS = 200

export class Sentinels {
  readonly #context: BackendContext
  readonly #hinted: (hint: Hint | null) => void
  #sentinels: readonly Sentinel[] = []
  #timer: Timer | null = null
  #askedAt = Number.NEGATIVE_INFINITY
  /** As logged last. */
  #trouble = ''

  /** @param hinted hears of what the majority says, after each answer; null without a majority. */
  constructor(context: BackendContext, hinted: (hint: Hint | null) => void) {
    this.#context = context
    this.#hinted = hinted
  }

  /** All Sentinels there are, from now on. */
  follow(addresses: readonly Address[]): void {
    const former = this.#sentinels
    this.#sentinels = addresses.map((address) => {
      const kept = former.find(({ name }) => name === addressText(address))
      return kept ?? new Sentinel(this.#context, address, () => this.#heard())
    })
    for (const sentinel of former) if (!this.#sentinels.includes(sentinel)) sentinel.close()
    if (addresses.length === 0) {
      this.#timer?.cancel()
      this.#timer = null
      this.#hinted(null)
      return
    }
    this.#timer ??= this.#context.runtime.every(CALM_MS, () => {
      this.#ask()
      this.#context.turn.settle()
    })
    this.#ask()
  }

  /** A hint is needed: asks, unless they were asked just now. */
  hurry(): void {
    if (this.#context.runtime.now() - this.#askedAt >= HURRIED_MS) this.#ask()
  }

  /** What each said last, by its address. */
  get sayings(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.#sentinels.map(({ name, words, trouble }) => {
        return [
          name,
          trouble || words.map(({ group, address }) => `${group}: ${address}`).join(', ') || 'no answer yet',
        ]
      }),
    )
  }

  close(): void {
    this.#timer?.cancel()
    for (const sentinel of this.#sentinels) sentinel.close()
  }

  #ask(): void {
    this.#askedAt = this.#context.runtime.now()
    for (const sentinel of this.#sentinels) sentinel.ask()
  }

  #heard(): void {
    const words = this.#sentinels.flatMap((sentinel) => this.#wordOf(sentinel) ?? [])
    this.#log()
    this.#hinted(majorityOf(words, this.#sentinels.length))
  }

  #wordOf({ words }: Sentinel): SentinelWord | undefined {
    const { sentinelMaster } = this.#context.config
    if (sentinelMaster !== undefined) return words.find(({ group }) => group === sentinelMaster)
    return words.length === 1 ? words[0] : undefined
  }

  /** One line when Sentinels cannot be asked or understood, and one when all can be again. */
  #log(): void {
    const answering = this.#sentinels.filter(({ words }) => words.length > 0)
    const trouble = this.#sentinels.find(({ trouble: each }) => each !== '')?.trouble ?? ''
    const isUnclear = answering.length > 0 && answering.every((sentinel) => this.#wordOf(sentinel) === undefined)
    const kind = isUnclear ? 'group' : trouble === '' ? '' : trouble.split(' ')[0]!
    if (kind === this.#trouble) return
    this.#trouble = kind
    const { log } = this.#context
    const facts = { sentinels: this.sayings }
    if (kind === '') log.info(facts, 'all Sentinels answer')
    else if (isUnclear)
      log.warn(facts, 'which group of the Sentinels is meant? Set RUSTEZE_SENTINEL_MASTER to its name')
    else log.warn(facts, 'a Sentinel cannot be asked; its word is missing should several masters have to be told apart')
  }
}
