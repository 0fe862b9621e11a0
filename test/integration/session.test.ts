// What a connection remembers (database, protocol, name) is remembered for each client, and for nobody else.

import { expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'

const ok = '+OK\r\n'

describeOnEachServer('sessions', (kind) => {
  const stage = setStage(kind, { serverArguments: ['--databases', '100'] })

  test('SELECT moves one client and no other', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    expect(await converse(client, ['SELECT', '1'], ['SET', 'where', 'one'])).toEqual([ok, ok])
    expect(await other.ask('GET', 'where')).toBe('$-1\r\n')
    expect(await converse(client, ['GET', 'where'], ['SELECT', '0'], ['GET', 'where'])).toEqual([
      '$3\r\none\r\n',
      ok,
      '$-1\r\n',
    ])
  })

  test('a hundred databases, each from a client of its own, at the same time', async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => stage.client()))
    const texts = await Promise.all(
      clients.map((client, db) => pipeline(client, ['SELECT', `${db}`], ['SET', 'mine', `${db}`], ['GET', 'mine'])),
    )
    texts.forEach((replies, db) => {
      expect(replies).toEqual([ok, ok, `$${String(db).length}\r\n${db}\r\n`])
    })
    const again = await Promise.all(clients.map((client) => client.ask('GET', 'mine')))
    again.forEach((reply, db) => {
      expect(reply).toBe(`$${String(db).length}\r\n${db}\r\n`)
    })
  })

  test('SELECT in the middle of pipelines', async () => {
    const client = await stage.client()
    const commands = [0, 5, 0, 7, 5, 0].flatMap((db) => [
      ['SELECT', `${db}`],
      ['INCR', 'walk'],
      ['CLIENT', 'INFO'],
    ])
    const replies = await pipeline(client, ...commands)
    expect(replies.filter((reply) => reply.startsWith(':'))).toEqual([1, 1, 2, 1, 2, 3].map((count) => `:${count}\r\n`))
    const databases = replies.map((reply) => / db=(\d+) /.exec(reply)?.[1]).filter((db) => db !== undefined)
    expect(databases).toEqual(['0', '5', '0', '7', '5', '0'])
  })

  test.each([
    [['SELECT', '100']],
    [['SELECT', '-1']],
    [['SELECT', 'abc']],
    [['SELECT']],
    [['SELECT', '1', '2']],
    [['SELECT', '+1']],
    [['SELECT', '1e1']],
    [['SELECT', ' 1']],
  ])('%j is the server’s error and changes nothing', async (command) => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    // A pool for every database that a sloppy reading of the number could name.
    await converse(client, ['SELECT', '1'], ['GET', 'x'], ['SELECT', '10'], ['GET', 'x'], ['SELECT', '0'])
    expect(await client.ask(...command)).toBe(await direct.ask(...command))
    await client.ask('SET', 'still', 'zero')
    expect(await converse(client, ['GET', 'still'], ['CLIENT', 'INFO'])).toEqual([
      '$4\r\nzero\r\n',
      expect.stringContaining(' db=0 '),
    ])
  })

  test('WATCH and a transaction in another database', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await converse(client, ['SELECT', '9'], ['WATCH', 'w'])
    await converse(other, ['SET', 'w', 'in-zero'])
    expect(await converse(client, ['MULTI'], ['SET', 'w', 'nine'], ['EXEC'])).toEqual([
      ok,
      '+QUEUED\r\n',
      '*1\r\n+OK\r\n',
    ])
    expect(await converse(other, ['GET', 'w'], ['SELECT', '9'], ['GET', 'w'])).toEqual([
      '$7\r\nin-zero\r\n',
      ok,
      '$4\r\nnine\r\n',
    ])
  })

  test('SELECT while a key is watched stays on the connection that watches', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await converse(client, ['WATCH', 'w0'], ['SELECT', '3'])
    await other.ask('SET', 'w0', 'changed')
    expect(await converse(client, ['MULTI'], ['SET', 'w3', '1'], ['EXEC'])).toEqual([ok, '+QUEUED\r\n', '*-1\r\n'])
    expect(await converse(client, ['SET', 'w3', '2'], ['SELECT', '0'], ['GET', 'w3'])).toEqual([ok, ok, '$-1\r\n'])
  })

  test('HELLO moves between the protocols, and replies follow', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await client.ask('HSET', 'h', 'f', 'v')
    expect(await client.ask('HELLO', '3')).toMatch(/^%7\r\n/)
    expect(await client.ask('HGETALL', 'h')).toBe('%1\r\n$1\r\nf\r\n$1\r\nv\r\n')
    expect(await other.ask('HGETALL', 'h')).toBe('*2\r\n$1\r\nf\r\n$1\r\nv\r\n')
    expect(await client.ask('HELLO', '2')).toMatch(/^\*14\r\n/)
    expect(await client.ask('HGETALL', 'h')).toBe('*2\r\n$1\r\nf\r\n$1\r\nv\r\n')
  })

  test('HELLO keeps the database, and is answered as directly but for the id', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const commands = [
      ['SELECT', '2'],
      ['HELLO', '3', 'SETNAME', 'n'],
      ['CLIENT', 'GETNAME'],
      ['SET', 'hello', 'x'],
      ['HELLO'],
      ['HELLO', '4'],
      ['HELLO', 'x'],
      ['HELLO', '3', 'NOSUCH'],
      ['HELLO', '3', 'SETNAME', 'a b'],
      ['HELLO', '2'],
      ['GET', 'hello'],
    ]
    const withoutId = (replies: string[]) => replies.map((reply) => reply.replace(/id\r\n:\d+/, 'id'))
    expect(withoutId(await converse(client, ...commands))).toEqual(withoutId(await converse(direct, ...commands)))
  })

  test('RESET forgets database, protocol, name and watched keys', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await converse(client, ['HELLO', '3'], ['SELECT', '6'], ['CLIENT', 'SETNAME', 'n'], ['WATCH', 'r'])
    expect(await client.ask('RESET')).toBe('+RESET\r\n')
    await other.ask('SET', 'r', '1')
    const replies = await converse(client, ['GET', 'none'], ['CLIENT', 'GETNAME'], ['MULTI'], ['GET', 'r'], ['EXEC'])
    expect(replies).toEqual(['$-1\r\n', '$-1\r\n', ok, '+QUEUED\r\n', '*1\r\n$1\r\n1\r\n'])
  })

  test('QUIT is answered and closes, after all that came before it and before all that comes behind', async () => {
    const client = await stage.client()
    client.send('SET q 1\r\nGET q\r\nQUIT\r\nSET q 2\r\n')
    expect((await client.readUntilClose()).toString()).toBe('+OK\r\n$1\r\n1\r\n+OK\r\n')
    const other = await stage.client()
    expect(await other.ask('GET', 'q')).toBe('$1\r\n1\r\n')
  })

  test('inline commands, with quotes, blanks and empty lines', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const lines =
      'PING\r\n\r\n  \nSET  "in line"   \'it\\\'s\'\nGET "in line"\r\nSET hex "\\x41\\n"\r\nGET hex\r\n*0\r\nECHO ""\r\nping\r\nECHO done\r\n'
    const texts: string[] = []
    for (const each of [direct, client]) {
      each.send(lines)
      let text = ''
      while (!text.endsWith('$4\r\ndone\r\n')) text += (await each.readReply()).toString()
      texts.push(text)
    }
    expect(texts[1]).toBe(texts[0])
  })

  test('PING and ECHO in all their forms', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    for (const command of [
      ['PING'],
      ['PING', 'x'],
      ['PING', 'x', 'y'],
      ['ping'],
      ['ECHO', 'x'],
      ['ECHO'],
      ['ECHO', ''],
      [''],
    ]) {
      expect(await client.ask(...command)).toBe(await direct.ask(...command))
    }
  })

  test('commands that nobody knows are the server’s error, each with its own arguments', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const commands = [
      ['NOSUCH', 'a', 'b'],
      ['no such', 'x'],
      ['NOSUCH'],
      ['X'.repeat(300), 'y'],
      ['CONFIG', 'NOSUCH'],
      ['OBJECT'],
      ['GET'],
    ]
    for (const command of commands) expect(await client.ask(...command)).toBe(await direct.ask(...command))
    expect(await pipeline(client, ...commands, ['PING'])).toEqual(await pipeline(direct, ...commands, ['PING']))
  })
})
