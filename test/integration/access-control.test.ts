// Users and passwords of the server: each client has the rights of its own login, and nobody else's.

import { describe, expect, test } from 'vitest'
import { connect, type RawClient } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, type Stage, setStage } from '../support/stage.ts'
import { startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
const wrongPassword = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'

async function loggedIn(stage: Stage, username: string, password: string): Promise<RawClient> {
  const client = await stage.client()
  expect(await client.ask('AUTH', username, password)).toBe(ok)
  return client
}

/** Both are told the same, but for the number of the connection and the address that some errors name. */
async function expectSame(stage: Stage, ...commands: string[][]): Promise<void> {
  const [direct, client] = await Promise.all([stage.direct(), stage.client()])
  const masked = (replies: string[]) => replies.map((reply) => reply.replace(/\r\nid\r\n:\d+/, ''))
  expect(masked(await converse(client, ...commands))).toEqual(masked(await converse(direct, ...commands)))
}

describeOnEachServer('a server with a password that the proxy does not know', (kind) => {
  const stage = setStage(kind, { serverArguments: ['--requirepass', 'sesame'] })

  test('NOAUTH, wrong and right passwords are told as the server tells them', async () => {
    await expectSame(
      stage,
      ['GET', 'k'],
      ['PING'],
      ['MULTI'],
      ['SUBSCRIBE', 'c'],
      ['HELLO', '3'],
      ['SELECT', '1'],
      ['AUTH', 'wrong'],
      ['AUTH', 'nobody', 'sesame'],
      ['AUTH', 'a', 'b', 'c'],
      ['AUTH'],
      ['HELLO', '3', 'AUTH', 'default', 'wrong'],
      ['GET', 'k'],
      ['AUTH', 'sesame'],
      ['SET', 'k', 'v'],
      ['AUTH', 'wrong'],
      ['GET', 'k'],
      ['RESET'],
      ['GET', 'k'],
      ['HELLO', '3', 'AUTH', 'default', 'sesame', 'SETNAME', 'me'],
      ['CLIENT', 'GETNAME'],
      ['HGETALL', 'none'],
      ['AUTH', 'default', 'sesame'],
      ['GET', 'k'],
    )
  })

  test('one client’s login is nobody else’s', async () => {
    const [stranger, friend] = await Promise.all([stage.client(), stage.client()])
    expect(await friend.ask('AUTH', 'sesame')).toBe(ok)
    expect(await friend.ask('SET', 'secret', '1')).toBe(ok)
    expect(await stranger.ask('GET', 'secret')).toBe('-NOAUTH Authentication required.\r\n')
    expect(await stranger.ask('WATCH', 'secret')).toMatch(/^-NOAUTH /)
    expect(await friend.ask('GET', 'secret')).toBe('$1\r\n1\r\n')
  })

  test('a login in a pipeline holds for what comes behind it only', async () => {
    const client = await stage.client()
    const replies = await pipeline(
      client,
      ['GET', 'p'],
      ['AUTH', 'sesame'],
      ['SET', 'p', '1'],
      ['AUTH', 'no'],
      ['GET', 'p'],
    )
    expect(replies).toEqual(['-NOAUTH Authentication required.\r\n', ok, ok, wrongPassword, '$1\r\n1\r\n'])
  })
})

describeOnEachServer('users of the server', (kind) => {
  const users = {
    app: 'on >app-pw ~* &* +@all -@dangerous -@admin',
    reader: 'on >reader-pw ~public:* &* +@read +select +ping',
    'no-multi': 'on >pw ~* &* +@all -multi',
    'no-select': 'on >pw ~* &* +@all -select',
    'no-publish': 'on >pw ~* resetchannels +@all -publish',
  }
  const stage = setStage(kind, {
    serverArguments: Object.entries(users).flatMap(([name, rules]) => ['--user', name, ...rules.split(' ')]),
  })

  test('rights are those of the client’s own user, errors the server’s', async () => {
    for (const login of [
      ['AUTH', 'reader', 'reader-pw'],
      ['HELLO', '3', 'AUTH', 'reader', 'reader-pw'],
    ]) {
      await expectSame(
        stage,
        login,
        ['GET', 'public:1'],
        ['GET', 'private:1'],
        ['SET', 'public:1', 'x'],
        ['FLUSHALL'],
        ['MULTI'],
        ['SUBSCRIBE', 'c'],
        ['SELECT', '2'],
        ['GET', 'public:1'],
        ['ACL', 'WHOAMI'],
        ['KEYS', '*'],
      )
    }
  })

  test('users share neither connections nor state', async () => {
    const clients = await Promise.all([
      stage.client(),
      loggedIn(stage, 'app', 'app-pw'),
      loggedIn(stage, 'no-multi', 'pw'),
      loggedIn(stage, 'no-select', 'pw'),
    ])
    const names = ['default', 'app', 'no-multi', 'no-select']
    for (let round = 0; round < 20; round++) {
      const replies = await Promise.all(clients.map((client) => client.ask('ACL', 'WHOAMI')))
      expect(replies).toEqual(names.map((name) => `$${name.length}\r\n${name}\r\n`))
    }
  })

  test('a client goes from one user to another and back', async () => {
    const client = await stage.client()
    const replies = await pipeline(
      client,
      ['AUTH', 'reader', 'reader-pw'],
      ['SET', 'x', '1'],
      ['AUTH', 'app', 'wrong'],
      ['SET', 'x', '1'],
      ['AUTH', 'app', 'app-pw'],
      ['SET', 'x', '1'],
      ['RESET'],
      ['ACL', 'WHOAMI'],
    )
    expect(replies.map((reply) => reply.slice(0, 10))).toEqual([
      ok,
      expect.stringMatching(/^-NOPERM/),
      expect.stringMatching(/^-WRONGPASS/),
      expect.stringMatching(/^-NOPERM/),
      ok,
      ok,
      '+RESET\r\n',
      '$7\r\ndefaul',
    ])
  })

  test('a user without MULTI: the transaction never begins', async () => {
    const client = await loggedIn(stage, 'no-multi', 'pw')
    const commands = [['MULTI'], ['SET', 'nm', '1'], ['EXEC'], ['GET', 'nm']]
    const expected = [expect.stringMatching(/^-NOPERM/), ok, '-ERR EXEC without MULTI\r\n', '$1\r\n1\r\n']
    expect(await pipeline(client, ...commands)).toEqual(expected)
    expect(await converse(client, ...commands)).toEqual(expected)
  })

  test('a user without SELECT stays where it is', async () => {
    const client = await loggedIn(stage, 'no-select', 'pw')
    const other = await stage.client()
    await converse(other, ['SELECT', '3'], ['SET', 'here', 'three'])
    expect(await converse(client, ['SET', 'here', 'zero'], ['SELECT', '3'], ['GET', 'here'])).toEqual([
      ok,
      expect.stringMatching(/^-NOPERM/),
      '$4\r\nzero\r\n',
    ])
    // Logged in while it is in another database, it stays there.
    await other.ask('SELECT', '3')
    expect(await other.ask('AUTH', 'no-select', 'pw')).toBe(ok)
    expect(await other.ask('GET', 'here')).toBe('$5\r\nthree\r\n')
    expect(await client.ask('GET', 'here')).toBe('$4\r\nzero\r\n')
  })

  test('WAIT without the right to PUBLISH is an error, not a false count', async () => {
    const client = await loggedIn(stage, 'no-publish', 'pw')
    expect(await converse(client, ['SET', 'w', '1'], ['WAIT', '0', '10'])).toEqual([
      ok,
      expect.stringMatching(/^-NOPERM rusteze: WAIT needs/),
    ])
  })

  test('a user that is deleted loses what it had, and the others nothing', async () => {
    const admin = await stage.direct()
    expect(await admin.ask('ACL', 'SETUSER', 'brief', 'on', '>pw', '~*', '&*', '+@all')).toBe(ok)
    const [client, other] = await Promise.all([loggedIn(stage, 'brief', 'pw'), stage.client()])
    expect(await client.ask('SET', 'b', '1')).toBe(ok)
    expect(await admin.ask('ACL', 'DELUSER', 'brief')).toBe(':1\r\n')
    const reply = await waitUntil(
      async () => {
        const text = client.isEnded ? 'closed' : await client.ask('GET', 'b').catch(() => 'closed')
        return /^(-|closed)/.test(text) ? text : undefined
      },
      { what: 'the deleted user is refused' },
    )
    expect(reply).toMatch(/^(-WRONGPASS|-NOPERM|-NOAUTH|closed)/)
    const late = await stage.client()
    expect(await late.ask('AUTH', 'brief', 'pw')).toBe(wrongPassword)
    expect(await other.ask('GET', 'b')).toBe('$1\r\n1\r\n')
  })
})

describe('the proxy’s own user', () => {
  describeOnEachServer('without @dangerous and @admin', (kind) => {
    const stage = setStage(kind, {
      serverArguments: [
        ...['--user', 'proxy', 'on', '>own-pw', '~*', '&*', '+@all', '-@dangerous', '-@admin'],
        ...['--user', 'default', 'off'],
      ],
      environment: { RUSTEZE_BACKEND_USERNAME: 'proxy', RUSTEZE_BACKEND_PASSWORD: 'own-pw' },
    })

    test('everything that user may do works', async () => {
      const client = await stage.client()
      expect(await client.ask('ACL', 'WHOAMI')).toMatch(/NOPERM|proxy/)
      const replies = await converse(
        client,
        ['SET', 'k', '1'],
        ['MULTI'],
        ['INCR', 'k'],
        ['EXEC'],
        ['WATCH', 'k'],
        ['UNWATCH'],
        ['BLPOP', 'none', '0.01'],
        ['EVAL', 'return 7', '0'],
        ['SELECT', '3'],
        ['GET', 'k'],
        ['WAIT', '0', '10'],
        ['RESET'],
        ['GET', 'k'],
      )
      expect(replies).toEqual([
        ...[ok, ok, '+QUEUED\r\n', '*1\r\n:2\r\n', ok, ok, '*-1\r\n', ':7\r\n', ok, '$-1\r\n', ':0\r\n', '+RESET\r\n'],
        '$1\r\n2\r\n',
      ])
      expect(await client.ask('FLUSHALL')).toMatch(/^-NOPERM/)
      expect(await client.ask('SUBSCRIBE', 'c')).toBe('*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n')
    })

    test('a wrong password of its own is one line in the log, and commands wait', async () => {
      const proxy = await startProxy({
        RUSTEZE_BACKENDS: stage.server.addr,
        RUSTEZE_BACKEND_USERNAME: 'proxy',
        RUSTEZE_BACKEND_PASSWORD: 'not-the-password',
        RUSTEZE_HOLD: '300ms',
      })
      const client = stage.keep(await connect(proxy.port))
      expect(await client.ask('GET', 'k')).toMatch(/^-MASTERDOWN /)
      expect(proxy.logLines.filter((line) => line.includes('WRONGPASS'))).toHaveLength(1)
      expect(proxy.logLines.join('')).not.toContain('not-the-password')
      await proxy.stop()
    })
  })
})
