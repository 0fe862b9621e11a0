// Transactions through the proxy are the server's own, whether they come in one write or step by step.

import { expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

const queued = '+QUEUED\r\n'
const ok = '+OK\r\n'

describeOnEachServer('transactions', (kind) => {
  const stage = setStage(kind)

  test('a block in one write travels over a shared connection and is one unit', async () => {
    const client = await stage.client()
    const replies = await pipeline(
      client,
      ['MULTI'],
      ['SET', 'whole', '1'],
      ['INCR', 'whole'],
      ['GET', 'whole'],
      ['EXEC'],
    )
    expect(replies).toEqual([ok, queued, queued, queued, '*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n'])
    expect(await client.ask('CLIENT', 'LIST')).toMatch(/ flags=N .* multi=-1 /)
  })

  test('many clients with blocks in one write each see their own results only', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => stage.client()))
    const results = await Promise.all(
      clients.map((client, index) =>
        pipeline(
          client,
          ['MULTI'],
          ['SET', `own:${index}`, `${index}`],
          ['GET', `own:${index}`],
          ['EXEC'],
          ['GET', `own:${index}`],
        ),
      ),
    )
    results.forEach((replies, index) => {
      const bulk = `$${String(index).length}\r\n${index}\r\n`
      expect(replies).toEqual([ok, queued, queued, `*2\r\n+OK\r\n${bulk}`, bulk])
    })
  })

  test('a block that comes step by step holds others up for nothing and hides its state from them', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    expect(await converse(client, ['SET', 'steps', '0'], ['MULTI'], ['INCR', 'steps'])).toEqual([ok, ok, queued])
    expect(await other.ask('GET', 'steps')).toBe('$1\r\n0\r\n')
    expect(await converse(client, ['INCR', 'steps'], ['EXEC'], ['GET', 'steps'])).toEqual([
      queued,
      '*2\r\n:1\r\n:2\r\n',
      '$1\r\n2\r\n',
    ])
  })

  test('a watched key that another client changes makes EXEC null, and the next attempt works', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    expect(await client.ask('WATCH', 'watched')).toBe(ok)
    expect(await other.ask('SET', 'watched', 'theirs')).toBe(ok)
    expect(await converse(client, ['MULTI'], ['SET', 'watched', 'ours'], ['EXEC'])).toEqual([ok, queued, '*-1\r\n'])
    expect(await converse(client, ['WATCH', 'watched'], ['MULTI'], ['SET', 'watched', 'ours'], ['EXEC'])).toEqual([
      ok,
      ok,
      queued,
      '*1\r\n+OK\r\n',
    ])
  })

  test('in RESP3 a failed watch is the RESP3 null', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await client.ask('HELLO', '3')
    await client.ask('WATCH', 'watched3')
    await other.ask('SET', 'watched3', 'x')
    expect(await pipeline(client, ['MULTI'], ['GET', 'watched3'], ['EXEC'])).toEqual([ok, queued, '_\r\n'])
  })

  test('WATCH, a read and a whole block in one pipeline', async () => {
    const client = await stage.client()
    const commands = [['WATCH', 'k'], ['GET', 'k'], ['MULTI'], ['SET', 'k', '5'], ['EXEC'], ['GET', 'k']]
    expect(await pipeline(client, ...commands)).toEqual([ok, '$-1\r\n', ok, queued, '*1\r\n+OK\r\n', '$1\r\n5\r\n'])
  })

  test('UNWATCH and DISCARD let the key go', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    for (const release of [[['UNWATCH']], [['MULTI'], ['DISCARD']]]) {
      await converse(client, ['WATCH', 'let-go'], ...release)
      await other.ask('INCR', 'let-go')
      expect(await pipeline(client, ['MULTI'], ['PING'], ['EXEC'])).toEqual([ok, queued, '*1\r\n+PONG\r\n'])
    }
  })

  test('DISCARD runs nothing, whole or step by step', async () => {
    const client = await stage.client()
    const block = [['MULTI'], ['SET', 'discarded', '1'], ['DISCARD'], ['GET', 'discarded']]
    expect(await pipeline(client, ...block)).toEqual([ok, queued, ok, '$-1\r\n'])
    expect(await converse(client, ...block)).toEqual([ok, queued, ok, '$-1\r\n'])
  })

  test.each([
    ['a wrong number of arguments', [['MULTI'], ['SET', 'x'], ['SET', 'x', '1'], ['EXEC'], ['GET', 'x']]],
    ['an unknown command', [['MULTI'], ['NOSUCHCOMMAND', 'x'], ['EXEC'], ['PING']]],
    ['a nested MULTI', [['MULTI'], ['MULTI'], ['SET', 'x', '1'], ['EXEC'], ['DEL', 'x']]],
    ['WATCH inside', [['MULTI'], ['WATCH', 'x'], ['EXEC'], ['PING']]],
    ['EXEC without MULTI', [['EXEC'], ['PING']]],
    ['DISCARD without MULTI', [['DISCARD'], ['PING']]],
    ['EXEC with an argument', [['MULTI'], ['SET', 'x', '1'], ['EXEC', 'now'], ['EXEC'], ['PING']]],
    ['DISCARD with an argument', [['MULTI'], ['SET', 'x', '2'], ['DISCARD', 'now'], ['EXEC'], ['PING']]],
    ['MULTI with an argument', [['MULTI', 'x'], ['PING']]],
    ['an error at run time', [['SET', 's', 'text'], ['MULTI'], ['INCR', 's'], ['GET', 's'], ['EXEC'], ['PING']]],
    ['an empty block', [['MULTI'], ['EXEC'], ['PING']]],
    [
      'SELECT inside',
      [['MULTI'], ['SELECT', '3'], ['SET', 'in3', '1'], ['EXEC'], ['GET', 'in3'], ['SELECT', '0'], ['GET', 'in3']],
    ],
    ['AUTH inside', [['MULTI'], ['AUTH', 'nobody', 'wrong'], ['EXEC'], ['PING']]],
    ['HELLO inside', [['MULTI'], ['HELLO', '9'], ['EXEC'], ['PING']]],
    ['RESET inside', [['MULTI'], ['SET', 'x', '1'], ['RESET'], ['EXEC'], ['GET', 'x']]],
    ['CLIENT inside', [['MULTI'], ['CLIENT', 'SETNAME', 'me'], ['EXEC'], ['CLIENT', 'GETNAME']]],
    ['SCRIPT inside', [['MULTI'], ['SCRIPT', 'EXISTS', 'abc'], ['EXEC'], ['PING']]],
    ['WAIT inside', [['MULTI'], ['SET', 'x', '1'], ['WAIT', '1', '10'], ['EXEC'], ['PING']]],
    ['a blocking pop inside', [['MULTI'], ['BLPOP', 'nolist', '0'], ['EXEC'], ['PING']]],
    ['EVAL inside', [['MULTI'], ['EVAL', 'return 7', '0'], ['EXEC'], ['PING']]],
    ['PING inside', [['MULTI'], ['PING'], ['PING', 'text'], ['EXEC'], ['PING']]],
    ['UNSUBSCRIBE inside', [['MULTI'], ['UNSUBSCRIBE', 'nothing'], ['EXEC'], ['PING']]],
  ])('%s is answered as by the server itself', async (_, commands) => {
    for (const talk of [converse, pipeline]) {
      const [direct, client] = await Promise.all([stage.direct(), stage.client()])
      const expected = await talk(direct, ...commands)
      await direct.ask('FLUSHALL')
      expect(await talk(client, ...commands)).toEqual(expected)
    }
  })

  test('SUBSCRIBE inside a block subscribes, and messages come', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const publisher = await stage.client()
    for (const subscriber of [direct, client]) {
      expect(await converse(subscriber, ['MULTI'], ['SUBSCRIBE', 'inside'], ['GET', 'x'])).toEqual([ok, queued, queued])
      subscriber.send(['EXEC'])
    }
    const expected = await readLength(direct)
    expect((await client.readExactly(expected.length)).toString()).toBe(expected)
    expect(await publisher.ask('PUBLISH', 'inside', 'hello')).toBe(':2\r\n')
    const message = '*3\r\n$7\r\nmessage\r\n$6\r\ninside\r\n$5\r\nhello\r\n'
    expect((await client.readExactly(message.length)).toString()).toBe(message)
    expect(await client.ask('GET', 'x')).toMatch(/^-ERR Can't execute 'get'/)
  })

  test('a user without MULTI hears the error, and what follows runs outside of a block', async () => {
    const admin = await stage.direct()
    await admin.ask('ACL', 'SETUSER', 'plain', 'on', '>pw', '~*', '+@all', '-multi', '-exec', '-discard')
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const commands = [
      ['AUTH', 'plain', 'pw'],
      ['MULTI'],
      ['SET', 'no-block', '1'],
      ['GET', 'no-block'],
      ['EXEC'],
      ['DISCARD'],
      ['PING'],
    ]
    for (const talk of [converse, pipeline])
      expect(await talk(client, ...commands)).toEqual(await talk(direct, ...commands))
    await admin.ask('ACL', 'DELUSER', 'plain')
  })

  test('a client that leaves in the middle of a block has run nothing', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await converse(client, ['MULTI'], ['SET', 'left', '1'])
    await client.close()
    await waitUntil(async () => !(await other.ask('CLIENT', 'LIST')).includes('flags=x'), { what: 'it is gone' })
    expect(await other.ask('GET', 'left')).toBe('$-1\r\n')
    expect(await other.ask('EXEC')).toBe('-ERR EXEC without MULTI\r\n')
  })
})

/** Whatever EXEC answers with subscriptions in it is no frame, so it is taken by what the server is known to send. */
async function readLength(client: { readReply(): Promise<Buffer> }): Promise<string> {
  const first = await client.readReply()
  const rest =
    first.toString().includes('subscribe') && first.toString().endsWith('$-1\r\n')
      ? Buffer.alloc(0)
      : await client.readReply()
  return Buffer.concat([first, rest]).toString()
}
