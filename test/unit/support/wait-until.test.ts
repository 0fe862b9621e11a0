// waitUntil returns the answer, and says what never happened.

import { expect, test } from 'vitest'
import { waitUntil } from '../../support/wait-until.ts'

test('returns the first truthy answer', async () => {
  let asked = 0
  const answer = await waitUntil(() => (++asked === 3 ? 'third' : undefined), { what: 'asked thrice', intervalMs: 1 })
  expect(answer).toBe('third')
  expect(asked).toBe(3)
})

test('a condition that throws does not hold yet', async () => {
  let asked = 0
  const answer = await waitUntil(
    async () => {
      if (++asked < 3) throw new Error('not yet')
      return asked
    },
    { what: 'it stops throwing', intervalMs: 1 },
  )
  expect(answer).toBe(3)
})

test('says what it waited for, and what was wrong last', async () => {
  const never = waitUntil(
    () => {
      throw new Error('refused')
    },
    { what: 'the server answers', timeoutMs: 20, intervalMs: 1 },
  )
  await expect(never).rejects.toThrow(
    expect.objectContaining({
      message: 'waited in vain until the server answers (20 ms)',
      cause: expect.objectContaining({ message: 'refused' }),
    }),
  )
})
