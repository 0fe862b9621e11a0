// Scripts and functions: loaded once for everybody, healed when the server lost them, ended when they do not end.

import { expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
/** The digest of `return KEYS[1]`. */
const digest = '4a2267357833227dd98abdedb8cf24b15a986445'
const noScript = /^-NOSCRIPT No matching script\./

describeOnEachServer('scripts', (kind) => {
  const stage = setStage(kind, { serverArguments: ['--busy-reply-threshold', '50'] })

  test('LOAD, EXISTS, EVALSHA and FLUSH are seen by all clients', async () => {
    const [one, two] = await Promise.all([stage.client(), stage.client()])
    expect(await one.ask('SCRIPT', 'LOAD', 'return KEYS[1]')).toBe(`$40\r\n${digest}\r\n`)
    expect(await two.ask('SCRIPT', 'EXISTS', digest, 'x')).toBe('*2\r\n:1\r\n:0\r\n')
    expect(await two.ask('EVALSHA', digest, '1', 'k')).toBe('$1\r\nk\r\n')
    expect(await two.ask('EVALSHA_RO', digest, '1', 'k')).toBe('$1\r\nk\r\n')
    expect(await two.ask('SCRIPT', 'FLUSH')).toBe(ok)
    expect(await one.ask('EVALSHA', digest, '1', 'k')).toMatch(noScript)
    expect(await one.ask('SCRIPT', 'EXISTS', digest)).toBe('*1\r\n:0\r\n')
  })

  test('EVALSHA is healed when the server lost the script, in its place in a pipeline, and not in a transaction', async () => {
    const [client, aside] = await Promise.all([stage.client(), stage.direct()])
    for (const loading of [
      ['SCRIPT', 'LOAD', 'return KEYS[1]'],
      ['EVAL', 'return KEYS[1]', '1', 'k'],
    ]) {
      await client.ask(...loading)
      await aside.ask('SCRIPT', 'FLUSH')
      const replies = await pipeline(
        client,
        ['SET', 'n', '1'],
        ['EVALSHA', digest.toUpperCase(), '1', 'healed'],
        ['GET', 'n'],
      )
      expect(replies).toEqual([ok, '$6\r\nhealed\r\n', '$1\r\n1\r\n'])
      await aside.ask('SCRIPT', 'FLUSH')
      // What has run behind it must not have run before it: then the server's own answer stands.
      const overtaken = await pipeline(client, ['EVALSHA', digest, '1', 'k'], ['INCR', 'n'])
      expect(overtaken).toEqual([expect.stringMatching(noScript), ':2\r\n'])
      await aside.ask('SCRIPT', 'FLUSH')
      const inside = [['MULTI'], ['EVALSHA', digest, '1', 'k'], ['EXEC']]
      expect((await pipeline(client, ...inside)).at(-1)).toMatch(/^\*1\r\n-NOSCRIPT /)
      expect((await converse(client, ...inside)).at(-1)).toMatch(/^\*1\r\n-NOSCRIPT /)
    }
  })

  test('after a restart of the server as well', async () => {
    const client = await stage.client()
    await client.ask('SCRIPT', 'LOAD', 'return KEYS[1]')
    await stage.server.restart({ empty: true })
    expect(await client.ask('EVALSHA', digest, '1', 'again')).toBe('$5\r\nagain\r\n')
    expect(await client.ask('EVALSHA', 'f'.repeat(40), '0')).toMatch(noScript)
  })

  test('what a script returns and does is as without the proxy, errors included', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const commands = [
      ['EVAL_RO', 'return redis.call("get", KEYS[1])', '1', 'none'],
      ['EVAL_RO', 'return redis.call("set", KEYS[1], 1)', '1', 'none'],
      ['EVAL', 'return redis.error_reply("READONLY You can\'t write against a read only replica.")', '0'],
      ['EVAL', 'return redis.error_reply("NOSCRIPT x")', '0'],
      ['EVAL', 'return {1, {2, "three"}, false, redis.status_reply("fine")}', '0'],
      ['EVAL', 'redis.setresp(3) return {map={a=1}}', '0'],
      ['EVAL', 'not lua', '0'],
      ['EVAL', 'return 1', '2', 'k'],
      ['EVAL', 'return 1'],
      ['SCRIPT', 'NOSUCH'],
      ['SCRIPT', 'KILL'],
      ['FUNCTION', 'KILL'],
      ['SCRIPT', 'HELP'],
    ]
    expect(await converse(client, ...commands)).toEqual(await converse(direct, ...commands))
  })

  test('functions', async () => {
    const [client, other] = await Promise.all([stage.client(), stage.client()])
    const library =
      "#!lua name=lib\nredis.register_function{function_name='twice', callback=function(k, a) return a[1]*2 end, flags={'no-writes'}}"
    expect(await client.ask('FUNCTION', 'LOAD', 'REPLACE', library)).toBe('$3\r\nlib\r\n')
    expect(await other.ask('FCALL', 'twice', '0', '21')).toBe(':42\r\n')
    expect(await other.ask('FCALL_RO', 'twice', '0', '4')).toBe(':8\r\n')
    expect(await other.ask('FUNCTION', 'LIST')).toContain('twice')
    expect(await other.ask('FUNCTION', 'DELETE', 'lib')).toBe(ok)
    expect(await client.ask('FCALL', 'twice', '0', '1')).toBe('-ERR Function not found\r\n')
  })

  test.each([
    ['SCRIPT', ['EVAL', 'while true do end', '0']],
    ['FUNCTION', ['FCALL', 'forever', '0']],
  ])('%s KILL ends a busy one, of which others hear BUSY', async (container, command) => {
    const [busy, other, aside] = await Promise.all([stage.client(), stage.client(), stage.direct()])
    const library = "#!lua name=busy\nredis.register_function('forever', function() while true do end end)"
    await other.ask('FUNCTION', 'LOAD', 'REPLACE', library)
    busy.send(command)
    await waitUntil(async () => (await aside.ask('GET', 'x')).startsWith('-BUSY '), { what: 'the server is busy' })
    expect(await other.ask(container, 'KILL')).toBe(ok)
    expect((await busy.readReply()).toString()).toMatch(/^-ERR .*[kK]illed by user/)
    expect(await other.ask('PING')).toBe('+PONG\r\n')
    expect(await busy.ask('GET', 'x')).toBe('$-1\r\n')
  })
})
