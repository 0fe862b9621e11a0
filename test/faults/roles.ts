// What the clients of a crowd do: each role goes round and round until the crowd ends.

import type { Reply } from '../simulator/resp-codec.ts'
import { connect } from '../support/raw-client.ts'
import type { Question } from './conversation.ts'
import { isOk, isQueued, type Member, type Write } from './member.ts'
import { feedAndPop, publishAndListen, switchSessions } from './session-roles.ts'
import { pause } from './think.ts'

export type Role = (member: Member) => Promise<void>

/** Longest string of the crowd: above what the proxy keeps whole, so it is streamed. */
const heavyBytes = 2 * 1024 * 1024

async function pipelines(member: Member): Promise<void> {
  await member.whileConnected(async (conversation) => {
    while (!member.crowd.isEnding) {
      const count = member.random.chance(0.4) ? 1 : 1 + member.random.below(20)
      await conversation.ask(...Array.from({ length: count }, () => member.anything()))
      await pause(member)
    }
  })
}

async function transactions(member: Member): Promise<void> {
  const { random } = member
  await member.whileConnected(async (conversation) => {
    while (!member.crowd.isEnding) {
      const before = random.chance(0.3) ? [member.anything()] : []
      const questions = [...before, ...block(member), ...(random.chance(0.3) ? [member.echo()] : [])]
      if (random.chance(0.6)) await conversation.ask(...questions)
      else for (const question of questions) await conversation.ask(question)
      await pause(member)
    }
  })
}

/** MULTI, some writes and EXEC or DISCARD; now and then with a mistake in it, for which the server aborts it. */
function block(member: Member): Question[] {
  const { random } = member
  const writes = Array.from({ length: 1 + random.below(4) }, () =>
    random.pick([() => member.push(), () => member.increment(), () => member.incrementOnce(), () => member.set()])(),
  )
  const echo = member.echo()
  const queued: Question[] = [...writes.map(inBlock), { words: echo.words, isRight: isQueued, neverFails: true }]
  const isWrong = random.chance(0.1)
  if (isWrong) queued.push({ words: ['INCR'], mayFail: /^ERR wrong number of arguments/ })
  const isDiscarded = random.chance(0.15)
  const end = isDiscarded ? discard(writes) : exec(writes, ({ text }) => text === echo.words[1])
  return [{ words: ['MULTI'], isRight: isOk, neverFails: true }, ...queued, end]
}

function inBlock({ words }: Question): Question {
  return { words, isRight: isQueued, neverFails: true }
}

function exec(writes: readonly Write[], isLastRight: (reply: Reply) => boolean): Question {
  return {
    words: ['EXEC'],
    mayFail: /^EXECABORT Transaction discarded because of previous errors\.$/,
    told: (reply) => settleAll(writes, reply),
    isRight: ({ kind, items }) =>
      kind === 'null' || (items.length === writes.length + 1 && isLastRight(items[writes.length]!)),
  }
}

function discard(writes: readonly Write[]): Question {
  const settle = (reply: Reply): void => {
    for (const write of writes) write.settle('refused', reply)
  }
  return { words: ['DISCARD'], isRight: isOk, told: settle }
}

/** EXEC decides over all of its block: null and plain errors say that nothing of it ran. */
function settleAll(writes: readonly Write[], reply: Reply): void {
  const isUncertain = reply.kind === 'error' && reply.text.startsWith('UNCERTAIN')
  for (const [at, write] of writes.entries()) {
    const item = reply.items[at]
    if (isUncertain) write.settle('uncertain', reply)
    else write.settle(item === undefined ? 'refused' : 'acknowledged', item ?? reply)
  }
}

/** Reads under WATCH, and writes only if nobody wrote in between; the one who does is the same client on a second connection. */
async function watches(member: Member): Promise<void> {
  const { random } = member
  const rival = await member.connect()
  await member.whileConnected(async (conversation) => {
    while (!member.crowd.isEnding) {
      const watched = await conversation.insist({ words: ['WATCH', `a:${member.owner}`], isRight: isOk })
      await conversation.ask(member.get('a'))
      const isDisturbed = isOk(watched) && random.chance(0.4) && isOk((await rival.ask(member.set('a')))[0]!)
      const write = member.set('a')
      const { told, ...end } = exec([write], () => true)
      const questions: Question[] = [
        { words: ['MULTI'], isRight: isOk, neverFails: true },
        inBlock(write),
        { ...end, told: told!, isRight: ({ kind, items }) => kind === 'null' || (!isDisturbed && items.length === 1) },
      ]
      if (random.chance(0.5)) await conversation.ask(...questions)
      else for (const question of questions) await conversation.ask(question)
      await pause(member)
    }
  })
  await rival.close()
}

/** Values that are streamed in and come back in parts; a connection lost in the middle of one closes the client. */
export async function heavyValues(member: Member): Promise<void> {
  member.mayBeDisconnected = true
  while (!member.crowd.isEnding) {
    await member.whileConnected(async (conversation) => {
      while (!member.crowd.isEnding) {
        const set = member.set('heavy', String.fromCharCode(97 + member.random.below(26)).repeat(heavyBytes))
        await conversation.ask(member.echo(), set, member.echo())
        await conversation.ask(member.echo(), member.get('heavy'), member.echo())
        await pause(member)
      }
    })
  }
}

/** Leaves while its commands are under way, or while it waits. */
async function leaves(member: Member): Promise<void> {
  const { crowd, owner, random } = member
  while (!crowd.isEnding) {
    const endings: Question[][] = [
      [],
      [{ words: ['BLPOP', `never:${owner}`, '0'] }],
      [{ words: ['MULTI'] }, member.push()],
      [{ words: ['WATCH', `a:${owner}`] }],
      [{ words: ['SUBSCRIBE', `channel:${owner}`] }],
    ]
    const conversation = await member.connect()
    await conversation.ask(member.echo())
    const questions = Array.from({ length: random.below(10) }, () => member.anything())
    await conversation.sendAndLeave([...questions, ...random.pick(endings)])
    await pause(member)
  }
}

/** A browser is told what Redis tells it, and nothing of anybody else's. */
async function probesByHttp(member: Member): Promise<void> {
  const { crowd, random } = member
  while (!crowd.isEnding) {
    const client = await connect(crowd.port, 40_000)
    const isPost = random.chance(0.5)
    client.send(`${isPost ? 'POST' : 'GET'} / HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    const text = (await client.readUntilClose()).toString('latin1')
    const isRight = isPost ? text === '' : /^(-(ERR wrong number of arguments|UNCERTAIN)[^\r]*\r\n)?$/.test(text)
    if (!isRight) crowd.complain(`the browser was told ${JSON.stringify(text.slice(0, 100))}`)
    await client.close()
    await pause(member)
  }
}

/** Each role and how many of 200 clients have it. */
export const roles: readonly (readonly [Role, number])[] = [
  [pipelines, 78],
  [transactions, 40],
  [watches, 20],
  [feedAndPop, 20],
  [publishAndListen, 16],
  [switchSessions, 20],
  [heavyValues, 2],
  [leaves, 3],
  [probesByHttp, 1],
]
