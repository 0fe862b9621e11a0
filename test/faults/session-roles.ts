// Roles of clients that have a connection of their own, or change the one they have: blocking pops, subscriptions, SELECT and AUTH.

import { setTimeout as delay } from 'node:timers/promises'
import { type Conversation, fateOf, type Question } from './conversation.ts'
import { hello, isOk, type Member } from './member.ts'
import { pause } from './think.ts'

/** Pushes on one connection and waits for it on another: what was acknowledged is popped once, or lost with a pop nobody can judge. */
export async function feedAndPop(member: Member): Promise<void> {
  const { crowd, owner, random } = member
  const key = `queue:${owner}`
  const acknowledged = new Set<string>()
  const popped = new Set<string>()
  const unknown = { pops: 0, pushes: new Set<string>() }
  let isFed = false
  const feeder = await member.connect()

  async function feed(): Promise<void> {
    while (!crowd.isEnding) {
      const token = member.token()
      unknown.pushes.add(token)
      const [reply] = await feeder.ask({ words: ['RPUSH', key, token], isRight: ({ kind }) => kind === 'integer' })
      if (fateOf(reply!) !== 'uncertain') unknown.pushes.delete(token)
      if (fateOf(reply!) === 'acknowledged') acknowledged.add(token)
      await pause(member)
    }
    isFed = true
  }

  function pop(timeoutSeconds: string): Question {
    return {
      words: ['BLPOP', key, timeoutSeconds],
      isRight: ({ kind, items }) => kind === 'null' || (items.length === 2 && items[0]!.text === key),
      told: (reply) => {
        if (fateOf(reply) === 'uncertain') unknown.pops++
        const token = reply.items[1]?.text
        if (token === undefined) return
        if (popped.has(token)) crowd.complain(`client ${owner} popped ${token} twice`)
        popped.add(token)
      },
    }
  }

  async function popAll(conversation: Conversation): Promise<void> {
    while (!isFed) {
      const questions = [pop(random.pick(['0.05', '0.3', '2']))]
      if (random.chance(0.3)) questions.push(member.echo())
      await conversation.ask(...questions)
    }
    for (;;) {
      const [reply] = await conversation.ask(pop('0.05'))
      if (reply?.kind === 'null') return
    }
  }

  await Promise.all([feed(), member.whileConnected(popAll)])
  await feeder.close()
  const missing = [...acknowledged].filter((token) => !popped.has(token))
  if (missing.length > unknown.pops) crowd.complain(`client ${owner} never popped ${missing.join(' ')}`)
  for (const token of popped) {
    if (!acknowledged.has(token) && !unknown.pushes.has(token))
      crowd.complain(`client ${owner} popped refused ${token}`)
  }
}

/** Publishes on one connection and listens on another: messages may be lost with a connection, and never come twice or late. */
export async function publishAndListen(member: Member): Promise<void> {
  const { crowd, owner } = member
  const channel = `channel:${owner}`
  let lastHeard = 0
  let isSubscribed = false
  let isHeard = false
  const publisher = await member.connect()

  async function publish(): Promise<void> {
    // Goes on at the end until it is heard: lost subscriptions are made again.
    while (!(crowd.isEnding && isHeard)) {
      const token = member.token()
      const before = lastHeard
      await publisher.ask({ words: ['PUBLISH', channel, token], isRight: ({ kind }) => kind === 'integer' })
      if (crowd.isEnding && isSubscribed) {
        await delay(20)
        isHeard = lastHeard > before
      }
      await pause(member)
    }
  }

  async function listen(conversation: Conversation): Promise<void> {
    conversation.onMessage = ({ items }) => {
      const serial = Number(/:(\d+)>$/.exec(items[2]?.text ?? '')?.[1])
      if (items[1]?.text !== channel || !(serial > lastHeard)) {
        crowd.complain(`client ${owner} heard ${items.map(({ text }) => text)} after ${lastHeard}`)
      }
      lastHeard = serial
    }
    await conversation.insist({
      words: ['SUBSCRIBE', channel],
      isRight: ({ items }) => items[0]?.text === 'subscribe' && items[1]?.text === channel,
    })
    isSubscribed = true
    while (!isHeard) {
      await conversation.ask({
        words: ['PING'],
        isRight: ({ text, items }) => text === 'PONG' || items[0]?.text === 'pong',
      })
      await pause(member)
    }
    await conversation.ask({ words: ['UNSUBSCRIBE'], isRight: ({ items }) => items[0]?.text === 'unsubscribe' })
    await conversation.ask(member.echo())
  }

  const listened = member.whileConnected(listen).finally(() => {
    isHeard = true
  })
  await Promise.all([publish(), listened])
  await publisher.close()
}

/** Changes database, user and protocol, rightly and wrongly, and must find itself nowhere else. */
export async function switchSessions(member: Member): Promise<void> {
  const { crowd, random } = member
  await member.whileConnected(async (conversation) => {
    let user = 'default'
    let db = 0
    const wrongPassword: Question = {
      words: ['AUTH', random.pick(users), 'wrong'],
      mayFail: /^WRONGPASS /,
      isRight: never,
    }
    while (!crowd.isEnding) {
      switch (random.below(6)) {
        case 0:
        case 1:
          db = random.below(4)
          await conversation.insist({ words: ['SELECT', String(db)], isRight: isOk })
          break
        case 2:
          user = random.pick(users)
          await conversation.insist({ words: ['AUTH', user, passwordOf(user)], isRight: isOk })
          break
        case 3:
          await conversation.ask(wrongPassword)
          break
        case 4:
          await conversation.insist(hello(random.pick([2, 3])))
          break
        default:
          await conversation.insist({ words: ['RESET'], isRight: ({ text }) => text === 'RESET' })
          user = 'default'
          db = 0
      }
      const whoAmI: Question = { words: ['ACL', 'WHOAMI'], isRight: ({ text }) => text === user }
      await conversation.ask(whoAmI, member.push(db), member.echo(), ...(random.chance(0.3) ? [wrongPassword] : []))
      await pause(member)
    }
  })
}

/** Besides the default user, who has no password. */
export const users = ['alice', 'bob'] as const

export function passwordOf(user: string): string {
  return `${user}-password`
}

function never(): boolean {
  return false
}
