// Subscribers have connections of their own, and everything about them is as the server has it.

import { expect, test } from 'vitest'
import type { RawClient } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`
}

function frame(type: '*' | '>', ...words: (string | number)[]): string {
  const parts = words.map((word) => (typeof word === 'number' ? `:${word}\r\n` : bulk(word)))
  return `${type}${words.length}\r\n${parts.join('')}`
}

async function reads(client: RawClient, ...expected: string[]): Promise<void> {
  for (const text of expected) expect((await client.readReply()).toString()).toBe(text)
}

describeOnEachServer('pub/sub', (kind) => {
  const stage = setStage(kind)

  test.each([
    ['RESP2', '*'],
    ['RESP3', '>'],
  ] as const)('%s: channels, patterns and shard channels come with the server’s own frames', async (protocol, type) => {
    const [subscriber, publisher] = await Promise.all([stage.client(), stage.client()])
    if (protocol === 'RESP3') await subscriber.ask('HELLO', '3')
    subscriber.send(['SUBSCRIBE', 'news', 'sport', 'weather'])
    await reads(subscriber, frame(type, 'subscribe', 'news', 1), frame(type, 'subscribe', 'sport', 2))
    await reads(subscriber, frame(type, 'subscribe', 'weather', 3))
    subscriber.send(['PSUBSCRIBE', 'n?ws', 'x*'])
    await reads(subscriber, frame(type, 'psubscribe', 'n?ws', 4), frame(type, 'psubscribe', 'x*', 5))
    subscriber.send(['SSUBSCRIBE', 'shard'])
    await reads(subscriber, frame(type, 'ssubscribe', 'shard', 1))
    expect(await publisher.ask('PUBLISH', 'news', 'one')).toBe(':2\r\n')
    await reads(subscriber, frame(type, 'message', 'news', 'one'), frame(type, 'pmessage', 'n?ws', 'news', 'one'))
    expect(await publisher.ask('SPUBLISH', 'shard', 'two')).toBe(':1\r\n')
    await reads(subscriber, frame(type, 'smessage', 'shard', 'two'))
    subscriber.send(['UNSUBSCRIBE', 'sport'])
    await reads(subscriber, frame(type, 'unsubscribe', 'sport', 4))
  })

  test('every kind of UNSUBSCRIBE is answered as directly', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const steps: [string[], number][] = [
      [['UNSUBSCRIBE'], 1],
      [['PUNSUBSCRIBE', 'never'], 1],
      [['SUNSUBSCRIBE'], 1],
      [['SUBSCRIBE', 'a', 'b', 'a'], 3],
      [['UNSUBSCRIBE', 'b', 'b', 'c'], 3],
      [['SUBSCRIBE', 'd'], 1],
      [['PSUBSCRIBE', 'p*'], 1],
      [['PUNSUBSCRIBE'], 1],
      [['UNSUBSCRIBE', 'a', 'd'], 2],
      [['SSUBSCRIBE', 's1', 's2'], 2],
      [['SUNSUBSCRIBE', 's1'], 1],
      [['SUNSUBSCRIBE', 's2'], 1],
      [['GET', 'x'], 1],
    ]
    for (const [command, count] of steps) {
      direct.send(command)
      client.send(command)
      for (let index = 0; index < count; index++) {
        expect((await client.readReply()).toString()).toBe((await direct.readReply()).toString())
      }
    }
  })

  test('all that is pipelined around subscriptions is answered in order', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const bytes = [
      'SET piped 1\r\nGET piped\r\nSUBSCRIBE a b\r\nPING\r\nPSUBSCRIBE p*\r\nPING text\r\nGET piped\r\n',
      'UNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nGET piped\r\nSUBSCRIBE c\r\nUNSUBSCRIBE c\r\nPING\r\nECHO done\r\n',
    ].join('')
    const replies: string[] = []
    for (const each of [direct, client]) {
      each.send(bytes)
      let text = ''
      while (!text.endsWith('$4\r\ndone\r\n')) text += (await each.readReply()).toString()
      replies.push(text)
    }
    // UNSUBSCRIBE without names leaves them in the order of the server's hash table.
    const sorted = replies.map((text) => text.split('*3\r\n').map((part) => part.replace(/\$1\r\n[ab]\r\n/, '')))
    expect(sorted[1]).toEqual(sorted[0])
  })

  test('ordinary commands of a RESP2 subscriber get the server’s error, PING the array form', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    for (const each of [direct, client]) await each.ask('SUBSCRIBE', 'a')
    for (const command of [
      ['GET', 'x'],
      ['PING'],
      ['PING', 'hi'],
      ['CLIENT', 'ID'],
      ['MULTI'],
      ['HELLO', '3'],
      ['SELECT', '1'],
      ['NOSUCH'],
    ]) {
      expect(await client.ask(...command)).toBe(await direct.ask(...command))
    }
  })

  test('a RESP3 subscriber uses its connection for everything', async () => {
    const [client, publisher] = await Promise.all([stage.client(), stage.client()])
    await client.ask('HELLO', '3')
    expect(await client.ask('SUBSCRIBE', 'mixed')).toBe(frame('>', 'subscribe', 'mixed', 1))
    expect(await client.ask('SET', 'k3', 'v')).toBe('+OK\r\n')
    expect(await client.ask('PING')).toBe('+PONG\r\n')
    await publisher.ask('PUBLISH', 'mixed', 'm1')
    await reads(client, frame('>', 'message', 'mixed', 'm1'))
    expect(await client.ask('MULTI')).toBe('+OK\r\n')
    expect(await client.ask('GET', 'k3')).toBe('+QUEUED\r\n')
    expect(await client.ask('EXEC')).toBe('*1\r\n$1\r\nv\r\n')
    client.send(['PUBLISH', 'mixed', 'own'])
    // Which of them comes first is the server's affair.
    const both = [await client.readReply(), await client.readReply()].map(String).sort()
    expect(both).toEqual([':1\r\n', frame('>', 'message', 'mixed', 'own')])
  })

  test('after the last UNSUBSCRIBE the client is an ordinary one again and gives its connection back', async () => {
    const client = await stage.client()
    await client.ask('SUBSCRIBE', 'a')
    expect(await client.ask('UNSUBSCRIBE')).toBe(frame('*', 'unsubscribe', 'a', 0))
    expect(await client.ask('SET', 'after', '1')).toBe('+OK\r\n')
    expect(await client.ask('CLIENT', 'INFO')).toMatch(/ flags=N .* sub=0 psub=0 /)
    await stage.serverSays(/^\*0\r\n$/, 'PUBSUB', 'CHANNELS')
  })

  test('two hundred channels in one command, acknowledged one by one', async () => {
    const [client, publisher] = await Promise.all([stage.client(), stage.client()])
    const channels = Array.from({ length: 200 }, (_, index) => `channel-${index}`)
    client.send(['SUBSCRIBE', ...channels])
    await reads(client, ...channels.map((channel, index) => frame('*', 'subscribe', channel, index + 1)))
    await publisher.ask('PUBLISH', 'channel-199', 'last')
    await reads(client, frame('*', 'message', 'channel-199', 'last'))
  })

  test('messages in the midst of commands never take the place of a reply', async () => {
    const [client, publisher] = await Promise.all([stage.client(), stage.client()])
    await client.ask('HELLO', '3')
    await client.ask('SUBSCRIBE', 'flood')
    await client.ask('SET', 'steady', 'value')
    const count = 500
    for (let index = 0; index < count; index++) {
      publisher.send(['PUBLISH', 'flood', `m${index}`])
      client.send(['GET', 'steady'])
    }
    const messages: string[] = []
    let replies = 0
    while (messages.length < count || replies < count) {
      const text = (await client.readReply()).toString()
      if (text.startsWith('>')) messages.push(text)
      else {
        expect(text).toBe('$5\r\nvalue\r\n')
        replies++
      }
    }
    expect(messages).toEqual(Array.from({ length: count }, (_, index) => frame('>', 'message', 'flood', `m${index}`)))
  })

  test('a subscriber that leaves is unsubscribed at the server', async () => {
    const client = await stage.client()
    await client.ask('SUBSCRIBE', 'leaving')
    await stage.serverSays(/leaving/, 'PUBSUB', 'CHANNELS')
    await client.close()
    await stage.serverSays(/^\*0\r\n$/, 'PUBSUB', 'CHANNELS')
  })

  test('RESET ends subscriptions and protocol', async () => {
    const client = await stage.client()
    await client.ask('HELLO', '3')
    await client.ask('SUBSCRIBE', 'reset')
    expect(await client.ask('RESET')).toBe('+RESET\r\n')
    expect(await client.ask('GET', 'nothing')).toBe('$-1\r\n')
    await stage.serverSays(/^\*0\r\n$/, 'PUBSUB', 'CHANNELS')
  })

  test('a message of 2 MB arrives whole', async () => {
    const [client, publisher] = await Promise.all([stage.client(), stage.client()])
    await client.ask('SUBSCRIBE', 'big')
    const text = 'x'.repeat(2_000_000)
    await publisher.ask('PUBLISH', 'big', text)
    const message = await client.readReply()
    expect(message.length).toBe(frame('*', 'message', 'big', text).length)
  })

  test('a denied channel is the server’s error and leaves no subscription', async () => {
    const admin = await stage.direct()
    await admin.ask('ACL', 'SETUSER', 'few', 'on', '>pw', '~*', '+@all', 'resetchannels', '&allowed')
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    for (const command of [['AUTH', 'few', 'pw'], ['SUBSCRIBE', 'forbidden'], ['SUBSCRIBE', 'allowed'], ['PING']]) {
      expect(await client.ask(...command)).toBe(await direct.ask(...command))
    }
    await admin.ask('ACL', 'DELUSER', 'few')
    await waitUntil(() => client.isEnded, { what: 'the server has closed the deleted user’s connection' })
  })
})
