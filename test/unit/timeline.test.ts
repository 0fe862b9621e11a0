// The timeline keeps what the log tells of the proxy as a whole, and no more than fits.
import { expect, test } from 'vitest'
import { createLog } from '../../src/operations/log.ts'
import { Timeline } from '../../src/operations/timeline.ts'

function timelineOver(lines: string[]): Timeline {
  return new Timeline(createLog('warn', 'json', { write: (line) => lines.push(line) }), () => 1000)
}

test('keeps lines of the log with their facts, those below its level included', () => {
  const lines: string[] = []
  const timeline = timelineOver(lines)
  timeline.log.info({ generation: 2 }, 'serving')
  timeline.log.debug({}, 'not worth it')
  timeline.log.warn({ evidence: 'gone' }, 'waiting')
  expect(timeline.entries).toEqual([
    { id: 1, at: 1000, level: 'info', message: 'serving', facts: { generation: 2 } },
    { id: 2, at: 1000, level: 'warn', message: 'waiting', facts: { evidence: 'gone' } },
  ])
  expect(timeline.after(1)).toHaveLength(1)
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(['waiting'])
})

test('clients, however many, push nothing out', () => {
  const timeline = timelineOver([])
  timeline.log.info({}, 'serving')
  for (let client = 0; client < 1000; client++) timeline.log.warn({ client }, 'client closed by the proxy')
  expect(timeline.entries).toHaveLength(1)
})

test('is bounded in entries and in what each of them holds', () => {
  const timeline = timelineOver([])
  for (let number = 1; number <= 150; number++) timeline.log.info({ evidence: 'x'.repeat(number * 100) }, 'changed')
  expect(timeline.count).toBe(150)
  expect(timeline.entries.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, index) => 51 + index))
  expect(JSON.stringify(timeline.entries.at(-1))).toMatch(/is in the log/)
  expect(JSON.stringify(timeline.entries).length).toBeLessThan(100 * 5000)
})
