// rusteze doctor and servers: one fault at a time, each with its line.

import { createServer } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { ensureBuild } from '../../scripts/toolchain.mjs'
import { doctor, expectOnly, PASSWORD, setSurgery } from '../support/doctor.ts'
import { connect } from '../support/raw-client.ts'
import { availableServers, freePort, type RedisServer } from '../support/redis-server.ts'
import { Sentinels } from '../support/sentinels.ts'
import { waitUntil } from '../support/wait-until.ts'

const { keep, server, file } = setSurgery()

beforeAll(() => ensureBuild())

async function pair(): Promise<readonly [RedisServer, RedisServer]> {
  const primary = await server('--repl-diskless-sync-delay', '0', '--min-replicas-to-write', '1')
  const replica = await server('--replicaof', primary.host, String(primary.port))
  const client = await connect(replica.port)
  await waitUntil(async () => (await client.ask('INFO', 'replication')).includes('master_link_status:up'), {
    what: 'the replica follows',
    timeoutMs: 20_000,
  })
  await client.close()
  return [primary, replica]
}

describe('servers', () => {
  test('a primary and its replica: which is which, and why', async () => {
    const [primary, replica] = await pair()
    const { code, lines, output } = await doctor({ RUSTEZE_BACKENDS: `${replica.addr},${primary.addr}` })
    expect(output).toContain(`, replica of ${primary.addr}, no password is set`)
    expect(output).toContain(', master of 1 replica, no password is set')
    expect(lines).toContain(`ok       primary: ${primary.addr}: the only master`)
    expect([code, lines.at(-1)]).toEqual([0, '7 ok, 0 warnings, 0 failed'])
  })

  test('a replica only: its primary has to be named', async () => {
    const [primary, replica] = await pair()
    const { code, lines } = await doctor({ RUSTEZE_BACKENDS: replica.addr })
    expect(lines).toContainEqual(
      expect.stringMatching(
        `^failed +primary: none: .*Name the primary as well: the replicas follow ${primary.addr}\\.`,
      ),
    )
    expect(code).toBe(1)
  })

  test('a replica whose primary is gone', async () => {
    const [primary, replica] = await pair()
    await primary.stop()
    const { code, output } = await doctor({ RUSTEZE_BACKENDS: `${replica.addr},${primary.addr}` })
    expect(output).toMatch(
      new RegExp(`warning  ${replica.addr}: .*its link to ${primary.addr} is down. Look at masterauth`),
    )
    expect(output).toMatch(new RegExp(`failed   ${primary.addr}: it refuses connections \\(ECONNREFUSED\\)`))
    expect(output).toMatch(/failed +primary: none: no server says that it is a loaded master. Promote a replica/)
    expect(code).toBe(1)
  })

  test('two masters that nothing tells apart', async () => {
    const servers = [await server(), await server()]
    for (const { port } of servers) {
      const client = await connect(port)
      await client.ask('SET', 'k', 'v')
      await client.close()
    }
    const names = servers.map(({ addr }) => addr).join()
    await expectOnly(/^failed +primary: none: several masters, and nothing tells them apart: .*Make all but one/, {
      RUSTEZE_BACKENDS: names,
    })
  })

  test('a Sentinel in the place of a server, and Sentinels that tell', async () => {
    const [kind] = availableServers()
    const [primary, replica] = await pair()
    const sentinels = new Sentinels()
    keep({ stop: () => sentinels.stop() })
    await sentinels.start(
      kind!,
      ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
      [`sentinel monitor shop ${primary.host} ${primary.port} 2`],
    )
    await expectOnly(/it is a Sentinel, which holds no data. Name the servers/, {
      RUSTEZE_BACKENDS: sentinels.addresses[0]!,
    })
    const environment = {
      RUSTEZE_BACKENDS: `${primary.addr},${replica.addr}`,
      RUSTEZE_SENTINELS: sentinels.addresses.join(),
    }
    const { output } = await doctor(environment)
    expect(output).toContain(`ok       Sentinel: 3 Sentinels of 3 tell, most name ${primary.addr}`)
    await expectOnly(/failed +Sentinel: none of them watches mymaster. Set RUSTEZE_SENTINEL_MASTER to one of shop/, {
      ...environment,
      RUSTEZE_SENTINEL_MASTER: 'mymaster',
    })
  })

  test('a port where nobody listens, one that is silent, a name that is none', async () => {
    const port = await freePort()
    await expectOnly(
      new RegExp(`^failed +127.0.0.1:${port}: it refuses connections \\(ECONNREFUSED\\). Look whether`),
      {
        RUSTEZE_BACKENDS: `127.0.0.1:${port}`,
      },
    )
    const stopped = await server()
    stopped.pause()
    await expectOnly(/no answer within 0\.3 s\. Look at its log/, {
      RUSTEZE_BACKENDS: stopped.addr,
      RUSTEZE_REPLY_TIMEOUT: '300ms',
    })
    await expectOnly(/its name (does not resolve|cannot be resolved now)/, { RUSTEZE_BACKENDS: 'redis.invalid' })
    await expectOnly(/there is no such socket \(ENOENT\)/, { RUSTEZE_BACKENDS: 'unix:/nowhere/redis.sock' })
  })

  test('something that is no Redis', async () => {
    const other = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    keep({ stop: () => void other.close() })
    const { port } = other.address() as { port: number }
    await expectOnly(/^failed .*Look whether it is a Redis server/, { RUSTEZE_BACKENDS: `127.0.0.1:${port}` })
  })

  test('settings of the server that are in the way', async () => {
    const odd = await server('--min-replicas-to-write', '1', '--timeout', '10', '--proto-max-bulk-len', '1mb')
    const { output, code } = await doctor({ RUSTEZE_BACKENDS: odd.addr })
    expect(output).toMatch(/^failed .*min-replicas-to-write is 1, and it has 0 replicas: it refuses writes/m)
    expect(output).toMatch(/^warning .*idle for 10 s, before RUSTEZE_BACKEND_PING \(15 s\)/m)
    expect(output).toMatch(/^warning .*proto-max-bulk-len is 1048576 bytes/m)
    expect(code).toBe(1)
    const full = await server('--maxclients', '1')
    await expectOnly(/1 of at most 1 clients are connected/, { RUSTEZE_BACKENDS: full.addr })
    const lossy = await server()
    const replica = await server('--replicaof', lossy.host, String(lossy.port))
    const client = await connect(lossy.port)
    await waitUntil(async () => (await client.ask('INFO', 'replication')).includes('state=online'), {
      what: 'the replica follows',
      timeoutMs: 20_000,
    })
    await client.close()
    expect((await doctor({ RUSTEZE_BACKENDS: `${lossy.addr},${replica.addr}` })).output).toMatch(
      /^warning .*min-replicas-to-write is 0: .*Set min-replicas-to-write 1/m,
    )
  })
})

