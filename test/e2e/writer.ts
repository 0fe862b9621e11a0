// The application of the end-to-end tests: an ordinary client that writes numbers, reads them back, and keeps books of its own.

import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'

const {
  REDIS_URL = 'redis://localhost:6380',
  WRITERS = '4',
  ROUNDS = 'Infinity',
  PAUSE_MS = '50',
  LINGER_MS = '0',
} = process.env
/** A round that takes longer is said. */
const GAP_MS = 250

const books = { rounds: 0, errors: 0, lost: 0, doubled: 0, misread: 0, longestGapMs: 0 }
const run = randomUUID()
let stopsAtMs = Number.POSITIVE_INFINITY

function say(event: string, more: object): void {
  console.log(JSON.stringify({ event, time: new Date().toISOString(), ...more }))
}

function failed(during: string, error: unknown): void {
  books.errors += 1
  say('error', { during, error: String(error) })
}

const redis = new Redis(REDIS_URL)
redis.on('error', (error) => failed('connection', error))
redis.on('close', () => {
  if (performance.now() < stopsAtMs) failed('connection', 'closed')
})

/** One writer: its counter must always be what it counted itself, or a write was lost or ran twice. */
async function write(writer: number): Promise<void> {
  const counter = `${run}:${writer}:counter`
  const value = `${run}:${writer}:value`
  let count = 0
  for (let round = 0; round < Number(ROUNDS) && performance.now() < stopsAtMs; round += 1) {
    const startedMs = performance.now()
    try {
      const counted = await redis.incr(counter)
      compare(counted, count + 1)
      count = counted
      await redis.set(value, counted)
      const read = await redis.get(value)
      if (read !== String(counted)) {
        books.misread += 1
        say('misread', { written: counted, read })
      }
      books.rounds += 1
    } catch (error) {
      failed('round', error)
      // Whether the failed command has run is not known: both is right.
      const counted = await surely(() => redis.get(counter))
      if (Number(counted) !== count + 1) compare(Number(counted), count)
      count = Number(counted)
    }
    const gapMs = Math.round(performance.now() - startedMs)
    books.longestGapMs = Math.max(books.longestGapMs, gapMs)
    if (gapMs > GAP_MS) say('gap', { gapMs })
    await delay(Number(PAUSE_MS))
  }
}

function compare(counted: number, expected: number): void {
  if (counted === expected) return
  if (counted < expected) books.lost += expected - counted
  else books.doubled += counted - expected
  say('wrong count', { counted, expected })
}

async function surely<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      failed('question', error)
      await delay(100)
    }
  }
}

const telling = setInterval(() => say('progress', books), 500)
process.on('SIGTERM', () => {
  // An application that still works after it was told to end, and needs its Redis for that.
  stopsAtMs = performance.now() + Number(LINGER_MS)
  say('told to end', { lingerMs: Number(LINGER_MS) })
})

await Promise.all(Array.from({ length: Number(WRITERS) }, (_, writer) => write(writer)))
clearInterval(telling)
stopsAtMs = 0
redis.disconnect()
say('summary', books)
process.exitCode = books.errors + books.lost + books.doubled + books.misread === 0 ? 0 : 1
