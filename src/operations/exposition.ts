// Writes metrics as Prometheus reads them. They are read from plain facts when somebody asks: on no way of a command are they counted.
import { Counter, Gauge, Registry } from 'prom-client'

/** One metric; its unit is the end of its name. */
export interface Definition<Facts> {
  readonly kind: 'counter' | 'gauge'
  readonly name: string
  readonly help: string
  /** The name of its label. Its values are known beforehand: nothing that a client sends is one. */
  readonly label?: string
  /** @returns with a label, the number for each of its values; undefined where there is nothing to tell. */
  readonly read: (facts: Facts) => number | Readonly<Record<string, number>> | undefined
}

/** Of what `/metrics` can answer; the first is for everybody who does not ask for the second. */
export const formats = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openMetrics: Registry.OPENMETRICS_CONTENT_TYPE,
} as const

type Format = (typeof formats)[keyof typeof formats]

export class Exposition<Facts> {
  readonly #definitions: readonly Definition<Facts>[]
  readonly #read: () => Facts
  /** One for each format, made when it is first asked for: writing OpenMetrics renames the counters of a registry for good. */
  readonly #registries = new Map<string, Registry<Format>>()
  #facts: Facts | undefined

  constructor(definitions: readonly Definition<Facts>[], read: () => Facts) {
    this.#definitions = definitions
    this.#read = read
  }

  /** @returns the text, in one of {@link formats}. */
  async text(format: Format): Promise<string> {
    let registry = this.#registries.get(format)
    if (registry === undefined) {
      registry = new Registry<Format>()
      registry.setContentType(format)
      for (const definition of this.#definitions) this.#register(registry, definition)
      this.#registries.set(format, registry)
    }
    this.#facts = this.#read()
    return await registry.metrics()
  }

  #register(registry: Registry<Format>, { kind, name, help, label, read }: Definition<Facts>): void {
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
