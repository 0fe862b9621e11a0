// RUSTEZE_DENY: what it names is refused with one text wherever it stands, and nothing else is.

import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { encodeCommand, type RawClient } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'

const ok = '+OK\r\n'

function refusal(name: string): string {
  return `-ERR rusteze: '${name}' is refused; RUSTEZE_DENY lists what is\r\n`
}

/** Commands that would do no harm if they came through. */
const refusedByDefault = {
  sync: ['SYNC', 'x'],
  psync: ['PSYNC', '?', '-1', 'x'],
  replconf: ['REPLCONF', 'listening-port'],
  replicaof: ['REPLICAOF', 'NO', 'ONE'],
  slaveof: ['SLAVEOF', 'NO', 'ONE'],
  failover: ['FAILOVER', 'ABORT'],
  shutdown: ['SHUTDOWN', 'ABORT'],
  migrate: ['MIGRATE', '127.0.0.1', '1', 'nokey', '0', '1'],
  debug: ['DEBUG', 'JMAP'],
  'script|debug': ['SCRIPT', 'DEBUG', 'NO'],
  asking: ['ASKING'],
}

test('the default is the list that is tested here', () => {
  const parsed = parseConfig({})
  expect('config' in parsed && [...parsed.config.deny].sort()).toEqual(Object.keys(refusedByDefault).sort())
})

