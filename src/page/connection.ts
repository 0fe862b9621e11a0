// The stream of events from the proxy: read for as long as the page is open, and opened again whenever it breaks.
import type { Beginning, Moment } from '../operations/live-events.ts'

/** A moment comes each second: after so long without one the stream is dead, whatever the browser thinks of it. */
const SILENCE_MS = 5000
/** Before the next attempt. */
const RETRY_MS = 1000

export interface Listener {
  began(beginning: Beginning): void
  told(moment: Moment): void
  lost(): void
}

export function connect(listener: Listener): void {
  const source = new EventSource('events')
  let silence = setTimeout(again, SILENCE_MS)

  function again(): void {
    source.close()
    clearTimeout(silence)
    listener.lost()
    setTimeout(() => connect(listener), RETRY_MS)
  }

  source.onerror = again
  source.addEventListener('beginning', ({ data }: MessageEvent<string>) => listener.began(JSON.parse(data)))
  source.addEventListener('moment', ({ data }: MessageEvent<string>) => {
    clearTimeout(silence)
    silence = setTimeout(again, SILENCE_MS)
    listener.told(JSON.parse(data))
  })
}
