// The log of a long life with commands, wrong passwords, restarts and a drain: changes of state, and nobody's data.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { describeOnEachServer, startRedis } from '../support/redis-server.ts'
import { pipeline } from '../support/stage.ts'
import { startProxy } from '../support/start-proxy.ts'

/** In everything that is a client's own or secret: no line may hold it. */
const mark = 'Q7xZ'
const levels = ['trace', 'info'] as const

describeOnEachServer('the log', (kind) => {
  test.each(levels)('at %s has no key, no value and no password, and no line for a command', async (level) => {
    const directory = mkdtempSync(join(tmpdir(), 'log-lines-'))
    const passwordFile = join(directory, 'password')
    writeFileSync(passwordFile, `client-${mark}`)
    const server = await startRedis({
      kind,
      arguments: ['--requirepass', `backend-${mark}`, '--user', 'app', 'on', `>app-${mark}`, '~*', '&*', '+@all'],
    })
    const proxy = await startProxy({
      RUSTEZE_BACKENDS: `redis://:backend-${mark}@${server.addr}`,
      RUSTEZE_CLIENT_PASSWORD_FILE: passwordFile,
      RUSTEZE_LOG_LEVEL: level,
      RUSTEZE_HOLD: '200ms',
      RUSTEZE_QUERY_LIMIT: '1mb',
    })
    const clients: RawClient[] = []
    async function client(): Promise<RawClient> {
      const fresh = await connect(proxy.port)
      clients.push(fresh)
      expect(await fresh.ask('AUTH', `client-${mark}`)).toBe('+OK\r\n')
      return fresh
    }
    try {
      const one = await client()
      const linesBefore = proxy.logLines.length
      for (let round = 0; round < 200; round++) {
        await pipeline(
          one,
          ['SET', `key-${mark}`, `value-${mark}`],
          ['INCR', `key-${mark}`],
          ['EVAL', `return '${mark}'`, '1', `key-${mark}`],
          [`NOSUCH-${mark}`, mark],
          ['MULTI'],
          ['GET', `key-${mark}`],
          ['EXEC'],
        )
      }
      expect(proxy.logLines.length - linesBefore).toBeLessThan(5)

      const stranger = await connect(proxy.port)
      clients.push(stranger)
      stranger.send(['AUTH', `wrong-${mark}`])
      await stranger.readReply()
      await one.ask('AUTH', 'app', `wrong-${mark}`)
      await one.ask('AUTH', 'app', `app-${mark}`)
      await one.ask('CLIENT', 'SETNAME', `name-${mark}`)
      await one.ask('DEBUG', mark)
      const [subscriber, browser, garbled, large] = await Promise.all([client(), client(), client(), client()])
      await subscriber.ask('SUBSCRIBE', `channel-${mark}`)
      browser.send(`POST /${mark} HTTP/1.1\r\n\r\n`)
      garbled.send(`*1\r\n$${mark}\r\n`)
      large.send(['SET', `key-${mark}`, mark.repeat(500_000)])
      await Promise.all([browser, garbled, large].map((each) => each.readUntilClose()))
      const blocked = await client()
      blocked.send(['BLPOP', `list-${mark}`, '0'])
      await server.kill()
      expect(await one.ask('SET', `key-${mark}`, `held-${mark}`)).toMatch(/^-/)
      await proxy.logs(/no primary/)
      await server.restart({ empty: true })
      await proxy.logs(/"generation":2/)
      expect(await one.ask('PING')).toBe('+PONG\r\n')
    } finally {
      await proxy.stop()
      await server.stop()
      for (const each of clients) await each.close()
      rmSync(directory, { recursive: true })
    }
    expect(proxy.logLines.join('')).not.toContain(mark)
    expect(proxy.logLines.length).toBeGreaterThan(4)
    for (const line of proxy.logLines)
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), message: expect.any(String) })
  })

  test('a mistaken setting is reported without its secret', () => {
    const parsed = parseConfig({
      RUSTEZE_BACKENDS: `redis://user:${mark}@host:notaport`,
      RUSTEZE_BACKEND_PASWORD: mark,
    })
    expect('errors' in parsed && parsed.errors.length).toBe(2)
    expect(JSON.stringify(parsed)).not.toContain(mark)
  })

  // Valkey quotes nothing to those who are not logged in.
  if (kind === 'redis') {
    test('has no password either where a server quotes it, since it does not know HELLO', async () => {
      const server = await startRedis({
        kind,
        arguments: ['--requirepass', `backend-${mark}`, '--rename-command', 'HELLO', ''],
      })
      const proxy = await startProxy({ RUSTEZE_BACKENDS: `redis://:backend-${mark}@${server.addr}` })
      try {
        await proxy.logs(/unknown command/)
        expect(proxy.logLines.join('')).not.toContain(mark)
      } finally {
        await proxy.stop()
        await server.stop()
      }
    })
  }
})
