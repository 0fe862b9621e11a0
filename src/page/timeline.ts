// The timeline: changes of state, the newest first, each with what it was decided on.
import type { TimelineEntry } from '../operations/timeline.ts'
import { byId, element } from './dom.ts'
import { clock, duration } from './format.ts'
import { sayingsList } from './servers.ts'

/** As many as the proxy keeps. */
const MAX_ENTRIES = 100

export class TimelineView {
  /** The newest first. */
  #entries: TimelineEntry[] = []
  readonly #list = byId('timeline')

  /** Forgets all others: the proxy may be another one since. */
  begin(entries: readonly TimelineEntry[], now: number): void {
    this.#entries = []
    this.#list.replaceChildren()
    this.add(entries, now)
    if (entries.length === 0) this.#list.append(element('li', 'quiet', 'Nothing has happened yet.'))
  }

  /** @param entries the oldest first. */
  add(entries: readonly TimelineEntry[], now: number): void {
    if (entries.length > 0 && this.#entries.length === 0) this.#list.replaceChildren()
    for (const entry of entries) {
      this.#entries.unshift(entry)
      this.#list.prepend(itemOf(entry, now))
    }
    for (const _ of this.#entries.splice(MAX_ENTRIES)) this.#list.lastElementChild!.remove()
  }

  /** When generations began, in ms since 1970. */
  get marks(): number[] {
    return this.#entries.filter(isSwitch).map(({ at }) => at)
  }

  get lastAt(): number | undefined {
    return this.#entries[0]?.at
  }
}

function isSwitch({ facts }: TimelineEntry): boolean {
  return typeof facts.generation === 'number'
}

function itemOf(entry: TimelineEntry, now: number): HTMLElement {
  const { at, level, message, facts } = entry
  const tone = level === 'info' ? (isSwitch(entry) ? 'well' : 'plain') : level === 'warn' ? 'watch' : 'bad'
  const time = element('time', '', clock(at, now))
  time.setAttribute('datetime', new Date(at).toISOString())
  const item = element('li', `card ${tone}`, time, element('b', '', message.charAt(0).toUpperCase() + message.slice(1)))
  const { servers, seconds, generation, evidence, reason, ...others } = facts
  const parts = [
    typeof generation === 'number' && `generation ${generation}`,
    typeof seconds === 'number' && `after ${duration(seconds * 1000)}`,
    ...Object.entries(others).map(([name, value]) => factText(name, value)),
    typeof reason === 'string' && reason !== '' && reason,
  ].filter((part) => typeof part === 'string')
  if (parts.length > 0) item.append(element('p', 'quiet', parts.join(' · ')))
  if (typeof evidence === 'string') item.append(element('p', 'quiet', `“${evidence}”`))
  if (typeof servers === 'object' && servers !== null && !Array.isArray(servers)) {
    item.append(sayingsList(Object.entries(servers).map(([address, saying]) => [address, String(saying)])))
  } else if (servers !== undefined) item.append(element('p', 'quiet', valueText(servers)))
  return item
}

/** @returns undefined where there is nothing to tell. */
function factText(name: string, value: unknown): string | undefined {
  const text = valueText(value)
  if (text === '') return undefined
  // Which server it is about needs no name.
  return name === 'backend' || name === 'replica' || name === 'primary' ? text : `${name} ${text}`
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(', ')
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, part]) => `${name} ${valueText(part)}`)
      .join(' ')
  }
  return value === undefined || value === null ? '' : String(value)
}
