// Order and at most once after refusals: a server may refuse and accept anywhere in a pipeline, and what runs is one in-order run of what was asked.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SmallWorld } from './small-world.ts'

/** How many commands the server runs before it changes its mind, again and again; in the end it accepts. */
const moods = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 8 })
const kinds = fc.array(fc.constantFrom('write', 'read', 'echo', 'publish'), { minLength: 1, maxLength: 12 })

function request(kind: string, token: string): string[] {
  if (kind === 'write') return ['SET', 'key', token]
  if (kind === 'publish') return ['PUBLISH', 'channel', token]
  return kind === 'read' ? ['GET', 'key'] : ['ECHO', token]
}

async function world(moodsOfServer: readonly number[]): Promise<SmallWorld> {
  const made = await new SmallWorld().start()
  let at = 0
  for (const length of moodsOfServer) {
    at += length
    made.redis.beforeNextCommands(at, () => {
      made.redis.isLying = !made.redis.isLying
    })
  }
  made.clock.after(500, () => {
    made.redis.isLying = false
    // Whoever waits for the mood of a later command waits no longer than that.
    made.redis.forgetHooks()
  })
  return made
}

describe('a server that refuses and accepts in the middle of a pipeline', () => {
  test('runs every write at most once and in order, and each reply tells the truth about its own request', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, moods, async (asked, moodsOfServer) => {
        const { redis, client, violations } = await world(moodsOfServer).then((made) => ({
          redis: made.redis,
          violations: made.violations,
          client: made.client(),
        }))
        const requests = asked.map((kind, index) => request(kind, `<t0.${index}>`))
        const replies = await client.ask(...requests)
        expect(replies).toHaveLength(requests.length)
        const ran = redis.journal.executions.map(({ token }) => token)
        // Tokens grow with the place in the pipeline, so a run in order is sorted and one without repetition has no equals.
        const places = ran.map((token) => Number(token.slice(4, -1)))
        expect(places).toEqual([...new Set(places)].sort((one, other) => one - other))
        let value: string | undefined
        for (const [index, reply] of replies.entries()) {
          const [name = '', , token = ''] = requests[index]!
          const hasRun = ran.includes(`<t0.${index}>`)
          if (name === 'ECHO') expect(reply.text).toBe(`<t0.${index}>`)
          else if (name === 'GET') expect(reply.kind === 'null' ? undefined : reply.text).toBe(value)
          else expect(hasRun).toBe(reply.kind !== 'error')
          if (name === 'SET' && hasRun) value = token
        }
        expect(violations).toEqual([])
      }),
      { numRuns: 150 },
    )
  })
})
