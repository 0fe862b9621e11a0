// The first lines of the live page: each trouble is named, and nothing is when there is none.
import { expect, test } from 'vitest'
import type { Status } from '../../src/operations/status.ts'
import { ago, bytes, duration } from '../../src/page/format.ts'
import { headlineOf } from '../../src/page/headline.ts'

const now = Date.parse('2026-01-02T03:04:05Z')
const server = { address: '10.0.0.1:6379', role: 'master' }
const replica = { address: '10.0.0.2:6379', role: 'replica' }
const primary = { address: '10.0.0.1:6379', since: now - 60_000, isDataMissing: false }
const shard = { state: 'serving', since: now - 5000, generation: 3, primary, masters: 1, servers: [server, replica] }
const well = {
  shards: [shard],
  health: { isStarted: true, isReady: true, readiness: 'ready' },
  discovery: { source: 'endpointslices', isUp: true, snapshotAgeMs: 500 },
  clients: { turnedAway: 0 },
  hold: { commands: 0, bytes: 0, oldestMs: 0 },
  pins: { waiters: 0 },
  pause: null,
}
const headline = (changes: object) => headlineOf({ ...well, ...changes } as unknown as Status, now)

test('all is well', () => {
  expect(headline({})).toMatchObject({ tone: 'well', title: 'Serving', waiting: 'Nothing waits.', notes: [] })
  expect(headline({}).primary).toMatch(/^10\.0\.0\.1:6379 is the primary, generation 3, since .* \(1 min 0 s\)\.$/)
})

test('what waits, and for whom', () => {
  const held = headline({
    shards: [{ ...shard, state: 'holding' }],
    hold: { commands: 37, bytes: 4200, oldestMs: 1234 },
    pins: { waiters: 1 },
  })
  expect(held).toMatchObject({ tone: 'bad', title: 'No primary: commands wait' })
  expect(held.waiting).toMatch(
    /^37 commands wait, 4\.1 KB, the oldest for 1\.2 s\. Waiting for a connection of their own: 1 client\.$/,
  )
  expect(held.primary).toMatch(/was the primary of generation 3; none is verified since .* \(5\.0 s\)\.$/)
})

test.each([
  ['no primary yet', { shards: [{ ...shard, state: 'holding', primary: null }] }, 'bad', /No primary was found yet/],
  ['a suspect', { shards: [shard, { ...shard, state: 'suspect' }] }, 'watch', /asked again/],
  ['the start', { health: { isStarted: false, isReady: false, readiness: 'starting' } }, 'watch', /Starting/],
  ['the drain', { health: { isStarted: true, isReady: false, readiness: 'draining' } }, 'watch', /Draining/],
] as const)('%s', (_, changes, tone, title) => {
  expect(headline(changes)).toMatchObject({ tone, title: expect.stringMatching(title) })
})

test('a pause, and how long it lasts', () => {
  const pause = { holds: 'writes', since: now - 3000, until: now + 17_000, inFlight: 2 }
  const { tone, title, notes } = headline({ pause })
  expect({ tone, title }).toEqual({ tone: 'watch', title: 'Paused: what may write waits' })
  expect(notes).toEqual([expect.stringMatching(/in 17 s; in flight of what it holds: 2 commands\.$/)])
})

test.each([
  ['several masters', { shards: [{ ...shard, masters: 2 }] }, /2 servers say that they are masters/],
  ['an empty primary', { shards: [{ ...shard, primary: { ...primary, isDataMissing: true } }] }, /taken empty/],
  ['a lost server', { shards: [{ ...shard, servers: [server, { ...replica, role: 'lost' }] }] }, /1 server of 2.*0\.2/],
  ['no discovery', { discovery: { source: 'dns', isUp: false, snapshotAgeMs: 90_000 } }, /dns.*1 min ago/],
  ['a full house', { health: { isStarted: true, isReady: false, readiness: 'full' } }, /no more clients: full/],
  ['clients turned away', { clients: { turnedAway: 2 } }, /Turned away.*: 2 clients/],
] as const)('a note of %s', (_, changes, note) => {
  const { tone, notes } = headline(changes)
  expect(tone).toBe('watch')
  expect(notes).toEqual([expect.stringMatching(note)])
})

test('numbers are written as people read them', () => {
  expect([0.034, 1.26, 999, 1000, 12_300, 61_000, 3_700_000, 200_000_000].map(duration)).toEqual([
    ...['0.034 ms', '1.3 ms', '999 ms', '1.0 s', '12 s', '1 min 1 s', '1 h 1 min', '2 days 7 h'],
  ])
  expect([0, 999, 1024, 50_000, 5_000_000].map(bytes)).toEqual(['0 B', '999 B', '1.0 KB', '49 KB', '4.8 MB'])
  expect([100, 5000, 90_000, 7_300_000].map(ago)).toEqual(['just now', '5 s ago', '1 min ago', '2 h 1 min ago'])
})
