// redis-cli and redis-benchmark, which come with the server, as people use them.

import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { startProgram } from '../support/child-program.ts'
import { encodeCommand } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { setStage } from '../support/stage.ts'

const areHere = ['redis-cli', 'redis-benchmark'].every((name) => spawnSync(name, ['--version']).status === 0)

describe.skipIf(!areHere)('redis-cli and redis-benchmark in PATH', () => {
  describeOnEachServer('redis-cli', (kind) => {
    const stage = setStage(kind, { serverArguments: ['--user', 'app', 'on', '>app-pw', '~*', '&*', '+@all'] })

    async function cli(args: string[], input: string | Buffer = ''): Promise<string> {
      const child = spawn('redis-cli', ['-p', String(stage.proxy.port), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
      child.stdin.end(input)
      const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
      return said + complained
    }

    test('commands from the arguments and from a pipe', async () => {
      expect(await cli(['SET', 'k', 'v'])).toBe('OK\n')
      expect(await cli(['-n', '3', 'GET', 'k'])).toBe('\n')
      const session = 'SELECT 2\nSET in two\nMULTI\nINCR n\nGET in\nEXEC\nSUBSCRIBE\nGET in\n'
      const lines = (await cli([], session)).trim().split('\n')
      expect(lines.slice(0, 7)).toEqual(['OK', 'OK', 'OK', 'QUEUED', 'QUEUED', '1', 'two'])
      expect(lines.at(-1)).toBe('two')
    })

    test('RESP3, a user and a password', async () => {
      await cli(['HSET', 'h', 'f', 'v'])
      expect(await cli(['-3', '--no-raw', 'HGETALL', 'h'])).toBe('1# "f" => "v"\n')
      expect(await cli(['--user', 'app', '--pass', 'app-pw', '--no-auth-warning', 'ACL', 'WHOAMI'])).toBe('app\n')
      expect(await cli(['--user', 'app', '--pass', 'wrong', '--no-auth-warning', 'PING'])).toContain('WRONGPASS')
    })

    test('--pipe, --scan and --bigkeys', async () => {
      const count = 20_000
      const commands = Array.from({ length: count }, (_, index) => encodeCommand(['SET', `mass:${index}`, `${index}`]))
      expect(await cli(['--pipe'], Buffer.concat(commands))).toContain(`errors: 0, replies: ${count}`)
      const keys = await cli(['--scan', '--pattern', 'mass:*'])
      expect(new Set(keys.trim().split('\n')).size).toBe(count)
      expect(await cli(['--bigkeys'])).toContain('Biggest string found')
    })

    test('SUBSCRIBE and MONITOR until Ctrl-C', async () => {
      const port = String(stage.proxy.port)
      const subscriber = startProgram('redis-cli', ['-p', port, 'SUBSCRIBE', 'news'])
      const monitor = startProgram('redis-cli', ['-p', port, 'MONITOR'])
      try {
        await subscriber.says(/subscribe\nnews\n1/)
        await monitor.says(/OK/)
        expect(await cli(['PUBLISH', 'news', 'hello'])).toBe('1\n')
        await subscriber.says(/message\nnews\nhello/)
        await monitor.says(/"PUBLISH" "news" "hello"/)
        for (const { pid } of [subscriber, monitor]) process.kill(pid, 'SIGINT')
        await Promise.all([subscriber.exit, monitor.exit])
      } finally {
        await Promise.all([subscriber.end(), monitor.end()])
      }
    })

    test('redis-benchmark: every test of it, pipelined, without an error', async () => {
      const options = ['-p', String(stage.proxy.port), '-n', '1000', '-c', '50', '-P', '16', '-r', '1000', '--csv']
      const child = spawn('redis-benchmark', options, { stdio: ['ignore', 'pipe', 'pipe'] })
      const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
      expect(complained).toBe('')
      const names = said
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split('"')[1])
      expect(names).toEqual(expect.arrayContaining(['SET', 'GET', 'INCR', 'LPUSH', 'SPOP', 'MSET (10 keys)']))
      expect(said).not.toMatch(/Error/)
    })
  })
})
