// TLS to the server: certificates are checked, shown and re-read, and what is wrong with them is a log line and a wait.

import { copyFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { serverKinds } from '../../scripts/servers.mjs'
import { Certificates, hasOpenssl, speaksTls } from '../support/certificates.ts'
import { connect } from '../support/raw-client.ts'
import { freePort, type RedisServer, startRedis } from '../support/redis-server.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const ok = '+OK\r\n'
let certificates: Certificates

function path(name: string): string {
  return certificates.path(name)
}

describe.skipIf(!hasOpenssl)('TLS to the server', () => {
  beforeAll(() => {
    certificates = new Certificates()
    certificates.authority('authority')
    certificates.authority('stranger')
    certificates.certificate('server', 'authority', 'IP:127.0.0.1,DNS:redis.example')
    certificates.certificate('elsewhere', 'authority', 'DNS:other.example')
    certificates.certificate('client', 'authority', 'DNS:client.example')
  })

  afterAll(() => certificates.remove())

  describe.each(serverKinds.filter(speaksTls).map((kind) => [kind] as const))('%s', (kind) => {
    const running: (RunningProxy | RedisServer)[] = []

    afterEach(async () => {
      for (const each of running.splice(0).reverse()) await each.stop()
    })

    async function startTlsServer(certificate = 'server', ...more: string[]): Promise<number> {
      const port = await freePort()
      const files = { cert: `${certificate}.pem`, key: `${certificate}.key`, 'ca-cert': 'authority.pem' }
      const settings = Object.entries(files).flatMap(([what, name]) => [`--tls-${what}-file`, path(name)])
      const all = ['--tls-port', String(port), '--tls-auth-clients', 'no', ...settings, ...more]
      running.push(await startRedis({ kind, arguments: all }))
      return port
    }

    async function proxyTo(port: number, environment: Record<string, string> = {}): Promise<RunningProxy> {
      const proxy = await startProxy({
        RUSTEZE_BACKENDS: `rediss://127.0.0.1:${port}`,
        RUSTEZE_BACKEND_TLS_CA_FILE: path('authority.pem'),
        ...environment,
      })
      running.push(proxy)
      return proxy
    }

    /** A command waits while the server is not trusted, and its client stays. */
    async function expectHeld(proxy: RunningProxy): Promise<void> {
      const client = await connect(proxy.port)
      expect(await client.ask('GET', 'k')).toMatch(/^-MASTERDOWN /)
      expect(await client.ask('ECHO', 'x')).toMatch(/^-MASTERDOWN /)
      await client.close()
    }

    test('rediss:// and a CA file: small and large values pass', async () => {
      const proxy = await proxyTo(await startTlsServer())
      const client = await connect(proxy.port)
      const large = 'x'.repeat(3_000_000)
      expect(await client.ask('SET', 'k', large)).toBe(ok)
      expect(await client.ask('GET', 'k')).toBe(`$${large.length}\r\n${large}\r\n`)
      expect(await client.ask('MULTI')).toBe(ok)
      expect(await client.ask('STRLEN', 'k')).toBe('+QUEUED\r\n')
      expect(await client.ask('EXEC')).toBe('*1\r\n:3000000\r\n')
      await client.close()
    })

    test('a server that asks for a client certificate gets it', async () => {
      const port = await startTlsServer('server', '--tls-auth-clients', 'yes')
      const without = await proxyTo(port, { RUSTEZE_HOLD: '100ms' })
      await expectHeld(without)
      const proxy = await proxyTo(port, {
        RUSTEZE_BACKEND_TLS_CERT_FILE: path('client.pem'),
        RUSTEZE_BACKEND_TLS_KEY_FILE: path('client.key'),
      })
      const client = await connect(proxy.port)
      expect(await client.ask('SET', 'k', 'v')).toBe(ok)
      await client.close()
    })

    test('an authority that did not sign: one log line with the reason, commands wait', async () => {
      const port = await startTlsServer()
      const proxy = await proxyTo(port, {
        RUSTEZE_BACKEND_TLS_CA_FILE: path('stranger.pem'),
        RUSTEZE_HOLD: '300ms',
      })
      await expectHeld(proxy)
      await proxy.logs(/no primary/)
      const lines = proxy.logLines.filter((line) => line.includes('no primary'))
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT/)
    })

    test('RUSTEZE_BACKEND_TLS_VERIFY=off trusts it all the same', async () => {
      const proxy = await proxyTo(await startTlsServer(), {
        RUSTEZE_BACKEND_TLS_CA_FILE: path('stranger.pem'),
        RUSTEZE_BACKEND_TLS_VERIFY: 'off',
      })
      const client = await connect(proxy.port)
      expect(await client.ask('PING')).toBe('+PONG\r\n')
      expect(await client.ask('SET', 'k', 'v')).toBe(ok)
      await client.close()
    })

    test('the certificate must carry the name', async () => {
      const port = await startTlsServer('elsewhere')
      const wrong = await proxyTo(port, { RUSTEZE_HOLD: '100ms' })
      await expectHeld(wrong)
      await wrong.logs(/ERR_TLS_CERT_ALTNAME_INVALID/)
      const other = await proxyTo(port, { RUSTEZE_BACKEND_TLS_SERVER_NAME: 'redis.example', RUSTEZE_HOLD: '100ms' })
      await expectHeld(other)
      const right = await proxyTo(port, { RUSTEZE_BACKEND_TLS_SERVER_NAME: 'other.example' })
      const client = await connect(right.port)
      expect(await client.ask('SET', 'k', 'v')).toBe(ok)
      await client.close()
    })

    test('a server without TLS at that port: commands wait', async () => {
      const server = await startRedis({ kind })
      running.push(server)
      const proxy = await proxyTo(server.port, { RUSTEZE_HOLD: '100ms' })
      await expectHeld(proxy)
      await proxy.logs(/no primary/)
    })

    test('files are read again when they change, and what is no certificate does no harm', async () => {
      const port = await startTlsServer()
      writeFileSync(path('mounted.pem'), 'half of a file')
      copyFileSync(path('stranger.key'), path('mounted.key'))
      copyFileSync(path('client.pem'), path('mounted-client.pem'))
      const proxy = await proxyTo(port, {
        RUSTEZE_BACKEND_TLS_CA_FILE: path('mounted.pem'),
        RUSTEZE_BACKEND_TLS_CERT_FILE: path('mounted-client.pem'),
        RUSTEZE_BACKEND_TLS_KEY_FILE: path('mounted.key'),
        RUSTEZE_HOLD: '20s',
      })
      await proxy.logs(/no primary/)
      const client = await connect(proxy.port, 20_000)
      client.send(['SET', 'k', 'v'])
      copyFileSync(path('authority.pem'), path('mounted.pem'))
      copyFileSync(path('client.key'), path('mounted.key'))
      await waitUntil(() => proxy.logLines.filter((line) => line.includes('file changed')).length === 2, {
        what: 'both files were read again',
        timeoutMs: 15_000,
      })
      expect((await client.readReply()).toString()).toBe(ok)
      await client.close()
    }, 30_000)
  })
})
