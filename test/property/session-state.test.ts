// State never leaks: whatever one client does to its session, another one on the same connections is where it was.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SmallWorld } from './small-world.ts'

const change = fc.constantFrom<string[]>(
  ['SELECT', '3'],
  ['SELECT', '99'],
  ['AUTH', 'alice', 'alice-secret'],
  ['AUTH', 'alice', 'wrong'],
  ['AUTH', 'bob', 'bob-secret'],
  ['HELLO', '3'],
  ['HELLO', '2', 'AUTH', 'bob', 'wrong'],
  ['CLIENT', 'SETNAME', 'mine'],
  ['CLIENT', 'NO-EVICT', 'on'],
  ['MULTI'],
  ['SET', 'key', 'mine'],
  ['NOSUCH'],
  ['EXEC'],
  ['DISCARD'],
  ['WATCH', 'key'],
  ['RESET'],
)

/** WATCH makes the rest run on a connection that was lent, perhaps the one another client had. */
const LOOK = [
  ['WATCH', 'other'],
  ['ACL', 'WHOAMI'],
  ['CLIENT', 'GETNAME'],
  ['SET', 'own', 'in-0'],
  ['GET', 'own'],
  ['UNWATCH'],
] as const
const SEEN = ['OK', 'default', '', 'OK', 'in-0', 'OK']

describe('two clients of one proxy', () => {
  test('see nothing of each other’s user, database, protocol, name and transaction', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(0, 1, 2),
        async (pipelines, sharedConnections) => {
          const world = await new SmallWorld().start({ sharedConnections })
          const [restless, calm] = [world.client(), world.client()]
          for (const pipeline of pipelines) {
            expect(await restless.ask(...pipeline)).toHaveLength(pipeline.length)
            const replies = await calm.ask(...LOOK)
            expect(replies.map(({ text }) => text)).toEqual(SEEN)
            expect(replies[2]!.kind).toBe('null')
            expect(world.redis.store.get(0, 'own')).toBe('in-0')
          }
          const late = await world.client().ask(...LOOK)
          expect(late.map(({ text }) => text)).toEqual(SEEN)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('have transactions that follow the replies: where MULTI is refused, what comes behind it runs at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 4 }), fc.boolean(), async (writes, isWhole) => {
        const world = await new SmallWorld().start()
        world.redis.denied.add('multi')
        const client = world.client()
        const commands = writes.map((isWrite, index) => (isWrite ? ['SET', `key${index}`, 'v'] : ['ECHO', `e${index}`]))
        const requests = [['MULTI'], ...commands, ['EXEC'], ['ECHO', 'end']]
        const replies = []
        if (isWhole) replies.push(...(await client.ask(...requests)))
        else for (const request of requests) replies.push(...(await client.ask(request)))
        const texts = replies.map(({ text }) => text.replace(/^(NOPERM|ERR EXEC without MULTI).*/, '$1'))
        const ran = writes.map((isWrite, index) => (isWrite ? 'OK' : `e${index}`))
        expect(texts).toEqual(['NOPERM', ...ran, 'ERR EXEC without MULTI', 'end'])
        expect(writes.every((isWrite, index) => !isWrite || world.redis.store.get(0, `key${index}`) === 'v')).toBe(true)
      }),
      { numRuns: 40 },
    )
  })
})
