// GET / and /events of the admin server: the live page, and what it is told.
import type { Answer, Route } from './admin-server.ts'
import type { LiveEvents } from './live-events.ts'

/** The page that shows what happens while it happens. */
export interface LivePage {
  /** Its text, and the policy for browsers; asked for with the first question. */
  readonly page: () => Promise<{ readonly html: string; readonly policy: string }>
  /** What it shows. */
  readonly events: LiveEvents
}

const HTML = 'text/html; charset=utf-8'
const EVENT_STREAM = { 'content-type': 'text/event-stream; charset=utf-8' }

export function liveRoutes({ page, events }: LivePage): Route[] {
  const opened = async (): Promise<Answer> => {
    const { html, policy } = await page()
    return { status: 200, body: html, headers: { 'content-type': HTML, 'content-security-policy': policy } }
  }
  const streamed = (): Answer => {
    if (events.isFull) return { status: 503, body: 'as many pages are open as may be' }
    return { status: 200, body: '', headers: EVENT_STREAM, stream: (response) => events.add(response) }
  }
  return [
    { method: 'GET', path: '/', to: 'loopback', answer: opened },
    { method: 'GET', path: '/events', to: 'loopback', isScarce: true, answer: streamed },
  ]
}
