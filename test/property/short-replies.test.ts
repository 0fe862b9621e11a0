// Replies shorter than the texts they are compared with, each alone in its buffer, as a network that cuts anywhere makes them.
import { expect, test } from 'vitest'
import { SCRIPTS, shaOf } from '../simulator/model-store.ts'
import { makeLink } from '../simulator/virtual-network.ts'
import { SmallWorld } from './small-world.ts'

/** A proxy whose server's bytes arrive one by one. */
async function world(): Promise<SmallWorld> {
  const made = new SmallWorld()
  made.network.setLink(made.redis.address, makeLink({ cutProbability: 1, singleByteProbability: 1 }))
  return made.start()
}

test('the end of a refused transaction', async () => {
  const made = await world()
  made.redis.isLying = true
  made.clock.after(500, () => {
    made.redis.isLying = false
  })
  const replies = await made.client().ask(['MULTI'], ['SET', 'key', 'value'], ['NOSUCH'], ['DISCARD'])
  expect(replies.map(({ kind }) => kind)).toEqual(['status', 'status', 'error', 'status'])
})

test('the error of a script that was called by its digest', async () => {
  const made = await world()
  const [, reply] = await made
    .client()
    .ask(['SCRIPT', 'LOAD', SCRIPTS.setAndFail], ['EVALSHA', shaOf(SCRIPTS.setAndFail), '1', 'key', 'value', 'A'])
  expect(reply).toMatchObject({ kind: 'error', text: 'A' })
})
