// POST /pause and /resume of the admin server: what PROXY PAUSE and RESUME do.
import type { Pause } from '../client/pause.ts'
import { type Answer, json, type Route } from './admin-server.ts'

export type Pausing = Pick<Pause, 'begin' | 'end'>

export function pauseRoutes(pause: Pausing): Route[] {
  return [
    { method: 'POST', path: '/pause', to: 'loopback', answer: ({ url = '' }) => begin(pause, url) },
    { method: 'POST', path: '/resume', to: 'loopback', answer: () => end(pause) },
  ]
}

/** Answered when nothing that it holds is in flight any more, or when that takes long. */
function begin(pause: Pausing, url: string): Answer | Promise<Answer> {
  const { searchParams } = new URL(url, 'http://localhost')
  const holds = searchParams.get('holds') ?? 'writes'
  const isKnown = [...searchParams.keys()].every((name) => name === 'milliseconds' || name === 'holds')
  if (!isKnown || (holds !== 'writes' && holds !== 'all')) {
    return { status: 400, body: 'what may be given is milliseconds, and holds=writes or holds=all' }
  }
  return new Promise((resolve) => {
    const milliseconds = searchParams.get('milliseconds') ?? undefined
    const error = pause.begin(milliseconds, holds, (inFlight) => resolve(json({ inFlight })))
    if (error !== undefined) resolve({ status: 400, body: error })
  })
}

function end(pause: Pausing): Answer {
  pause.end('POST /resume')
  return { status: 200, body: 'resumed' }
}
