// Two hundred clients of every kind, a server that is killed and a link that is cut: each sees its own tokens only, and each write ran at most once.

import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { runCrowd } from './run-crowd.ts'

/** For longer runs. */
const seconds = Number(process.env.TEST_FAULT_SECONDS ?? 7)
/** To repeat a run, as far as real servers can be made to. */
const seed = Number(process.env.TEST_FAULT_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Start, end and audit, beside the run itself. */
const overheadMs = 60_000

describeOnEachServer('200 clients while everything breaks', (kind) => {
  test(
    `see only what is theirs, and every write runs at most once (TEST_FAULT_SEED=${seed})`,
    async () => {
      const { crowd, happened } = await runCrowd({ seed, kind, work: () => delay(seconds * 1000) })
      expect(crowd.problems, `after ${happened.join(', ')}`).toEqual([])
      // A run in which nothing was lost in flight would have proven nothing.
      expect(crowd.uncertain).toBeGreaterThan(0)
    },
    seconds * 1000 + overheadMs,
  )
})
