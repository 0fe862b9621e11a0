// Waits until a condition holds, by asking again, and says what it waited for when it never does.

import { setTimeout as delay } from 'node:timers/promises'

export type WaitOptions = {
  /** What is waited for, as it completes "waited in vain until ...". */
  readonly what: string
  readonly timeoutMs?: number
  readonly intervalMs?: number
}

/**
 * Asks until the answer is truthy and returns that answer.
 *
 * @throws when the time is over, with what the condition threw last as the cause: a condition that throws does not hold.
 */
export async function waitUntil<Answer>(
  condition: () => Answer | Promise<Answer>,
  { what, timeoutMs = 5_000, intervalMs = 10 }: WaitOptions,
): Promise<NonNullable<Answer>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    let cause: unknown
    try {
      const answer = await condition()
      if (answer) return answer
    } catch (error) {
      cause = error
    }
    if (performance.now() >= deadline) throw new Error(`waited in vain until ${what} (${timeoutMs} ms)`, { cause })
    await delay(intervalMs)
  }
}
