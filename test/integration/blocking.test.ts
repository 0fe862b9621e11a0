// Blocking commands wait on connections of their own: nobody else waits with them, and nothing is eaten by who has left.

import { expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { pipeline, setStage } from '../support/stage.ts'

describeOnEachServer('blocking commands', (kind) => {
  const stage = setStage(kind)

  test.each([
    ['BLPOP', ['BLPOP', 'list', '0'], ['RPUSH', 'list', 'a'], '*2\r\n$4\r\nlist\r\n$1\r\na\r\n'],
    ['BRPOP', ['BRPOP', 'none', 'list', '0'], ['RPUSH', 'list', 'a'], '*2\r\n$4\r\nlist\r\n$1\r\na\r\n'],
    ['BLMOVE', ['BLMOVE', 'list', 'moved', 'LEFT', 'RIGHT', '0'], ['RPUSH', 'list', 'a'], '$1\r\na\r\n'],
    ['BRPOPLPUSH', ['BRPOPLPUSH', 'list', 'moved', '0'], ['RPUSH', 'list', 'a'], '$1\r\na\r\n'],
    ['BLMPOP', ['BLMPOP', '0', '1', 'list', 'LEFT'], ['RPUSH', 'list', 'a'], '*2\r\n$4\r\nlist\r\n*1\r\n$1\r\na\r\n'],
    ['BZPOPMIN', ['BZPOPMIN', 'zset', '0'], ['ZADD', 'zset', '1', 'm'], '*3\r\n$4\r\nzset\r\n$1\r\nm\r\n$1\r\n1\r\n'],
    [
      'XREAD BLOCK',
      ['XREAD', 'BLOCK', '0', 'STREAMS', 'stream', '$'],
      ['XADD', 'stream', '5-1', 'f', 'v'],
      '*1\r\n*2\r\n$6\r\nstream\r\n*1\r\n*2\r\n$3\r\n5-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n',
    ],
  ])('%s waits until another client brings something', async (_, blocking, bringing, expected) => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await other.ask('FLUSHALL')
    client.send(blocking)
    await stage.blockedClients(1)
    expect(await other.ask('CLIENT', 'LIST')).toMatch(/ flags=b /)
    await other.ask(...bringing)
    expect((await client.readReply()).toString()).toBe(expected)
    expect(await client.ask('PING')).toBe('+PONG\r\n')
  })

  test('XREADGROUP BLOCK gets what is added later, and without BLOCK waits for nothing', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await client.ask('XGROUP', 'CREATE', 'jobs', 'workers', '$', 'MKSTREAM')
    expect(await client.ask('XREADGROUP', 'GROUP', 'workers', 'one', 'STREAMS', 'jobs', '>')).toBe('*-1\r\n')
    client.send(['XREADGROUP', 'GROUP', 'workers', 'one', 'COUNT', '1', 'BLOCK', '0', 'STREAMS', 'jobs', '>'])
    await stage.blockedClients(1)
    await other.ask('XADD', 'jobs', '7-1', 'f', 'v')
    expect((await client.readReply()).toString()).toContain('$3\r\n7-1\r\n')
  })

  test('a timeout is the null of the protocol', async () => {
    const client = await stage.client()
    expect(await client.ask('BLPOP', 'nothing', '0.01')).toBe('*-1\r\n')
    expect(await client.ask('BLMOVE', 'nothing', 'else', 'LEFT', 'LEFT', '0.01')).toMatch(/^(\$-1|\*-1)\r\n$/)
    await client.ask('HELLO', '3')
    expect(await client.ask('BLPOP', 'nothing', '0.01')).toBe('_\r\n')
    expect(await client.ask('XREAD', 'BLOCK', '10', 'STREAMS', 'nothing', '$')).toBe('_\r\n')
  })

  test('commands pipelined behind wait their turn, and others do not', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await other.ask('DEL', 'behind')
    const all = pipeline(
      client,
      ['SET', 'first', '1'],
      ['BLPOP', 'behind', '0'],
      ['SET', 'first', '2'],
      ['GET', 'first'],
    )
    await stage.blockedClients(1)
    expect(await other.ask('GET', 'first')).toBe('$1\r\n1\r\n')
    await other.ask('RPUSH', 'behind', 'x')
    expect(await all).toEqual(['+OK\r\n', '*2\r\n$6\r\nbehind\r\n$1\r\nx\r\n', '+OK\r\n', '$1\r\n2\r\n'])
  })

  test('a hundred blocked clients are served in the order in which they came', async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => stage.client()))
    const other = await stage.client()
    for (const [index, client] of clients.entries()) {
      client.send(['BLPOP', 'queue', '0'])
      // The server serves in the order in which it has seen them.
      if (index % 20 === 0) await stage.blockedClients(index + 1)
    }
    await stage.blockedClients(100)
    await other.ask('RPUSH', 'queue', ...Array.from({ length: 100 }, (_, index) => `job-${index}`))
    const got = await Promise.all(clients.map(async (client) => (await client.readReply()).toString()))
    expect(new Set(got).size).toBe(100)
  })

  test.each(['destroyed', 'half-closed'])('a blocked client that is %s eats nothing', async (how) => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    client.send(['BLPOP', 'uneaten', '0'])
    await stage.blockedClients(1)
    if (how === 'destroyed') await client.close()
    else client.end()
    await stage.blockedClients(0)
    expect(await other.ask('RPUSH', 'uneaten', 'x')).toBe(':1\r\n')
    expect(await other.ask('LPOP', 'uneaten')).toBe('$1\r\nx\r\n')
  })

  test('a client that leaves with commands behind its blocking one has not run them', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    client.send('*3\r\n$5\r\nBLPOP\r\n$4\r\nnone\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$5\r\nghost\r\n$1\r\n1\r\n')
    await stage.blockedClients(1)
    await client.close()
    await stage.blockedClients(0)
    expect(await other.ask('GET', 'ghost')).toBe('$-1\r\n')
  })

  test('CLIENT UNBLOCK reaches the client with the id that it was told', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    const id = (await client.ask('CLIENT', 'ID')).slice(1, -2)
    expect(await other.ask('CLIENT', 'UNBLOCK', id)).toBe(':0\r\n')
    client.send(['BLPOP', 'none', '0'])
    await stage.blockedClients(1)
    expect(await other.ask('CLIENT', 'UNBLOCK', id)).toBe(':1\r\n')
    expect((await client.readReply()).toString()).toBe('*-1\r\n')
    client.send(['BLPOP', 'none', '0'])
    await stage.blockedClients(1)
    expect(await other.ask('CLIENT', 'UNBLOCK', id, 'ERROR')).toBe(':1\r\n')
    expect((await client.readReply()).toString()).toBe('-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n')
    expect(await other.ask('CLIENT', 'UNBLOCK', 'abc')).toBe('-ERR value is not an integer or out of range\r\n')
  })

  test('wrong arguments are errors of the server and block nobody', async () => {
    const client = await stage.client()
    const direct = await stage.direct()
    for (const command of [
      ['BLPOP', 'x'],
      ['BLPOP', 'x', 'never'],
      ['BLPOP', 'x', '-1'],
      ['XREAD', 'BLOCK', 'x', 'STREAMS', 's', '$'],
    ]) {
      expect(await client.ask(...command)).toBe(await direct.ask(...command))
    }
  })
})
