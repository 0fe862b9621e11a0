// Writes the metrics in the formats of Prometheus, when they are asked for.
import { Counter, Gauge, Registry } from 'prom-client'
import { eventLoopDelay } from './event-loop.ts'
import { type Definition, definitions, type Facts } from './metrics.ts'
import type { Status } from './status.ts'

/** Of what `/metrics` can answer; the first is for everybody who does not ask for the second. */
export const formats = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openMetrics: Registry.OPENMETRICS_CONTENT_TYPE,
} as const

type Format = (typeof formats)[keyof typeof formats]

export class Exposition {
  readonly #status: () => Status
  /** One for each format, made when it is first asked for: writing OpenMetrics renames the counters of a registry for good. */
  readonly #registries = new Map<string, Registry<Format>>()
  #facts: Facts | undefined

  constructor(status: () => Status) {
    this.#status = status
    // What is measured between two questions begins now.
    eventLoopDelay()
  }

  /** @returns the text, in one of {@link formats}. */
  async text(format: Format): Promise<string> {
    let registry = this.#registries.get(format)
    if (registry === undefined) {
      registry = new Registry<Format>()
      registry.setContentType(format)
      for (const definition of definitions) this.#register(registry, definition)
      this.#registries.set(format, registry)
    }
    this.#facts = { ...this.#status(), eventLoopDelay: eventLoopDelay() }
    return await registry.metrics()
  }

  #register(registry: Registry<Format>, { kind, name, help, label, read }: Definition): void {
    const options = { name, help, labelNames: label === undefined ? [] : [label], registers: [registry] }
    const set = (labels: Record<string, string>, value: number | undefined) => {
      if (value === undefined) metric.remove(labels)
      else if (metric instanceof Gauge) metric.set(labels, value)
      else metric.inc(labels, value)
    }
    const collect = () => {
      metric.reset()
      const number = read(this.#facts!)
      if (typeof number !== 'object') set({}, number)
      else for (const [value, count] of Object.entries(number)) set({ [label!]: value }, count)
    }
    const metric = kind === 'gauge' ? new Gauge({ ...options, collect }) : new Counter({ ...options, collect })
  }
}
