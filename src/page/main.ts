// The live page: shows each second what the proxy tells of itself.
import { MAX_SAMPLES, SAMPLE_MS, type Sample } from '../operations/history.ts'
import type { Moment } from '../operations/live-events.ts'
import { Chart } from './charts.ts'
import { showCommands } from './commands.ts'
import { connect } from './connection.ts'
import { byId, element, setChildren, setText } from './dom.ts'
import { showFacts } from './facts.ts'
import { ago, clock, duration, roughly } from './format.ts'
import { headlineOf, type Tone } from './headline.ts'
import { showServers } from './servers.ts'
import { TimelineView } from './timeline.ts'

const perSecond = (number: number, { ms }: Sample) => (1000 * number) / ms
/** Where no server answered there is no latency. */
const ifAny = (number: number) => (number === 0 ? undefined : number)

const charts = [
  new Chart({
    ...{ title: 'Commands per second', text: roughly, least: 1 },
    series: [
      { name: 'answered', kind: 'main', isArea: true, value: (sample) => perSecond(sample.answered, sample) },
      {
        name: 'errors',
        kind: 'bad',
        value: (sample) => ifAny(perSecond(sample.errors + sample.refused, sample)),
        written: (sample) => perSecond(sample.errors + sample.refused, sample),
      },
    ],
  }),
  new Chart({
    ...{ title: 'Latency', text: duration, least: 1, logFrom: 0.01 },
    series: [
      { name: 'p50', kind: 'main', value: ({ p50 }) => ifAny(p50) },
      { name: 'p99', kind: 'high', value: ({ p99 }) => ifAny(p99) },
      { name: 'server p99', kind: 'server', value: ({ backendP99 }) => ifAny(backendP99) },
    ],
  }),
  new Chart({
    ...{ title: 'Mean time of a command', text: duration, least: 0.1 },
    series: [
      {
        name: 'proxy',
        kind: 'proxy',
        isArea: true,
        value: ({ mean }) => ifAny(mean),
        written: ({ mean, backendMean }) => ifAny(mean) && mean - backendMean,
      },
      {
        name: 'server',
        kind: 'server',
        isArea: true,
        value: ({ mean, backendMean }) => (mean === 0 ? undefined : backendMean),
      },
    ],
  }),
  new Chart({
    ...{ title: 'Commands that wait', text: roughly, least: 10 },
    series: [{ name: 'wait', kind: 'watch', isArea: true, value: ({ held }) => held }],
  }),
]

/** Of the charts, in minutes: as much as is known. */
const SPANS = [1, 2, 5, 10]

/** Of the icon, in hexadecimal: a style cannot reach it. */
const ICONS: Readonly<Record<Tone | 'away', string>> = {
  well: '1a7f37',
  watch: 'bf8700',
  bad: 'cf222e',
  away: '6e7781',
}

const timeline = new TimelineView()
const body = document.body
let samples: Sample[] = []
let latest: Moment | undefined
/** How far back the values that are written are, in ms; 0 = the newest. */
let chosenBackMs = 0
let isLost = false

function show(moment: Moment): void {
  const { status, at } = moment
  const { tone, title, primary, waiting, notes } = headlineOf(status, at)
  setTone(tone, title)
  setText(byId('primary'), primary)
  setText(byId('waiting'), waiting)
  setChildren(
    byId('notes'),
    notes.map((note) => element('li', 'note', note)),
  )
  setText(byId('connection'), `live, ${clock(at, at)}`)
  const { lastAt } = timeline
  setText(
    byId('last-change'),
    lastAt === undefined ? 'Nothing has happened yet.' : `The last change of state was ${ago(at - lastAt)}.`,
  )
  showServers(status, at)
  showFacts(status, at)
  showCommands(status, at)
  drawCharts()
}

function setTone(tone: Tone | 'away', title: string): void {
  setText(byId('title'), title)
  if (body.dataset.tone === tone && document.title.startsWith(title)) return
  body.dataset.tone = tone
  document.title = `${title} – Rusteze`
  const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#${ICONS[tone]}"/></svg>`
  document.querySelector<HTMLLinkElement>('link[rel=icon]')!.href = `data:image/svg+xml,${encodeURIComponent(icon)}`
}

function drawCharts(): void {
  if (latest === undefined) return
  const now = latest.at
  const first = samples[0] ?? { at: now, ms: 0 }
  const knownMs = now - first.at + first.ms
  const minutes = SPANS.find((span) => span * 60_000 >= knownMs - SAMPLE_MS) ?? SPANS.at(-1)!
  const chosen = chosenBackMs === 0 ? undefined : samples.findLast(({ at }) => at <= now - chosenBackMs)
  for (const chart of charts) chart.draw({ samples, now, spanMs: minutes * 60_000, marks: timeline.marks, chosen })
  const text = minutes === 1 ? 'The last minute' : `The last ${minutes} minutes`
  setText(byId('h-charts'), chosen === undefined ? text : `${text}: values of ${clock(chosen.at, now)}`)
}

function choose(backMs: number): void {
  chosenBackMs = Math.min(Math.max(0, backMs), MAX_SAMPLES * SAMPLE_MS)
  drawCharts()
}

const group = byId('charts')
group.append(...charts.map(({ root }) => root))
for (const chart of charts)
  chart.root.addEventListener('pointermove', ({ clientX }) => choose(chart.msBeforeNow(clientX)))
group.addEventListener('pointerleave', () => choose(0))
group.addEventListener('blur', () => choose(0))
group.addEventListener('keydown', (event) => {
  const step = { ArrowLeft: SAMPLE_MS, ArrowRight: -SAMPLE_MS, PageUp: 30_000, PageDown: -30_000 }[event.key]
  if (step === undefined) return
  event.preventDefault()
  choose(chosenBackMs + step)
})

connect({
  began({ samples: past, timeline: entries }) {
    samples = [...past]
    timeline.begin(entries, Date.now())
  },
  told(moment) {
    latest = moment
    isLost = false
    samples = [...samples, ...moment.samples].slice(-MAX_SAMPLES)
    timeline.add(moment.timeline, moment.at)
    show(moment)
  },
  lost() {
    setTone('away', 'Lost connection to the proxy, trying again')
    if (isLost) return
    isLost = true
    const since =
      latest === undefined ? 'Nothing was heard of it yet.' : `What is shown is of ${clock(latest.at, latest.at)}.`
    setText(byId('connection'), since)
  },
})
