// The crowd is only worth what it notices: each bug planted in the proxy must make it complain.

import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { BackendConnection } from '../../src/backend/backend-connection.ts'
import { Phase } from '../../src/backend/request.ts'
import { Lane } from '../../src/client/lane.ts'
import { availableServers } from '../support/redis-server.ts'
import { runCrowd } from './run-crowd.ts'

/** Long enough for several losses. */
const workMs = 1500
/** One run in six overlooks the rarest of the bugs. */
const mostRuns = 6
/** Clients whose replies went astray are waited for. */
const timeoutMs = 60_000

const planted: readonly (readonly [string, RegExp, () => void])[] = [
  ['sends a write again after a loss', /ran 2 times|became|ended at|integer "2"/, sendAgain],
  ['gives a client the reply to the next request', /was given|was told/, shiftReplies],
  ['acknowledges a write before the server did', /is missing though it was acknowledged/, acknowledgeEarly],
]

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

afterEach(() => {
  vi.restoreAllMocks()
})

/** What was lost is taken for unsent, whatever it was. */
function sendAgain(): void {
  const { lost } = Lane.prototype
  vi.spyOn(Lane.prototype, 'lost').mockImplementation(function (this: Lane, request) {
    lost.call(this, request, false)
  })
}

/** Once in a while a request is forgotten whose reply is still to come. */
function shiftReplies(): void {
  const { send } = BackendConnection.prototype
  let count = 0
  vi.spyOn(BackendConnection.prototype, 'send').mockImplementation(function (this: BackendConnection, request) {
    send.call(this, request)
    if (++count > 500 && this.lanes > 1 && this.sent.length > 2) {
      count = 0
      this.finishHead()
    }
  })
}

/** An RPUSH is answered as soon as it is lost, for surely it ran. */
function acknowledgeEarly(): void {
  const { lost } = Lane.prototype
  vi.spyOn(Lane.prototype, 'lost').mockImplementation(function (this: Lane, request, wasSent) {
    if (request.command.name !== 'rpush' || request.block !== null || this.pin !== null) {
      lost.call(this, request, wasSent)
      return
    }
    this.inFlight--
    request.phase = Phase.Held
    this.proxy.replies.answer(request, Buffer.from(':1\r\n'))
  })
}