describe('logging in', () => {
  test('a wrong password, and a right one', async () => {
    const locked = await server('--requirepass', PASSWORD)
    const line = await expectOnly(
      /^failed .*refuses the password of the user default \(WRONGPASS\). Look at RUSTEZE_BACKEND_PASSWORD_FILE/,
      {
        RUSTEZE_BACKENDS: locked.addr,
        RUSTEZE_BACKEND_PASSWORD_FILE: file('wrong', 'wrong-secret'),
      },
    )
    expect(line).not.toContain('wrong-secret')
    const right = await doctor({ RUSTEZE_BACKENDS: `redis://:${PASSWORD}@${locked.addr}` })
    expect(right.output).toContain('logged in as default')
    expect(right.code).toBe(0)
  })

  test('no password where one is asked for', async () => {
    const locked = await server('--requirepass', PASSWORD)
    await expectOnly(/^warning .*it asks for a password, and none is set. Set RUSTEZE_BACKEND_PASSWORD_FILE/, {
      RUSTEZE_BACKENDS: locked.addr,
    })
  })

  test('a user without rights that the proxy uses: each is named', async () => {
    const user = ['--user', 'app', 'on', `>${PASSWORD}`, '~*', 'resetchannels', '+@all', '-info', '-ping', '-config']
    const strict = [await server(...user), await server(...user)]
    const { output, code } = await doctor({
      RUSTEZE_BACKENDS: `redis://app:${PASSWORD}@${strict.map(({ addr }) => addr).join()}`,
    })
    expect(output).toMatch(/^warning .*user app may not PING.*ACL SETUSER app \+ping$/m)
    expect(output).toMatch(/^warning .*user app may not ask INFO.*ACL SETUSER app \+info$/m)
    expect(output).toMatch(/^warning .*may not PUBLISH to rusteze:fence: WAIT is refused.*\+publish &rusteze:fence$/m)
    expect(code).toBe(1)
  })

  test('a server that does not know HELLO', async () => {
    const old = await server('--requirepass', PASSWORD, '--rename-command', 'HELLO', '')
    await expectOnly(/^failed .*it does not know HELLO. Use Redis 6.2/, {
      RUSTEZE_BACKENDS: `redis://:${PASSWORD}@${old.addr}`,
    })
  })
})
