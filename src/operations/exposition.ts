// Writes metrics as Prometheus reads them. They are read from plain facts when somebody asks: on no way of a command are they counted.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { LatencyStatus } from '../client/latency.ts'

/** One metric; its unit is the end of its name. */
export interface Definition<Facts> {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly name: string
  readonly help: string
  /** The names of its labels. Their values are few: nothing that a client sends is one. */
  readonly labels?: readonly string[]
  /** @returns with labels, the number for each value of the first, and of the second; undefined where there is nothing to tell. */
  readonly read: (facts: Facts) => Numbers | LatencyStatus | undefined
}

/** One number, or one for each value of a label. */
export type Numbers = number | { readonly [value: string]: Numbers }

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

  #register(registry: Registry<Format>, { kind, name, help, labels = [], read }: Definition<Facts>): void {
    const registers = [registry]
    if (kind === 'histogram') {
      new ReadHistogram({ name, help, registers }, () => read(this.#facts!) as LatencyStatus)
      return
    }
    const options = { name, help, labelNames: [...labels], registers }
    const set = (values: Record<string, string>, numbers: Numbers) => {
      if (typeof numbers === 'object') {
        const label = labels[Object.keys(values).length]!
        for (const [value, inner] of Object.entries(numbers)) set({ ...values, [label]: value }, inner)
      } else if (metric instanceof Gauge) metric.set(values, numbers)
      else metric.inc(values, numbers)
    }
    const collect = () => {
      metric.reset()
      const numbers = read(this.#facts!) as Numbers | undefined
      if (numbers === undefined) metric.remove({})
      else set({}, numbers)
    }
    const metric = kind === 'gauge' ? new Gauge({ ...options, collect }) : new Counter({ ...options, collect })
  }
}

/** A histogram that was counted elsewhere. */
class ReadHistogram extends Histogram {
  readonly #options: { readonly name: string; readonly help: string }
  readonly #read: () => LatencyStatus

  constructor(options: { name: string; help: string; registers: Registry<Format>[] }, read: () => LatencyStatus) {
    super(options)
    this.#options = options
    this.#read = read
  }

  /** What the registry asks for. */
  async getForPromString() {
    const { name, help } = this.#options
    const { below, count, sumMs } = this.#read()
    const bucket = (le: number | string, value: number) => ({ metricName: `${name}_bucket`, labels: { le }, value })
    return {
      ...{ name, help, type: 'histogram' },
      values: [
        ...below.map(([boundMs, number]) => bucket(boundMs / 1000, number)),
        bucket('+Inf', count),
        { metricName: `${name}_sum`, value: sumMs / 1000 },
        { metricName: `${name}_count`, value: count },
      ],
    }
  }
}
