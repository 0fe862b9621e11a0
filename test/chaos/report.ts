// Adds up what the faults cost, and prints it as a table.
import type { Befallen, Chapter } from './run-chaos.ts'

/** What a problem means for the one who has it; the first pattern that fits counts. */
const classes = [
  ['acknowledged writes lost', /is missing though it was acknowledged|never popped|ended at/],
  ['writes doubled', /ran \d+ times|popped .* twice|became|ran though it was refused/],
  ['disconnects', /was disconnected/],
  ['hung', /still waiting|waited \d+ ms|waited in vain/],
  ['errors where none may be', /" cost \d+ errors|told to be uncertain/],
  ['cross-talk or disorder', /./],
] as const

export class ChaosReport {
  readonly #befallen: Befallen[] = []
  readonly #problems: string[] = []
  #replies = 0

  add({ befallen, problems, replies }: Chapter): void {
    this.#befallen.push(...befallen)
    this.#problems.push(...problems)
    this.#replies += replies
  }

  /** Nothing was lost, doubled, mixed up, disconnected or hung, and harmless faults cost no error but those of scripts. */
  get isClean(): boolean {
    return this.#problems.length === 0
  }

  text(): string {
    const names = [...new Set(this.#befallen.map(({ name }) => name))].sort()
    const rows = names.map((name) => this.#row(name))
    const counts = classes.map(([what, pattern], index) => {
      const earlier = classes.slice(0, index).map(([, each]) => each)
      const count = this.#problems.filter(
        (text) => pattern.test(text) && !earlier.some((each) => each.test(text)),
      ).length
      return `${what}: ${count}`
    })
    return [
      '',
      '| fault | times | stall p50 ms | stall max ms | errors clients heard |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
      '',
      `${this.#befallen.length} faults, ${this.#replies} replies. ${counts.join(', ')}.`,
    ].join('\n')
  }

  #row(name: string): string {
    const those = this.#befallen.filter((each) => each.name === name)
    const stalls = those.flatMap(({ stallMs }) => (stallMs === undefined ? [] : [stallMs])).sort((a, b) => a - b)
    const errors = new Map<string, number>()
    for (const each of those) {
      for (const [word, count] of each.errors) errors.set(word, (errors.get(word) ?? 0) + count)
    }
    const told = [...errors].map(([word, count]) => `${count} ${word}`).join(', ')
    const [p50, max] = [stalls[Math.floor(stalls.length / 2)], stalls.at(-1)]
    return `| ${name} | ${those.length} | ${p50?.toFixed(0) ?? '–'} | ${max?.toFixed(0) ?? '–'} | ${told || 'none'} |`
  }
}
