// What strangers send to the admin server: it answers what it has to, harms nobody, and keeps its doors open for probes.
import { networkInterfaces } from 'node:os'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AdminServer, type AdminSource } from '../../src/operations/admin-server.ts'
import { createLog } from '../../src/operations/log.ts'
import { ask, openHttp, type RawHttp } from '../support/raw-http.ts'

const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

const well = { isWell: true, reason: 'well' }
const log = createLog('silent', 'json', { write: () => {} })
const local = 'Host: localhost'
let quits = 0
let pauses = 0
const pause: AdminSource<object>['pause'] = {
  begin(_milliseconds, _holds, settled) {
    pauses++
    settled(0)
    return undefined
  },
  end: () => {
    pauses--
  },
}
let isBroken = false
let server: AdminServer<object>
let port: number

beforeEach(async () => {
  quits = 0
  pauses = 0
  isBroken = false
  const source = {
    health: { startup: well, readiness: well },
    pause,
    status: () => {
      if (isBroken) throw new Error('broken')
      return { version: 'secret-fact' } as object
    },
    metrics: async () => [],
    quit: () => {
      quits++
    },
  }
  server = await AdminServer.start({ host: '::', port: 0 }, source, log)
  port = server.address.port
})
afterEach(() => server.close())

const isAlive = async () => expect(await ask(port, ['GET /livez HTTP/1.1', local])).toMatch(/^HTTP\/1\.1 200 /)

