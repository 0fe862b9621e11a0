// RUSTEZE_CLIENT_PASSWORD_FILE: the proxy's own password towards clients, asked for as Redis asks.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'

const ok = '+OK\r\n'
const noAuth = '-NOAUTH Authentication required.\r\n'
const directory = mkdtempSync(join(tmpdir(), 'client-password-'))
const clientFile = join(directory, 'client')
const backendFile = join(directory, 'backend')
const usernameFile = join(directory, 'username')
// With the line break that files made by people end with.
writeFileSync(clientFile, 'pässword\n')
writeFileSync(backendFile, 'pässword')
writeFileSync(usernameFile, 'default\n')

afterAll(() => rmSync(directory, { recursive: true }))

describeOnEachServer('the proxy’s own password', (kind) => {
  // The server has the same one, to compare what strangers are told.
  const stage = setStage(kind, {
    serverArguments: ['--requirepass', 'pässword'],
    environment: {
      RUSTEZE_CLIENT_PASSWORD_FILE: clientFile,
      RUSTEZE_BACKEND_USERNAME_FILE: usernameFile,
      RUSTEZE_BACKEND_PASSWORD_FILE: backendFile,
    },
  })

  test('strangers are told what the server tells them', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    const commands = [
      ['GET', 'k'],
      ['PING'],
      ['CLIENT', 'ID'],
      ['MULTI'],
      ['SUBSCRIBE', 'c'],
      ['MONITOR'],
      ['HELLO'],
      ['HELLO', '3'],
      ['SHUTDOWN', 'NOSAVE', 'NOW'],
      ['AUTH'],
      ['AUTH', 'wrong'],
      ['AUTH', 'default', 'wrong'],
      ['AUTH', 'nobody', 'pässword'],
      ['AUTH', 'a', 'b', 'c'],
      ['HELLO', '3', 'AUTH', 'default', 'wrong'],
      ['RESET'],
      ['AUTH', 'pässword'],
      ['GET', 'k'],
      ['RESET'],
      ['GET', 'k'],
      ['AUTH', 'default', 'pässword'],
      ['GET', 'k'],
    ]
    // Redis 7.0 leaves out a word of the text that all later versions have.
    const expected = (await converse(direct, ...commands)).map((text) =>
      text.replace('HELLO AUTH', 'HELLO <proto> AUTH'),
    )
    expect(await converse(client, ...commands)).toEqual(expected)
  })

  test('HELLO with AUTH lets in, in the protocol and with the name that it asks for', async () => {
    const client = await stage.client()
    expect(await client.ask('HELLO', '3', 'AUTH', 'default', 'pässword', 'SETNAME', 'me')).toMatch(/^%7\r\n/)
    expect(await converse(client, ['CLIENT', 'GETNAME'], ['HGETALL', 'none'])).toEqual(['$2\r\nme\r\n', '%0\r\n'])
  })

  test('in a pipeline it holds for what comes behind it', async () => {
    const client = await stage.client()
    const replies = await pipeline(client, ['SET', 'p', '1'], ['AUTH', 'pässword'], ['SET', 'p', '2'], ['GET', 'p'])
    expect(replies).toEqual([noAuth, ok, ok, '$1\r\n2\r\n'])
  })

  test('strangers have Redis’s lower limits, others have not', async () => {
    for (const bytes of [`*11\r\n${'$1\r\nx\r\n'.repeat(11)}`, `*2\r\n$4\r\nECHO\r\n$16385\r\n`]) {
      const { direct, proxied } = await stage.bothTell(bytes)
      expect(direct).toMatch(/^-ERR Protocol error: unauthenticated (multi)?bulk length\r\n$/)
      expect(proxied).toBe(direct)
    }
    const client = await stage.client()
    await client.ask('AUTH', 'pässword')
    expect(await client.ask('SET', 'large', 'x'.repeat(100_000))).toBe(ok)
    expect(await client.ask('DEL', ...Array.from({ length: 20 }, (_, index) => `k${index}`))).toBe(':0\r\n')
  })

  test('QUIT works for strangers', async () => {
    const client = await stage.client()
    client.send(['QUIT'])
    expect((await client.readUntilClose()).toString()).toBe(ok)
  })
})
