// With nothing refused: a replica's own commands pass as they are, and DEBUG touches nobody later.

import { expect, test } from 'vitest'
import { describeOnEachServer } from '../support/redis-server.ts'
import { setStage } from '../support/stage.ts'

const ok = '+OK\r\n'

describeOnEachServer('RUSTEZE_DENY=none', (kind) => {
  const stage = setStage(kind, {
    environment: { RUSTEZE_DENY: 'none', RUSTEZE_OUTPUT_SOFT: '48mb' },
    serverArguments: ['--enable-debug-command', 'yes'],
  })

  test('an RDB file arrives whole although the server hangs up before the client has read it', async () => {
    const client = await stage.client()
    // More than sockets buffer.
    const value = 'x'.repeat(24 << 20)
    expect(await client.ask('SET', 'big', value)).toBe(ok)
    expect(await client.ask('CONFIG', 'SET', 'rdbcompression', 'no', 'repl-diskless-sync', 'no')).toBe(ok)
    expect(await client.ask('REPLCONF', 'rdb-only', '1')).toBe(ok)
    client.socket.pause()
    client.send(['SYNC'])
    await stage.serverSays(/sync_full:1\r/, 'INFO', 'stats')
    await stage.serverSays(/connected_slaves:0\r/, 'INFO', 'replication')
    client.socket.resume()
    const bytes = await client.readUntilClose()
    const [line, length] = /^\s*\$(\d+)\r\n/.exec(bytes.latin1Slice(0, 100)) ?? []
    expect(bytes.length).toBe((line?.length ?? 0) + Number(length))
    expect(bytes.length).toBeGreaterThan(value.length)
  })

  test('DEBUG is not repeated on a new connection', async () => {
    const [client, direct] = await Promise.all([stage.client(), stage.direct()])
    expect(await client.ask('DEBUG', 'SLEEP', '0')).toBe(ok)
    expect(await direct.ask('CLIENT', 'KILL', 'TYPE', 'normal')).toMatch(/^:[1-9]/)
    expect(await client.ask('PING')).toBe('+PONG\r\n')
    expect(await client.ask('WATCH', 'x')).toBe(ok)
    expect(await direct.ask('INFO', 'commandstats')).toMatch(/cmdstat_debug:calls=1,/)
  })
})
