// CLIENT speaks of the proxy's clients, since the server knows only the proxy.

import { expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'

function idOf(reply: string): string {
  return reply.slice(1, -2)
}

describeOnEachServer('CLIENT', (kind) => {
  const stage = setStage(kind)

  test('ID is unique and does not change when the client gets a connection of its own', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => stage.client()))
    const before = await Promise.all(clients.map((client) => client.ask('CLIENT', 'ID')))
    expect(new Set(before).size).toBe(10)
    for (const client of clients) await client.ask('WATCH', 'x')
    expect(await Promise.all(clients.map((client) => client.ask('CLIENT', 'ID')))).toEqual(before)
  })

  test('HELLO tells the same id', async () => {
    const client = await stage.client()
    const id = idOf(await client.ask('CLIENT', 'ID'))
    expect(await client.ask('HELLO', '3')).toContain(`id\r\n:${id}\r\n`)
    expect(await client.ask('HELLO', '2')).toContain(`id\r\n:${id}\r\n`)
  })

  test('LIST and INFO show the clients of the proxy, with address, name, library and database', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    await converse(client, ['CLIENT', 'SETNAME', 'worker'], ['CLIENT', 'SETINFO', 'LIB-NAME', 'mylib'], ['SELECT', '4'])
    const line = (await other.ask('CLIENT', 'LIST')).split('\n').find((text) => text.includes('name=worker'))
    expect(line).toContain(`addr=${client.localAddress} `)
    expect(line).toContain('db=4 ')
    // CLIENT SETINFO came with Redis 7.2.
    const knowsLibraries = (await other.ask('COMMAND', 'INFO', 'client|setinfo')).startsWith('*1\r\n*10')
    expect(line).toContain(knowsLibraries ? 'lib-name=mylib' : 'lib-name= ')
    expect(await client.ask('CLIENT', 'INFO')).toContain('name=worker')
    const id = idOf(await client.ask('CLIENT', 'ID'))
    expect((await other.ask('CLIENT', 'LIST', 'ID', id)).match(/ addr=/g)).toHaveLength(1)
    expect(await other.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')).not.toContain('name=worker')
    expect(await other.ask('CLIENT', 'LIST', 'TYPE', 'nonsense')).toMatch(/^-ERR/)
  })

  test('LIST and INFO have the fields of the server’s own, in its order, and name the subcommand', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const fieldsOf = (reply: string) => [...(reply.split('\r\n')[1] ?? '').matchAll(/(\S+?)=/g)].map(([, name]) => name)
    const reply = await client.ask('CLIENT', 'INFO')
    const fields = fieldsOf(reply)
    const wanted = fieldsOf(await direct.ask('CLIENT', 'INFO'))
    // Later servers have more of them.
    const known = wanted.filter((name) => fields.includes(name) && name !== 'watch')
    expect(fields.filter((name) => known.includes(name))).toEqual(known)
    expect(known).toEqual(
      expect.arrayContaining(['fd', 'qbuf', 'argv-mem', 'rbs', 'oll', 'tot-mem', 'events', 'redir']),
    )
    expect(reply).toContain(' cmd=client|info ')
    expect(reply).toContain(' qbuf=26 ')
  })

  test('KILL USER of a user without clients kills nobody, and is the server’s error where there is no such user', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const wrong = ['CLIENT', 'KILL', 'USER', 'nobody']
    expect(await client.ask(...wrong)).toBe(await direct.ask(...wrong))
    expect(await direct.ask('ACL', 'SETUSER', 'somebody', 'on', '>pw', '+@all')).toBe(ok)
    expect(await client.ask('CLIENT', 'KILL', 'USER', 'somebody')).toBe(':0\r\n')
    // Skipping itself, it finds no other client of a user whose connections all clients share.
    const lonely = ['CLIENT', 'KILL', 'USER', 'default', 'ADDR', client.localAddress]
    expect(await client.ask(...lonely)).toBe(':0\r\n')
    expect(await direct.ask('PING')).toBe('+PONG\r\n')
  })

  test('SETNAME and GETNAME are the client’s own, with the server’s errors', async () => {
    const [direct, client, other] = await Promise.all([stage.direct(), stage.client(), stage.client()])
    const commands = [
      ['CLIENT', 'GETNAME'],
      ['CLIENT', 'SETNAME', 'me'],
      ['CLIENT', 'GETNAME'],
      ['CLIENT', 'SETNAME', 'with blank'],
      ['CLIENT', 'SETNAME', 'with\nline'],
      ['CLIENT', 'GETNAME'],
      ['CLIENT', 'SETNAME', ''],
      ['CLIENT', 'GETNAME'],
      ['CLIENT', 'SETNAME'],
      ['CLIENT', 'NOSUCH'],
      ['CLIENT'],
      ['CLIENT', 'SETINFO', 'LIB-NAME', 'with blank'],
      ['CLIENT', 'SETINFO', 'lib-ver', '1.2'],
      ['CLIENT', 'SETINFO', 'nonsense', 'x'],
      ['CLIENT', 'REPLY', 'nonsense'],
      ['CLIENT', 'KILL', 'ID', 'x'],
      ['CLIENT', 'KILL', '127.0.0.1:1'],
      ['CLIENT', 'HELP'],
    ]
    for (const command of commands) expect(await client.ask(...command)).toBe(await direct.ask(...command))
    expect(await other.ask('CLIENT', 'GETNAME')).toBe('$-1\r\n')
  })

  test('KILL ends the clients that it names, and only those', async () => {
    const [client, byId, byAddress, bystander] = await Promise.all(Array.from({ length: 4 }, () => stage.client()))
    if (!client || !byId || !byAddress || !bystander) throw new Error('four were asked for')
    const id = idOf(await byId.ask('CLIENT', 'ID'))
    expect(await client.ask('CLIENT', 'KILL', 'ID', id)).toBe(':1\r\n')
    expect(await client.ask('CLIENT', 'KILL', 'ID', id)).toBe(':0\r\n')
    expect(await client.ask('CLIENT', 'KILL', byAddress.localAddress)).toBe(ok)
    expect(await client.ask('CLIENT', 'KILL', byAddress.localAddress)).toBe('-ERR No such client\r\n')
    await Promise.all([byId.readUntilClose(), byAddress.readUntilClose()])
    expect(await bystander.ask('PING')).toBe('+PONG\r\n')
    expect(await client.ask('PING')).toBe('+PONG\r\n')
  })

  test('a client that kills itself hears of it first', async () => {
    const client = await stage.client()
    client.send(['CLIENT', 'KILL', 'ADDR', client.localAddress, 'SKIPME', 'no'])
    expect((await client.readUntilClose()).toString()).toBe(':1\r\n')
  })

  test('KILL TYPE pubsub ends subscribers, whose subscriptions end too', async () => {
    const [client, subscriber] = await Promise.all([stage.client(), stage.client()])
    await subscriber.ask('SUBSCRIBE', 'killed')
    expect(await client.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(':1\r\n')
    await subscriber.readUntilClose()
    await stage.serverSays(/^\*0\r\n$/, 'PUBSUB', 'CHANNELS')
  })

  test('REPLY OFF, SKIP and ON', async () => {
    const [direct, client, other] = await Promise.all([stage.direct(), stage.client(), stage.client()])
    const commands =
      'SET r 1|CLIENT REPLY OFF|GET r|INCR r|CLIENT REPLY SKIP|GET r|CLIENT REPLY ON|GET r|CLIENT REPLY SKIP|GET r|GET r|NOSUCH|CLIENT REPLY SKIP|NOSUCH|CLIENT REPLY SKIP|CLIENT REPLY ON|CLIENT REPLY OFF|CLIENT REPLY SKIP|CLIENT REPLY ON|WATCH r|CLIENT REPLY OFF|GET r|CLIENT REPLY ON|CLIENT REPLY SKIP|GET r|UNWATCH|ECHO done'
    const texts: string[] = []
    for (const each of [direct, client]) {
      each.send(`${commands.replaceAll('|', '\r\n')}\r\n`)
      let text = ''
      while (!text.endsWith('$4\r\ndone\r\n')) text += (await each.readReply()).toString()
      texts.push(text)
      await other.ask('DEL', 'r')
    }
    expect(texts[1]).toBe(texts[0])
    expect(await other.ask('PING')).toBe('+PONG\r\n')
  })

  test('REPLY inside a transaction is as the server has it', async () => {
    const commands = ['MULTI', 'CLIENT REPLY SKIP', 'GET r', 'EXEC', 'ECHO a', 'ECHO done', 'ECHO done']
    const texts: string[] = []
    for (const isPipelined of [true, false]) {
      for (const each of await Promise.all([stage.direct(), stage.client()])) {
        if (isPipelined) each.send(commands.map((line) => `${line}\r\n`).join(''))
        else {
          for (const line of commands) {
            each.send(`${line}\r\n`)
            await stage.serverSays(/./, 'PING')
          }
        }
        let text = ''
        while (!text.endsWith('$4\r\ndone\r\n')) text += (await each.readExactly(1)).toString()
        texts.push(text)
      }
    }
    expect(texts[1]).toBe(texts[0])
    expect(texts[3]).toBe(texts[2])
  })

  test('REPLY OFF silences messages of a long pipeline without holding up others', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    const increments = Array.from({ length: 1000 }, () => 'INCR silent\r\n').join('')
    client.send(`CLIENT REPLY OFF\r\n${increments}CLIENT REPLY ON\r\nGET silent\r\n`)
    expect((await client.readReply()).toString()).toBe(ok)
    expect((await client.readReply()).toString()).toBe('$4\r\n1000\r\n')
    expect(await other.ask('GET', 'silent')).toBe('$4\r\n1000\r\n')
  })

  test('NO-EVICT and NO-TOUCH stay with the client that asked for them', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    expect(await client.ask('CLIENT', 'NO-EVICT', 'ON')).toBe(ok)
    expect(await other.ask('PING')).toBe('+PONG\r\n')
    expect(await stage.serverSays(/flags=e/, 'CLIENT', 'LIST')).toMatch(/flags=e/)
    expect((await stage.serverSays(/./, 'CLIENT', 'LIST')).match(/flags=e/g)).toHaveLength(1)
    await client.close()
    await waitUntil(async () => !/flags=e/.test(await stage.serverSays(/./, 'CLIENT', 'LIST')), {
      what: 'nobody is spared any more',
    })
  })

  test('PAUSE and UNPAUSE reach the server past the commands that it holds up', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    expect(await client.ask('CLIENT', 'PAUSE', '20000', 'WRITE')).toBe(ok)
    other.send(['SET', 'paused', '1'])
    await stage.blockedClients(1).catch(() => stage.serverSays(/paused_/, 'INFO', 'clients'))
    expect(await client.ask('CLIENT', 'UNPAUSE')).toBe(ok)
    expect((await other.readReply()).toString()).toBe(ok)
  })

  test('TRACKINGINFO and GETREDIR of a client without tracking are the server’s', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    for (const command of [
      ['CLIENT', 'TRACKINGINFO'],
      ['CLIENT', 'GETREDIR'],
      ['CLIENT', 'CACHING', 'YES'],
    ]) {
      expect(await client.ask(...command)).toBe(await direct.ask(...command))
    }
  })

  test('what is pipelined around CLIENT keeps its order', async () => {
    const client = await stage.client()
    const replies = await pipeline(
      client,
      ['SET', 'o', '1'],
      ['CLIENT', 'SETNAME', 'n'],
      ['INCR', 'o'],
      ['CLIENT', 'GETNAME'],
      ['GET', 'o'],
    )
    expect(replies).toEqual([ok, ok, ':2\r\n', '$1\r\nn\r\n', '$1\r\n2\r\n'])
  })
})