describe('access', () => {
  test('a program on this machine sees the status, and may ask it to quit', async () => {
    expect(await ask(port, ['GET /status HTTP/1.1', local])).toContain('secret-fact')
    expect(await ask(port, ['GET /status HTTP/1.1', 'Host: [::1]:9380'], '::1')).toContain('secret-fact')
    expect(await ask(port, ['POST /quitquitquit HTTP/1.1', local])).toMatch(/^HTTP\/1\.1 202 /)
    expect(quits).toBe(1)
    expect(await ask(port, ['POST /pause HTTP/1.1', local])).toMatch(/^HTTP\/1\.1 200 /)
    expect(pauses).toBe(1)
    expect(await ask(port, ['POST /resume HTTP/1.1', local])).toMatch(/^HTTP\/1\.1 200 /)
    expect(pauses).toBe(0)
  })

  test.skipIf(outside === undefined)('beyond loopback there are only probes and metrics', async () => {
    for (const path of ['/startup', '/livez', '/readyz']) {
      expect(await ask(port, [`GET ${path} HTTP/1.1`, 'Host: pod'], outside)).toMatch(/^HTTP\/1\.1 200 /)
    }
    for (const head of [
      'GET /status',
      'HEAD /status',
      'POST /quitquitquit',
      'POST /pause',
      'POST /resume',
      'GET http://localhost/status',
    ]) {
      expect(await ask(port, [`${head} HTTP/1.1`, local], outside)).toMatch(/^HTTP\/1\.1 403 /)
    }
    expect([quits, pauses]).toEqual([0, 0])
  })

  test.each([
    ['a foreign host', ['Host: evil.example']],
    ['two hosts', ['Host: localhost', 'Host: evil.example']],
    ['a page of another site', [local, 'Origin: https://evil.example']],
    ['a form of another site', [local, 'Sec-Fetch-Site: cross-site']],
    ['a sandboxed page', [local, 'Origin: null']],
  ])('%s changes nothing', async (_who, headers) => {
    for (const path of ['/quitquitquit', '/pause', '/resume']) {
      expect(await ask(port, [`POST ${path} HTTP/1.1`, ...headers])).toMatch(/^HTTP\/1\.1 40[03] /)
    }
    expect([quits, pauses]).toEqual([0, 0])
  })

  test('without a host it is told nothing but probes', async () => {
    expect(await ask(port, ['GET /status HTTP/1.0'])).toMatch(/^HTTP\/1\.1 403 /)
    expect(await ask(port, ['GET /status HTTP/1.1'])).toMatch(/^HTTP\/1\.1 400 /)
    expect(await ask(port, ['GET /livez HTTP/1.0'])).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('requests', () => {
  test.each([
    ['POST /livez', 405, 'GET, HEAD'],
    ['DELETE /metrics', 405, 'GET, HEAD'],
    ['OPTIONS /quitquitquit', 405, 'POST'],
    ['GET /quitquitquit', 405, 'POST'],
    ['PROPFIND /status', 405, 'GET, HEAD'],
    ['GET /', 404, ''],
    ['GET /livez/', 404, ''],
    ['GET /../../etc/passwd', 404, ''],
    ['GET /%2e%2e/%00', 404, ''],
    ['GET /%zz', 404, ''],
    ['GET //livez', 404, ''],
    ['OPTIONS *', 404, ''],
    ['GET http://[', 404, ''],
    ['GET /livez?a=%zz&b', 200, ''],
    ['GET /pause', 405, 'POST'],
    ['POST /pause?millisecond=1', 400, ''],
    ['POST /pause?holds=reads', 400, ''],
    ['POST /pause?%zz&holds=all', 400, ''],
  ])('%s is answered with %i', async (line, status, allow) => {
    const answer = await ask(port, [`${line} HTTP/1.1`, local])
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(/^allow: (.*)\r$/m.exec(answer)?.[1] ?? '').toBe(allow)
    await isAlive()
  })

  test.each([
    ['no HTTP at all', '*1\r\n$4\r\nPING\r\n'],
    ['a line that is too long', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`],
    ['a header that is too long', `GET /livez HTTP/1.1\r\nHost: localhost\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`],
    ['too many headers', `GET /livez HTTP/1.1\r\nHost: localhost\r\n${'A: b\r\n'.repeat(5000)}\r\n`],
    ['a method that is none', 'FETCH /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['two lengths', 'POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na'],
    [
      'a length and chunks',
      'POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['a tunnel', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    ['another version', 'GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n'],
    ['zeros', '\0'.repeat(100)],
  ])('%s ends the connection, with an error or none', async (_what, bytes) => {
    const { socket, end } = await openHttp(port)
    socket.write(bytes)
    expect(await end).toMatch(/^(HTTP\/1\.1 4\d\d [\s\S]*)?$/)
    await isAlive()
  })

  test('an answer that fails is an error for the one who asked, and for nobody else', async () => {
    isBroken = true
    expect(await ask(port, ['GET /status HTTP/1.1', local])).toMatch(/^HTTP\/1\.1 500 /)
    await isAlive()
  })

  test('another protocol is not spoken: the request is answered as it is', async () => {
    expect(await ask(port, ['GET /livez HTTP/1.1', local, 'Upgrade: h2c'])).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a body is not waited for, and ends the connection', async () => {
    for (const more of [
      ['Content-Length: 1000000000'],
      ['Transfer-Encoding: chunked'],
      ['Content-Length: 5', 'Expect: 100-continue'],
    ]) {
      const { socket, end } = await openHttp(port)
      const startedAt = performance.now()
      socket.write(['POST /quitquitquit HTTP/1.1', local, ...more, '', 'ab'].join('\r\n'))
      expect(await end).toMatch(/^HTTP\/1\.1 202 /)
      expect(performance.now() - startedAt).toBeLessThan(2000)
    }
    expect(quits).toBe(3)
  })

  test('whoever sends a request slowly, or nothing, is cut off', async () => {
    const silent = await openHttp(port)
    const slow = await openHttp(port)
    const timer = setInterval(() => slow.socket.write('A: b\r\n'), 200)
    slow.socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n')
    await isAlive()
    await Promise.all([silent.end, slow.end])
    clearInterval(timer)
    await isAlive()
  }, 20_000)

  test('one connection gets a hundred answers, in order', async () => {
    const pair = `GET /livez HTTP/1.1\r\n${local}\r\n\r\nGET /nope HTTP/1.1\r\n${local}\r\n\r\n`
    const exact = await openHttp(port)
    exact.socket.write(pair.repeat(50))
    const answers = (await exact.end).match(/HTTP\/1\.1 \d+/g)!
    expect(answers.join()).toBe(Array(50).fill('HTTP/1.1 200,HTTP/1.1 404').join())
    const greedy = await openHttp(port)
    greedy.socket.write(pair.repeat(20_000))
    expect((await greedy.end).match(/HTTP/g)?.length ?? 0).toBeLessThanOrEqual(100)
  })
})

describe('connections', () => {
  test('thousands of them do not keep a probe out', async () => {
    const crowd: RawHttp[] = []
    for (let count = 0; count < 2000; count++) crowd.push(await openHttp(port))
    await isAlive()
    await Promise.all(crowd.slice(0, 1900).map(({ end }) => end))
    await isAlive()
    for (const { socket } of crowd) socket.destroy()
  })

  test('an answer under way is given before it closes, and nobody can delay that for long', async () => {
    const lingering = await openHttp(port)
    lingering.socket.write('GET /livez HTTP/1.1\r\n')
    const startedAt = performance.now()
    await server.close()
    expect(performance.now() - startedAt).toBeLessThan(2000)
    await lingering.end
    server = await AdminServer.start(
      { host: '127.0.0.1', port: 0 },
      {
        health: { startup: well, readiness: well },
        status: () => ({}),
        metrics: async () => [],
        pause,
        quit: undefined,
      },
      log,
    )
  })
})
