// The PROXY command, as redis-cli and clients see it: forms, rights, places where it may not stand.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { RawClient } from '../support/raw-client.ts'
import { availableServers } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'

const ok = '+OK\r\n'
const [kind] = availableServers()
const directory = mkdtempSync(join(tmpdir(), 'proxy-command-'))
const passwordFile = join(directory, 'password')
writeFileSync(passwordFile, 'secret-word')
afterAll(() => rmSync(directory, { recursive: true }))

/** The lines of a bulk or verbatim reply, and what it is. */
function linesOf(reply: string): { head: string; lines: string[] } {
  const [first = '', ...rest] = reply.split('\r\n')
  const text = rest.join('\r\n').replace(/^txt:/, '')
  return { head: first[0]!, lines: text.split(/\r?\n/).filter((line) => line !== '') }
}

function fieldsOf(line: string): Record<string, string> {
  return Object.fromEntries(
    [...line.matchAll(/([\w-]+)=("(?:[^"\\]|\\.)*"|\S*)/g)].map(([, key, value]) => [key, value]),
  )
}

async function linesFor(client: RawClient, ...words: string[]): Promise<Record<string, string>[]> {
  return linesOf(await client.ask('PROXY', ...words)).lines.map(fieldsOf)
}

describe('PROXY', () => {
  const stage = setStage(kind!, { environment: { RUSTEZE_SLOW: '1ms' } })

  test('HELP is a list of lines, in both protocols', async () => {
    const client = await stage.client()
    const reply = await client.ask('PROXY', 'HELP')
    expect(reply).toMatch(/^\*19\r\n\+PROXY <subcommand> .*\r\n(\+.*\r\n){18}$/)
    for (const name of ['BACKENDS', 'CLIENTS', 'HELP', 'INFO', 'PAUSE', 'PINS', 'POOLS', 'RESUME', 'SLOWLOG'])
      expect(reply).toMatch(new RegExp(`^\\+${name}( .*)?\\r$`, 'm'))
    await client.ask('HELLO', '3')
    expect(await client.ask('proxy', 'help')).toBe(reply)
  })

  test.each(['INFO', 'CLIENTS', 'BACKENDS', 'POOLS', 'PINS'])('%s is a bulk text, verbatim in RESP3', async (name) => {
    const client = await stage.client()
    expect(await client.ask('PROXY', name)).toMatch(/^\$\d+\r\n[ -~\r\n]*$/)
    await client.ask('HELLO', '3')
    expect(await client.ask('PROXY', name)).toMatch(/^=\d+\r\ntxt:[ -~\r\n]*$/)
    expect(await client.ask('PING')).toBe('+PONG\r\n')
  })

  test('INFO has sections as in Redis, one of them or all', async () => {
    const client = await stage.client()
    const { lines } = linesOf(await client.ask('PROXY', 'INFO'))
    expect(lines.filter((line) => line.startsWith('#'))).toEqual(
      ['Server', 'Clients', 'Hold', 'Pause', 'Primary', 'Discovery', 'Outcomes'].map((name) => `# ${name}`),
    )
    for (const line of lines) expect(line).toMatch(/^(# [A-Z]\w+|[a-z0-9_|-]+:.*)$/)
    expect(lines).toContain('connected_clients:1')
    expect(lines).toContain(`shard0_primary:${stage.server.addr}`)
    expect(lines).toContain('discovery_source:static')
    const { lines: some } = linesOf(await client.ask('PROXY', 'INFO', 'pause', 'HOLD', 'nothing'))
    expect(some).toEqual(['# Hold', 'held_commands:0', 'held_bytes:0', 'oldest_held_ms:0', '# Pause', 'paused:0'])
    expect(await client.ask('PROXY', 'INFO', 'nothing')).toBe('$0\r\n\r\n')
  })

  test('CLIENTS tells what each waits for, and why it is pinned; PINS, POOLS and BACKENDS the other side', async () => {
    const [operator, blocked, steps, listener, writer] = await Promise.all([1, 2, 3, 4, 5].map(() => stage.client()))
    await operator!.ask('CLIENT', 'SETNAME', 'operator')
    blocked!.send(['BLPOP', 'a-private-key', '0'])
    await stage.blockedClients(1)
    await converse(steps!, ['MULTI'], ['SET', 'a-private-key', 'a-private-value'])
    await listener!.ask('SUBSCRIBE', 'a-private-channel')
    expect(await operator!.ask('PROXY', 'PAUSE', '5000')).toBe(':0\r\n')
    const written = writer!.ask('SET', 'a-private-key', 'a-private-value')
    const clients = await linesFor(operator!, 'CLIENTS')
    expect(clients.map(({ pinned }) => pinned).toSorted()).toEqual([
      'blocking',
      'no',
      'no',
      'subscription',
      'transaction',
    ])
    expect(clients.find(({ name }) => name === 'operator')).toMatchObject({
      cmd: 'proxy|clients',
      held: '0',
      unread: '0',
    })
    expect(clients.filter(({ held }) => held === '1')).toHaveLength(2)
    const pins = await linesFor(operator!, 'PINS')
    expect(pins.map(({ needed }) => needed).toSorted()).toEqual(['blocking', 'subscription', 'transaction'])
    const pools = await linesFor(operator!, 'POOLS')
    expect(pools).toContainEqual(
      expect.objectContaining({ address: stage.server.addr, user: 'default', resp: '2', db: '0', pinned: '3' }),
    )
    const backends = await linesFor(operator!, 'BACKENDS')
    expect(backends).toEqual([
      expect.objectContaining({ address: stage.server.addr, role: 'master', primary: 'yes', says: 'master' }),
    ])
    for (const name of ['INFO', 'CLIENTS', 'PINS', 'POOLS', 'BACKENDS', 'SLOWLOG'])
      expect(await operator!.ask('PROXY', name)).not.toMatch(/private/)
    expect(await operator!.ask('PROXY', 'RESUME')).toBe(ok)
    expect(await written).toBe(ok)
  })

  test('SLOWLOG has the form of Redis’s, with the shares of proxy and server and no arguments', async () => {
    const client = await stage.client()
    expect(await client.ask('PROXY', 'SLOWLOG', 'RESET')).toBe(ok)
    expect(await client.ask('PROXY', 'SLOWLOG', 'LEN')).toBe(':0\r\n')
    expect(await client.ask('PROXY', 'SLOWLOG')).toBe('*0\r\n')
    const busy = 'local i = 0 while i < 3000000 do i = i + 1 end return i'
    for (let round = 0; round < 11; round++) await client.ask('EVAL', busy, '1', 'a-private-key')
    expect(await client.ask('PROXY', 'SLOWLOG', 'LEN')).toBe(':11\r\n')
    const reply = await client.ask('PROXY', 'SLOWLOG')
    expect(reply).toMatch(
      /^\*10\r\n\*10\r\n:\d+\r\n:\d{10}\r\n:\d{4,}\r\n\*1\r\n\$4\r\neval\r\n\$\d+\r\nid=\d+\r\n\$\d+\r\n127/,
    )
    expect(reply).not.toMatch(/private|local/)
    expect(await client.ask('PROXY', 'SLOWLOG', '-1')).toMatch(/^\*11\r\n/)
    expect(await client.ask('PROXY', 'SLOWLOG', '1')).toMatch(/^\*1\r\n\*10\r\n/)
    expect(await client.ask('PROXY', 'SLOWLOG', '0')).toBe('*0\r\n')
    expect(await client.ask('PROXY', 'SLOWLOG', 'x')).toMatch(/^-ERR /)
  })

  test.each([
    [[], "-ERR wrong number of arguments for 'proxy' command\r\n"],
    [['NOTHING'], "-ERR unknown subcommand 'NOTHING'. Try PROXY HELP.\r\n"],
    [['a\r\nb'.repeat(100)], /^-ERR unknown subcommand '(a {2}b){32}'\. Try PROXY HELP\.\r\n$/],
    [['constructor'], /unknown subcommand/],
    [['HELP', 'x'], "-ERR wrong number of arguments for 'proxy|help' command\r\n"],
    [['PAUSE', '1', 'ALL', 'x'], "-ERR wrong number of arguments for 'proxy|pause' command\r\n"],
    [['RESUME', 'x'], "-ERR wrong number of arguments for 'proxy|resume' command\r\n"],
    [['SLOWLOG', '1', '2'], "-ERR wrong number of arguments for 'proxy|slowlog' command\r\n"],
  ])('%j is an error as Redis words it', async (words, expected) => {
    expect(await (await stage.client()).ask('PROXY', ...words)).toMatch(expected)
  })

  test('in a transaction it is an error, and the transaction is aborted', async () => {
    const client = await stage.client()
    const refused = /^-ERR rusteze: PROXY is no command of the server/
    const [begun, queued, own, ended, after] = await converse(
      client,
      ...[['MULTI'], ['SET', 'a', '1'], ['PROXY', 'INFO'], ['EXEC'], ['GET', 'a']],
    )
    expect([begun, queued]).toEqual([ok, '+QUEUED\r\n'])
    expect(own).toMatch(refused)
    expect(ended).toBe('-EXECABORT Transaction discarded because of previous errors.\r\n')
    expect(after).toBe('$-1\r\n')
    const whole = await pipeline(
      client,
      ['MULTI'],
      ['SET', 'a', '1'],
      ['PROXY', 'PAUSE'],
      ['EXEC'],
      ['GET', 'a'],
      ['PROXY', 'RESUME'],
    )
    expect(whole[2]).toMatch(refused)
    expect(whole.slice(3)).toEqual([ended, '$-1\r\n', ok])
    expect(stage.proxy.app.status().pause).toBeNull()
  })

  test('its place in a pipeline is kept', async () => {
    const client = await stage.client()
    const replies = await pipeline(
      client,
      ['SET', 'p', '1'],
      ['PROXY', 'SLOWLOG', 'LEN'],
      ['INCR', 'p'],
      ['PROXY', 'PINS'],
      ['GET', 'p'],
    )
    expect([replies[0], replies[2], replies[4]]).toEqual([ok, ':2\r\n', '$1\r\n2\r\n'])
    expect(replies[1]).toMatch(/^:\d+/)
    expect(replies[3]).toBe('$0\r\n\r\n')
  })

  test('a RESP2 subscriber may not, a RESP3 one may', async () => {
    const [two, three] = await Promise.all([stage.client(), stage.client()])
    await two.ask('SUBSCRIBE', 'c')
    expect(await two.ask('PROXY', 'HELP')).toMatch(/^-ERR Can't execute 'proxy'/)
    await three.ask('HELLO', '3')
    await three.ask('SUBSCRIBE', 'c')
    expect(await three.ask('PROXY', 'HELP')).toMatch(/^\*19/)
  })

  test.skipIf(spawnSync('redis-cli', ['--version']).status !== 0)(
    'redis-cli shows it as it shows Redis’s own',
    async () => {
      const cli = (...words: string[]) =>
        import('node:child_process').then(
          ({ execFile }) =>
            new Promise<string>((resolve, reject) =>
              execFile('redis-cli', ['-p', String(stage.proxy.port), 'PROXY', ...words], (error, text) =>
                error ? reject(error) : resolve(text),
              ),
            ),
        )
      expect(await cli('PAUSE', '5000')).toBe('0\n')
      expect(await cli('INFO', 'pause')).toMatch(/^# Pause\r?\npaused:1\r?\npaused_commands:writes/)
      expect(await cli('RESUME')).toBe('OK\n')
      expect(await cli('BACKENDS')).toMatch(/^address=127\.0\.0\.1:\d+ role=master primary=yes/)
      expect(await cli('HELP')).toMatch(/^PROXY <subcommand>/)
    },
  )
})

describe('who may not', () => {
  const stage = setStage(kind!, {
    environment: { RUSTEZE_DENY: 'proxy|pause proxy|clients', RUSTEZE_CLIENT_PASSWORD_FILE: passwordFile },
  })

  test('a client that has not given the proxy’s password, and what RUSTEZE_DENY names', async () => {
    const client = await stage.client()
    for (const name of ['INFO', 'PAUSE', 'HELP', 'NOTHING'])
      expect(await client.ask('PROXY', name)).toBe('-NOAUTH Authentication required.\r\n')
    expect(await client.ask('AUTH', 'secret-word')).toBe(ok)
    expect(await client.ask('PROXY', 'PAUSE')).toBe(
      "-ERR rusteze: 'proxy|pause' is refused; RUSTEZE_DENY lists what is\r\n",
    )
    expect(await client.ask('PROXY', 'clients')).toMatch(/'proxy\|clients' is refused/)
    expect(await client.ask('PROXY', 'RESUME')).toBe(ok)
    expect(await client.ask('PROXY', 'INFO')).not.toMatch(/secret-word/)
  })
})

describe('who has no password for the server', () => {
  const stage = setStage(kind!, {
    serverArguments: ['--requirepass', 'secret-word'],
    environment: { RUSTEZE_DENY: 'none' },
  })

  test('is told so, as by the server', async () => {
    const client = await stage.client()
    await stage.proxy.logs(/serving/)
    expect(await client.ask('PROXY', 'INFO')).toBe('-NOAUTH Authentication required.\r\n')
    expect(await client.ask('AUTH', 'secret-word')).toBe(ok)
    expect(await client.ask('PROXY', 'INFO')).toMatch(/^\$/)
    expect(await client.ask('PROXY', 'POOLS')).not.toMatch(/secret-word/)
  })
})

describe('RUSTEZE_DENY=proxy', () => {
  const stage = setStage(kind!, { environment: { RUSTEZE_DENY: 'proxy' } })

  test('refuses all of it', async () => {
    const client = await stage.client()
    for (const name of ['INFO', 'RESUME'])
      expect(await client.ask('PROXY', name)).toBe("-ERR rusteze: 'proxy' is refused; RUSTEZE_DENY lists what is\r\n")
  })
})
