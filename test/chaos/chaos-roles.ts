// What some clients do under chaos besides the roles of every crowd: scripts that write, and WAIT.
import { createHash } from 'node:crypto'
import type { Question } from '../faults/conversation.ts'
import type { Member, Write } from '../faults/member.ts'
import { heavyValues, type Role, roles } from '../faults/roles.ts'
import { pause } from '../faults/think.ts'

const SCRIPT = `return redis.call('RPUSH', KEYS[1], ARGV[1])`
const DIGEST = createHash('sha1').update(SCRIPT).digest('hex')
/** Longest time that a client waits for replicas, in ms. */
const WAIT_MS = '300'
const MOST_REPLICAS = 2

/** A push by a script: EVALSHA has to work on a server that has never seen it. */
function scripted(push: Write, isByDigest: boolean): Question {
  const [, key = '', token = ''] = push.words
  const script = isByDigest ? ['EVALSHA', DIGEST] : ['EVAL', SCRIPT]
  // Of a script that was refused a write nobody knows that it has not written before, and one that is not known cannot be asked again
  // once something behind it has run: their clients have to be told.
  return { ...push, words: [...script, '1', key, token], mayFail: /^(READONLY|NOSCRIPT) / }
}

async function runScripts(member: Member): Promise<void> {
  const { crowd, random } = member
  await member.whileConnected(async (conversation) => {
    await conversation.ask(scripted(member.push(), false))
    while (!crowd.isEnding) {
      const count = 1 + random.below(5)
      const pushes = Array.from({ length: count }, () => scripted(member.push(), random.chance(0.5)))
      await conversation.ask(member.echo(), ...pushes, member.get())
      await pause(member)
    }
  })
}

/** Asks after its writes how many replicas have them. */
async function waitForReplicas(member: Member): Promise<void> {
  const { crowd, random } = member
  const wait: Question = {
    words: ['WAIT', '1', WAIT_MS],
    isRight: ({ kind, text }) => kind === 'integer' && Number(text) <= MOST_REPLICAS,
  }
  await member.whileConnected(async (conversation) => {
    while (!crowd.isEnding) {
      const writes = [member.push(), member.increment(), member.set()]
      if (random.chance(0.5)) await conversation.ask(...writes, wait, member.echo())
      else for (const question of [...writes, wait]) await conversation.ask(question)
      await pause(member)
    }
  })
}

/** Values too large to be kept by the proxy are left out: a server that was demoted refuses them to their client. */
export const cast: readonly (readonly [Role, number])[] = [
  ...roles.filter(([role]) => role !== heavyValues),
  [runScripts, 10],
  [waitForReplicas, 10],
]
