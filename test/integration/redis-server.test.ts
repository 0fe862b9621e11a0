// The helper that starts real servers: they serve, stop, pause, come back, and never outlive their starter.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { connect } from '../support/raw-client.ts'
import { describeOnEachServer, freePort, type RedisServer, startRedis } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'

let server: RedisServer | undefined

afterEach(async () => {
  await server?.stop()
  server = undefined
})

async function ask(port: number, ...command: string[]): Promise<string> {
  const client = await connect(port)
  try {
    return await client.ask(...command)
  } finally {
    await client.close()
  }
}

describeOnEachServer('a server for tests', (kind) => {
  test('serves at once, as the kind asked for, and saves nothing', async () => {
    server = await startRedis({ kind, arguments: ['--maxclients', '77'] })
    expect(await ask(server.port, 'PING')).toBe('+PONG\r\n')
    expect(await ask(server.port, 'INFO', 'server')).toContain(`${kind}_version`)
    expect(await ask(server.port, 'INFO', 'server')).toContain(`process_id:${server.pid}\r\n`)
    expect(await ask(server.port, 'CONFIG', 'GET', 'maxclients')).toContain('77')
    expect(await ask(server.port, 'CONFIG', 'GET', 'save')).toBe('*2\r\n$4\r\nsave\r\n$0\r\n\r\n')
    expect(await ask(server.port, 'DEBUG', 'SLEEP', '0')).toBe('+OK\r\n')
    expect(server.url).toBe(`redis://${server.addr}`)
  })

  test('restart keeps the address, and what was saved unless told otherwise', async () => {
    server = await startRedis({ kind })
    const { port, pid } = server
    expect(await ask(port, 'SET', 'k', 'v')).toBe('+OK\r\n')
    expect(await ask(port, 'SAVE')).toBe('+OK\r\n')
    await server.restart()
    expect(server.port).toBe(port)
    expect(server.pid).not.toBe(pid)
    expect(await ask(port, 'GET', 'k')).toBe('$1\r\nv\r\n')
    await server.restart({ empty: true })
    expect(await ask(port, 'GET', 'k')).toBe('$-1\r\n')
  })

  test('a paused server does not answer until it is resumed, and can still be stopped', async () => {
    server = await startRedis({ kind })
    const client = await connect(server.port, 200)
    server.pause()
    await expect(client.ask('PING')).rejects.toThrow('waited 200 ms for a reply')
    server.resume()
    expect((await client.readReply()).toString()).toBe('+PONG\r\n')
    server.pause()
    await server.stop()
    expect(server.isRunning).toBe(false)
    await client.close()
  })

  test('a killed server is gone when kill returns', async () => {
    server = await startRedis({ kind })
    await server.kill()
    expect(server.isRunning).toBe(false)
    await expect(connect(server.port)).rejects.toThrow('ECONNREFUSED')
    await server.kill()
  })

  test('a port that is taken is an error with the log of the server', async () => {
    const squatter = createServer().listen(await freePort(), '127.0.0.1')
    await once(squatter, 'listening')
    const { port } = squatter.address() as { port: number }
    await expect(startRedis({ kind, port })).rejects.toThrow(/did not start on 127\.0\.0\.1:\d+: [\s\S]*in use/)
    squatter.close()
  })

  test('a server and its directory end with a starter that is killed', async () => {
    const helper = fileURLToPath(new URL('../../scripts/keeper.mjs', import.meta.url))
    const launcher = fileURLToPath(new URL('../../scripts/local-server.mjs', import.meta.url))
    const servers = fileURLToPath(new URL('../../scripts/servers.mjs', import.meta.url))
    const program = `
      import { startKeeper } from ${JSON.stringify(helper)}
      import { launchServerOnFreePort } from ${JSON.stringify(launcher)}
      import { findServer } from ${JSON.stringify(servers)}
      const keeper = startKeeper('rusteze-orphan')
      const { directory } = keeper
      const { port } = await launchServerOnFreePort({ binary: findServer('${kind}'), host: '127.0.0.1', directory, keeper })
      console.log(JSON.stringify({ port, directory }))
    `
    const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(starter.stdout.setEncoding('utf8'), 'data')
    const { port, directory } = JSON.parse(line)
    expect(await ask(port, 'PING')).toBe('+PONG\r\n')
    starter.kill('SIGKILL')
    await waitUntil(() => !existsSync(directory), { what: 'the directory is gone' })
    // A process that was killed is there until it has been scheduled once more.
    const isRefused = async () => {
      const client = await connect(port).catch((error: unknown) => String(error))
      if (typeof client === 'string') return client.includes('ECONNREFUSED')
      await client.close()
      return false
    }
    await waitUntil(isRefused, { what: 'nobody listens there any more' })
  })
})
