// The crowd is only worth what it notices: each bug planted in the proxy must make it complain.

import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { availableServers } from '../support/redis-server.ts'
import { plants, uproot } from './plants.ts'
import { runCrowd } from './run-crowd.ts'

/** Long enough for several losses. */
const workMs = 1500
/** One run in six overlooks the rarest of the bugs. */
const mostRuns = 6
/** Clients whose replies went astray are waited for. */
const timeoutMs = 60_000

const planted = [
  ['sends a write again after a loss', /ran 2 times|became|ended at|integer "2"/, plants.resend],
  ['gives a client the reply to the next request', /was given|was told/, plants.shift],
  ['acknowledges a write before the server did', /is missing though it was acknowledged/, plants.early],
] as const

test.skipIf(availableServers().length === 0).each(planted)(
  'a proxy that %s',
  async (_, complaint, plant) => {
    plant()
    let problems = ''
    // What is in flight when a connection dies is chance: as many short runs as it takes.
    for (let seed = 1; seed <= mostRuns && !complaint.test(problems); seed++) {
      const { crowd } = await runCrowd({ seed, work: () => delay(workMs) })
      problems += crowd.problems.join('\n')
    }
    expect(problems).toMatch(complaint)
  },
  timeoutMs,
)

afterEach(uproot)
