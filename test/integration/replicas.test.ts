// WAIT and WAITAOF with a real replica: the count is of replicas that have what this client wrote, over whatever connection.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeOnEachServer, type RedisServer, startRedis } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'

const ok = '+OK\r\n'

describeOnEachServer('WAIT', (kind) => {
  // Else a replica that comes has to wait for others that do not.
  const stage = setStage(kind, { serverArguments: ['--repl-diskless-sync-delay', '0'] })
  let replica: RedisServer

  beforeAll(async () => {
    replica = await startRedis({ kind, arguments: ['--replicaof', '127.0.0.1', String(stage.server.port)] })
    await stage.serverSays(/state=online/, 'INFO', 'replication')
  })

  afterAll(() => replica.stop())

  test('counts the replica, after writes over a shared connection', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => stage.client()))
    for (let round = 0; round < 5; round++) {
      for (const client of clients) client.send(['INCR', 'counter'])
      for (const client of clients) expect((await client.readReply()).toString()).toMatch(/^:/)
    }
    const replies = await Promise.all(clients.map((client) => client.ask('WAIT', '1', '5000')))
    expect(replies).toEqual(clients.map(() => ':1\r\n'))
  })

  test('a replica that stands still is not counted for what was written over a shared connection', async () => {
    const [writer, idle] = await Promise.all([stage.client(), stage.client()])
    replica.pause()
    try {
      expect(await pipeline(writer, ['SET', 'unseen', '1'], ['WAIT', '1', '150'])).toEqual([ok, ':0\r\n'])
      expect(await converse(writer, ['MULTI'], ['SET', 'unseen', '2'], ['EXEC'])).toEqual([
        ok,
        '+QUEUED\r\n',
        `*1\r\n${ok}`,
      ])
      expect(await writer.ask('WAIT', '1', '150')).toBe(':0\r\n')
      idle.send(['WAIT', '1', '8000'])
      writer.send(['WAIT', '1', '8000'])
      // Others are served while some wait.
      const other = await stage.client()
      expect(await other.ask('SET', 'meanwhile', '1')).toBe(ok)
    } finally {
      replica.resume()
    }
    expect((await writer.readReply()).toString()).toBe(':1\r\n')
    expect((await idle.readReply()).toString()).toBe(':1\r\n')
  })

  test('errors are the server’s', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const commands = [
      ['WAIT', 'x', '10'],
      ['WAIT', '1', '-1'],
      ['WAIT', '1'],
      ['WAITAOF', '1', '0', '10'],
      ['WAITAOF', '2', '0', '10'],
      ['WAITAOF', 'x'],
    ]
    const expected = await converse(direct, ...commands)
    expect(await converse(client, ...commands)).toEqual(expected)
  })

  test('WAITAOF counts what is on disk, where the server has it', async () => {
    const client = await stage.client()
    if (!(await client.ask('COMMAND', 'INFO', 'waitaof')).startsWith('*1\r\n*1')) return
    expect(await client.ask('CONFIG', 'SET', 'appendonly', 'yes')).toBe(ok)
    await stage.serverSays(/aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/, 'INFO', 'persistence')
    expect(await converse(client, ['SET', 'durable', '1'], ['WAITAOF', '1', '0', '5000'])).toEqual([
      ok,
      '*2\r\n:1\r\n:0\r\n',
    ])
    expect(await client.ask('CONFIG', 'SET', 'appendonly', 'no')).toBe(ok)
  })

  test('a server that was restarted since the write can vouch for nothing', async () => {
    const client = await stage.client()
    expect(await client.ask('SET', 'before', '1')).toBe(ok)
    await stage.server.restart()
    expect(await client.ask('WAIT', '0', '100')).toBe(':0\r\n')
    expect(await client.ask('WAIT', '1', '100')).toBe(':0\r\n')
    await stage.serverSays(/state=online/, 'INFO', 'replication')
    expect(await converse(client, ['SET', 'after', '1'], ['WAIT', '1', '5000'])).toEqual([ok, ':1\r\n'])
  })
})
