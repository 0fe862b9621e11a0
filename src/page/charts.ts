// Draws the samples as lines and areas over time. Its texts are HTML beside the drawing, which is stretched to fit.
import type { Sample } from '../operations/history.ts'
import { element, setText } from './dom.ts'

const SVG = 'http://www.w3.org/2000/svg'
/** Of the drawing, in units of its own. */
const WIDTH = 600
const HEIGHT = 100

/** Beside a mark it has to be seen as well. */
const LEAST_SPAN = 6

export interface Series {
  readonly name: string
  /** Colours it, in the style. */
  readonly kind: string
  readonly isArea?: boolean
  /** Where it is drawn; undefined where there is nothing to draw. */
  readonly value: (sample: Sample) => number | undefined
  /** What is written; what is drawn, where it is left out. */
  readonly written?: (sample: Sample) => number | undefined
}

export interface ChartOptions {
  readonly title: string
  readonly series: readonly Series[]
  readonly text: (value: number) => string
  /** Least height of the scale, so that next to nothing looks like it. */
  readonly least: number
  /** A logarithmic scale from here on. */
  readonly logFrom?: number
}

/** What all charts show alike. */
export interface View {
  readonly samples: readonly Sample[]
  /** Right edge, in ms since 1970. */
  readonly now: number
  /** From one edge to the other, in ms. */
  readonly spanMs: number
  /** When new generations began. */
  readonly marks: readonly number[]
  /** The sample whose values are written; undefined for the newest. */
  readonly chosen: Sample | undefined
}

export class Chart {
  readonly root: HTMLElement
  readonly #options: ChartOptions
  readonly #drawing = svg('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  })
  readonly #scale = element('div', 'scale')
  readonly #values: HTMLElement[]
  readonly #begin = element('span', '')
  #spanMs = 0

  constructor(options: ChartOptions) {
    this.#options = options
    this.#values = options.series.map(() => element('b', '', '–'))
    const legend = options.series.map(({ name, kind }, index) =>
      element('span', 'key', element('i', kind), `${name} `, this.#values[index]!),
    )
    const plot = element('div', 'plot')
    plot.append(this.#drawing, this.#scale)
    const ends = element('div', 'ends quiet', this.#begin, element('span', '', 'now'))
    this.root = element(
      'figure',
      '',
      element('figcaption', '', element('h3', '', options.title), ...legend),
      plot,
      ends,
    )
  }

  draw(view: View): void {
    const { series, text, least, logFrom } = this.#options
    const { samples, now, spanMs, marks, chosen } = view
    this.#spanMs = spanMs
    setText(this.#begin, `${spanMs / 60_000} min ago`)
    const written = chosen ?? samples.at(-1)
    for (const [index, { value, written: other = value }] of series.entries()) {
      const number = written && other(written)
      setText(this.#values[index]!, number === undefined ? '–' : text(number))
    }
    const most = Math.max(least, ...series.flatMap(({ value }) => samples.map((sample) => value(sample) ?? 0)))
    const { top, lines } = logFrom === undefined ? evenScale(most) : decades(logFrom, most)
    const heightOf = (value: number) => {
      if (logFrom === undefined) return HEIGHT * (1 - value / top)
      return HEIGHT * (1 - Math.max(0, Math.log(value / logFrom)) / Math.log(top / logFrom))
    }
    const xOf = (at: number) => WIDTH * (1 - (now - at) / spanMs)
    this.#drawing.replaceChildren(
      ...lines.map((value) => line('grid', 0, WIDTH, heightOf(value), heightOf(value))),
      ...samples.filter(({ withoutPrimaryMs }) => withoutPrimaryMs > 0).map((sample) => spanOf(sample, xOf)),
      ...series.flatMap((one) => pathsOf(one, samples, xOf, heightOf)),
      ...marks.filter((at) => at > now - spanMs).map((at) => line('mark', xOf(at), xOf(at), 0, HEIGHT)),
      ...(chosen === undefined ? [] : [line('chosen', xOf(chosen.at), xOf(chosen.at), 0, HEIGHT)]),
    )
    this.#scale.replaceChildren(
      ...lines.map((value) => {
        const label = element('span', '', text(value))
        label.style.top = `${heightOf(value)}%`
        return label
      }),
    )
  }

  /** @returns the time at that place of the screen, in ms before the right edge. */
  msBeforeNow(clientX: number): number {
    const { left, width } = this.#drawing.getBoundingClientRect()
    return this.#spanMs * (1 - (clientX - left) / width)
  }
}

/** The whole time of the sample: when in it there was no primary is not known. */
function spanOf({ at, ms }: Sample, xOf: (at: number) => number): SVGElement {
  const width = Math.max(LEAST_SPAN, xOf(at) - xOf(at - ms))
  return svg('rect', { class: 'span', x: xOf(at) - width, y: 0, width, height: HEIGHT })
}

/** One path for each run of samples that have a value. */
function pathsOf(
  { kind, isArea, value }: Series,
  samples: readonly Sample[],
  xOf: (at: number) => number,
  heightOf: (value: number) => number,
): SVGElement[] {
  const runs: string[][] = [[]]
  for (const sample of samples) {
    const number = value(sample)
    if (number === undefined) runs.push([])
    else {
      const y = heightOf(number).toFixed(1)
      // A value is that of the whole time it was taken over.
      runs.at(-1)!.push(`${xOf(sample.at - sample.ms).toFixed(1)},${y}`, `${xOf(sample.at).toFixed(1)},${y}`)
    }
  }
  return runs
    .filter((points) => points.length > 0)
    .flatMap((points) => {
      const edge = svg('path', { class: `line ${kind}`, d: `M${points.join('L')}` })
      if (!isArea) return [edge]
      const [first, last] = [points[0]!, points.at(-1)!].map((point) => point.split(',')[0])
      return [
        svg('path', { class: `area ${kind}`, d: `M${first},${HEIGHT}L${points.join('L')}L${last},${HEIGHT}Z` }),
        edge,
      ]
    })
}

/** The top is the next of 1, 2, 5, 10, 20, … */
function evenScale(most: number): { top: number; lines: number[] } {
  const power = 10 ** Math.floor(Math.log10(most))
  const top = power * ([1, 2, 5].find((step) => step * power >= most) ?? 10)
  return { top, lines: [top, top / 2] }
}

function decades(from: number, most: number): { top: number; lines: number[] } {
  const lines: number[] = []
  let top = from
  while (top < most) {
    top *= 10
    lines.push(top)
  }
  return { top, lines }
}

function line(name: string, x1: number, x2: number, y1: number, y2: number): SVGElement {
  return svg('line', { class: name, x1, x2, y1, y2 })
}

function svg(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}
