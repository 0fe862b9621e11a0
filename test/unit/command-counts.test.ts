// Counters of commands are the same whatever table is in use, and bounded whatever names come.
import { expect, test } from 'vitest'
import { CountsByName } from '../../src/command/command-counts.ts'
import { builtInEntries, CommandTable } from '../../src/command/table.ts'

test('a new table counts on where the old one was', () => {
  const counts = new CountsByName()
  const tables = [1, 2].map(
    () =>
      new CommandTable(
        builtInEntries(),
        () => 0,
        (name) => counts.of(name),
      ),
  )
  for (const table of tables) table.get('get')!.counts.ok++
  for (const table of tables) table.get('config|get')!.counts.error++
  for (const table of tables) table.unknown.counts.error++
  expect(Object.fromEntries(counts.used)).toMatchObject({
    get: { ok: 2, error: 0 },
    'config|get': { ok: 0, error: 2 },
    unknown: { ok: 0, error: 2 },
  })
  expect(counts.used).toHaveLength(3)
})

test('a million names that no table has count as one', () => {
  const counts = new CountsByName()
  const table = new CommandTable(
    builtInEntries(),
    () => 0,
    (name) => counts.of(name),
  )
  for (let index = 0; index < 1_000_000; index++) {
    const name = Buffer.from(`no${index}`)
    table.find(name, 0, name.length).counts.error++
  }
  expect(counts.used.map(([name, { error }]) => [name, error])).toEqual([['unknown', 1_000_000]])
})

test('a server that makes up a million names cannot fill the memory', () => {
  const counts = new CountsByName()
  for (let index = 0; index < 1_000_000; index++) counts.of(`no${index}`).ok++
  expect(counts.used.length).toBeLessThanOrEqual(2000)
  expect(counts.used.reduce((sum, [, { ok }]) => sum + ok, 0)).toBe(1_000_000)
})
