// rusteze doctor and certificates: of servers, authorities and its own.

import { copyFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureBuild } from '../../scripts/toolchain.mjs'
import { Certificates, hasOpenssl, speaksTls } from '../support/certificates.ts'
import { doctor, expectOnly, setSurgery } from '../support/doctor.ts'
import { availableServers, freePort, startRedis } from '../support/redis-server.ts'

const { keep, server } = setSurgery()

beforeAll(() => ensureBuild())

describe.skipIf(!hasOpenssl || !availableServers().some(speaksTls))('TLS', () => {
  let certificates: Certificates
  const kind = availableServers().find(speaksTls)
  const path = (name: string) => certificates.path(name)

  beforeAll(() => {
    certificates = new Certificates()
    certificates.authority('authority')
    certificates.authority('stranger')
    certificates.certificate('server', 'authority', 'IP:127.0.0.1,DNS:redis.example')
    certificates.certificate('elsewhere', 'authority', 'DNS:other.example')
    certificates.certificate('client', 'authority', 'DNS:client.example')
    certificates.datedCertificate('expired', 'authority', 'IP:127.0.0.1', '20240101', '20240201')
    certificates.datedCertificate('early', 'authority', 'IP:127.0.0.1', '20900101', '20910101')
    certificates.datedCertificate('long', 'authority', 'IP:127.0.0.1', '20240101', '20900101')
  })
  afterAll(() => certificates.remove())

  async function tlsServer(certificate: string, ...more: string[]): Promise<number> {
    const port = await freePort()
    const files = { cert: `${certificate}.pem`, key: `${certificate}.key`, 'ca-cert': 'authority.pem' }
    const settings = Object.entries(files).flatMap(([what, name]) => [`--tls-${what}-file`, path(name)])
    const all = ['--tls-port', String(port), '--tls-auth-clients', 'no', ...settings, ...more]
    keep(await startRedis({ kind: kind!, arguments: all }))
    return port
  }

  const tlsTo = (port: number, more: Record<string, string> = {}) => ({
    RUSTEZE_BACKENDS: `rediss://127.0.0.1:${port}`,
    // Its own days are few, for which there would be a warning.
    RUSTEZE_BACKEND_TLS_CA_FILE: path('authority.pem'),
    ...more,
  })
  /** What is said of the authority is not what these are about. */
  async function expectTls(pattern: RegExp, environment: Readonly<Record<string, string>>, code: number) {
    const outcome = await doctor(environment)
    const ofServer = outcome.lines.filter((line) => /^\w+ +127\.0\.0\.1:/.test(line))
    expect(ofServer[0], outcome.output).toMatch(pattern)
    expect(outcome.code, outcome.output).toBe(code)
    return ofServer
  }

  test('a certificate that is believed, and how long it will be', async () => {
    const port = await tlsServer('server')
    const lines = await expectTls(/^warning .*\(CN=server\) is valid for 1 more day, until .*Renew it/, tlsTo(port), 0)
    expect(lines[1]).toMatch(/^ok .* master, no password is set/)
  })

  test('one that is not: expired, too early, for another name, of a stranger', async () => {
    await expectTls(
      /^failed .*certificate CN=expired expired on 2024-02-01. Renew it/,
      tlsTo(await tlsServer('expired')),
      1,
    )
    await expectTls(/^failed .*certificate CN=early is not valid before 2090-01-01/, tlsTo(await tlsServer('early')), 1)
    const elsewhere = await tlsServer('elsewhere')
    await expectTls(/^failed .*is for DNS:other.example, .*Set RUSTEZE_BACKEND_TLS_SERVER_NAME/, tlsTo(elsewhere), 1)
    await expectTls(
      /^warning .*is valid for/,
      tlsTo(elsewhere, { RUSTEZE_BACKEND_TLS_SERVER_NAME: 'other.example' }),
      0,
    )
    const port = await tlsServer('server')
    const stranger = { RUSTEZE_BACKEND_TLS_CA_FILE: path('stranger.pem') }
    await expectTls(
      /^failed .*CN=server is signed by CN=authority: none in RUSTEZE_BACKEND_TLS_CA_FILE/,
      tlsTo(port, stranger),
      1,
    )
    const unchecked = { ...stranger, RUSTEZE_BACKEND_TLS_VERIFY: 'off' }
    await expectTls(/^warning .*CN=server is signed by CN=authority/, tlsTo(port, unchecked), 0)
  })

  test('a server that asks for a certificate, TLS where there is none, and none where there is', async () => {
    const strict = await tlsServer('server', '--tls-auth-clients', 'yes')
    const lines = await expectTls(/is valid for/, tlsTo(strict), 1)
    expect(lines[1]).toMatch(
      /^failed .*asks for a client certificate that it believes. Set RUSTEZE_BACKEND_TLS_CERT_FILE/,
    )
    await expectOnly(/^failed .*it speaks TLS at this port. Set RUSTEZE_BACKEND_TLS=on/, {
      RUSTEZE_BACKENDS: `127.0.0.1:${await tlsServer('server')}`,
    })
    const plain = await server()
    await expectTls(/^failed .*it does not speak TLS at this port/, tlsTo(plain.port), 1)
  })

  test('files: a key of another certificate, none at all, one that is over', async () => {
    const port = await tlsServer('server')
    const files = (certificate: string, key: string) =>
      tlsTo(port, { RUSTEZE_BACKEND_TLS_CERT_FILE: path(certificate), RUSTEZE_BACKEND_TLS_KEY_FILE: path(key) })
    const said = async (environment: Record<string, string>) => (await doctor(environment)).output
    expect(await said(files('long.pem', 'long.key'))).toMatch(
      /^ok +certificates: .*long.pem: CN=long is valid for \d+ more days/m,
    )
    expect(await said(files('long.pem', 'long.key'))).toMatch(
      /^ok +certificates: .*long.key: it is the key of CN=long/m,
    )
    expect(await said(files('client.pem', 'server.key'))).toMatch(
      /^failed +certificates: .*server.key: it is not the key of CN=client/m,
    )
    expect(await said(files('client.pem', 'client.pem'))).toMatch(
      /^failed +certificates: .*it holds no key that can be read/m,
    )
    expect(await said(files('client.key', 'client.key'))).toMatch(
      /^failed +certificates: .*it holds no PEM certificate/m,
    )
    expect(await said(files('expired.pem', 'expired.key'))).toMatch(
      /^failed +certificates: .*CN=expired expired on 2024-02-01. Renew it/m,
    )
    copyFileSync(path('authority.pem'), path('both.pem'))
    writeFileSync(path('both.pem'), '\n', { flag: 'a' })
    writeFileSync(path('both.pem'), `${'-----BEGIN CERTIFICATE-----'}\nbm9uZQ==\n-----END CERTIFICATE-----\n`, {
      flag: 'a',
    })
    expect(await said(tlsTo(port, { RUSTEZE_BACKEND_TLS_CA_FILE: path('both.pem') }))).toMatch(
      /it holds what is no certificate/,
    )
  })
})