/** What comes after MONITOR until the client's own ECHO is answered, without the lines of MONITOR. */
async function rawReplies(client: RawClient): Promise<string[]> {
  client.send(['ECHO', 'the end'])
  const replies: string[] = []
  for (;;) {
    const reply = (await client.readReply()).toString('latin1')
    if (reply === '$7\r\nthe end\r\n') return replies
    if (!/^\+\d+\.\d+ \[/.test(reply)) replies.push(reply)
  }
}

describeOnEachServer('the default deny list', (kind) => {
  const stage = setStage(kind)

  test.each(Object.entries(refusedByDefault))('%s is refused, and the client stays', async (name, command) => {
    const client = await stage.client()
    const inline = `${command.join(' ').toLowerCase()}\r\n`
    client.send(inline)
    expect((await client.readReply()).toString()).toBe(refusal(name))
    expect(await client.ask(...command)).toBe(refusal(name))
    expect(await client.ask('ECHO', 'here')).toBe('$4\r\nhere\r\n')
  })

  test('it keeps its place in a pipeline', async () => {
    const client = await stage.client()
    const replies = await pipeline(client, ['SET', 'd', '1'], ['SHUTDOWN', 'NOSAVE'], ['INCR', 'd'], ['DEBUG', 'JMAP'])
    expect(replies).toEqual([ok, refusal('shutdown'), ':2\r\n', refusal('debug')])
  })

  test('in a transaction it fails the transaction, in one piece and step by step', async () => {
    const [whole, stepwise] = await Promise.all([stage.client(), stage.client()])
    const commands = [['MULTI'], ['SET', 'never', '1'], ['SHUTDOWN'], ['EXEC'], ['GET', 'never']]
    const expected = [
      ok,
      '+QUEUED\r\n',
      refusal('shutdown'),
      '-EXECABORT Transaction discarded because of previous errors.\r\n',
      '$-1\r\n',
    ]
    expect(await pipeline(whole, ...commands)).toEqual(expected)
    expect(await converse(stepwise, ...commands)).toEqual(expected)
  })

  test('other subcommands of the same container are let through', async () => {
    const client = await stage.client()
    expect(await client.ask('SCRIPT', 'EXISTS', 'x')).toBe('*1\r\n:0\r\n')
  })

  test('MONITOR is no way around it', async () => {
    const client = await stage.client()
    const pid = stage.server.pid
    client.send(
      Buffer.concat([encodeCommand(['MONITOR']), encodeCommand(['DEBUG', 'JMAP']), Buffer.from('shutdown nosave\r\n')]),
    )
    client.send(['SCRIPT', 'DEBUG', 'NO'])
    client.send(['REPLICAOF', 'NO', 'ONE'])
    client.send(['DEBUG', 'x'.repeat(200_000)])
    const replies = await rawReplies(client)
    expect(replies[0]).toBe(ok)
    const names = replies.slice(1).map((reply) => /rusteze: '(.*)' is refused/.exec(reply)?.[1])
    expect(names).toEqual(['debug', 'shutdown', 'script|debug', 'replicaof', 'debug'])
    client.send(['RESET'])
    while ((await client.readReply()).toString() !== '+RESET\r\n');
    expect(await client.ask('SHUTDOWN', 'NOSAVE')).toContain("'shutdown' is refused")
    expect(await client.ask('SET', 'large', 'x'.repeat(300_000))).toBe(ok)
    expect(await client.ask('STRLEN', 'large')).toBe(':300000\r\n')
    expect(stage.server.pid).toBe(pid)
    expect(stage.server.isRunning).toBe(true)
  })

  test('nor are bytes that come one at a time', async () => {
    const client = await stage.client()
    expect(await client.ask('MONITOR')).toBe(ok)
    for (const byte of encodeCommand(['SHUTDOWN', 'NOSAVE'])) {
      client.send(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await rawReplies(client)).toEqual([expect.stringContaining("'shutdown' is refused")])
  })

  test('nor is a subscription made inside of a transaction', async () => {
    const client = await stage.client()
    await client.ask('HELLO', '3')
    const replies = await converse(client, ['MULTI'], ['SUBSCRIBE', 'channel'], ['EXEC'])
    expect(replies[2]).toContain('subscribe')
    client.send(['SHUTDOWN', 'NOSAVE'])
    expect((await rawReplies(client)).at(-1)).toContain("'shutdown' is refused")
    expect(stage.server.isRunning).toBe(true)
  })
})

describe('RUSTEZE_DENY=none', () => {
  describeOnEachServer('lets everything through', (kind) => {
    const stage = setStage(kind, { environment: { RUSTEZE_DENY: 'none' } })

    test('and the server answers', async () => {
      const [direct, client] = await Promise.all([stage.direct(), stage.client()])
      for (const name of ['replconf', 'migrate', 'script|debug', 'asking', 'shutdown'] as const) {
        const command = refusedByDefault[name]
        expect(await client.ask(...command), name).toBe(await direct.ask(...command))
      }
      expect(await client.ask('DEBUG', 'SLEEP', '0')).toBe(ok)
      expect(await client.ask('REPLICAOF', 'NO', 'ONE')).toBe(ok)
    })
  })
})

describe('a list of one’s own', () => {
  describeOnEachServer('replaces the default', (kind) => {
    const stage = setStage(kind, { environment: { RUSTEZE_DENY: 'FlushAll, config|set client|list script|flush get' } })

    test('with commands and subcommands, in any case', async () => {
      const client = await stage.client()
      const replies = await converse(
        client,
        ['flushall'],
        ['CONFIG', 'SET', 'maxmemory', '0'],
        ['client', 'LIST'],
        ['SCRIPT', 'FLUSH'],
        ['GET', 'x'],
      )
      expect(replies).toEqual(['flushall', 'config|set', 'client|list', 'script|flush', 'get'].map(refusal))
      expect(await client.ask('CONFIG', 'GET', 'maxmemory')).toContain('maxmemory')
      expect(await client.ask('CLIENT', 'ID')).toMatch(/^:\d+/)
      expect(await client.ask('DEBUG', 'SLEEP', '0')).toBe(ok)
    })

    test('in a transaction in one piece as well', async () => {
      const client = await stage.client()
      const replies = await pipeline(
        client,
        ['MULTI'],
        ['SET', 'k', 'v'],
        ['CONFIG', 'SET', 'maxmemory', '0'],
        ['EXEC'],
      )
      expect(replies.slice(2)).toEqual([
        refusal('config|set'),
        '-EXECABORT Transaction discarded because of previous errors.\r\n',
      ])
    })
  })
})
