// The webhook and whoever reaches its port: strangers harm nobody, its certificate changes while it serves, and SIGTERM loses nothing.

import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freePort } from '../../scripts/local-server.mjs'
import type { Certificate } from '../../src/injector/certificate.ts'
import { makeCertificate } from '../../src/injector/self-signed.ts'
import { startProgram } from '../support/child-program.ts'
import { sidecarDefinition } from '../support/sidecar-definition.ts'
import { TestInjector } from '../support/test-injector.ts'
import { waitUntil } from '../support/wait-until.ts'

const json = { 'content-type': 'application/json' }

function review(annotations: object = { 'rusteze.io/service': 'data/redis' }, more: object = {}): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      operation: 'CREATE',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      object: {
        metadata: { labels: { 'rusteze.io/inject': 'enabled' }, annotations },
        spec: { containers: [{ name: 'app' }] },
        ...more,
      },
    },
  })
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly connection: string | undefined
}

let directory: string
let certificate: Certificate

async function renewFiles(lifetimeMs = 3_600_000): Promise<void> {
  certificate = await makeCertificate('localhost', Date.now(), lifetimeMs)
  // As the kubelet does, each is there as a whole.
  for (const [name, text] of [
    ['tls.crt', certificate.chain],
    ['tls.key', certificate.key],
  ] as const) {
    writeFileSync(join(directory, 'new'), text)
    renameSync(join(directory, 'new'), join(directory, name))
  }
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'certificate-'))
  await renewFiles()
})
afterEach(() => rmSync(directory, { recursive: true }))

async function ask(port: number, body: string | Buffer, options: object = {}): Promise<Answer> {
  const call = request({
    ...{ host: '127.0.0.1', servername: 'localhost', port, path: '/mutate', method: 'POST', headers: json },
    ...{ ca: certificate.chain, agent: false, ...options },
  })
  call.end(body)
  const [response] = await once(call, 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return { status: response.statusCode, text, connection: response.headers.connection }
}

async function askAdmin(port: number, path: string): Promise<string> {
  const call = httpRequest({ host: '127.0.0.1', port, path, agent: false }).end()
  const [response] = await once(call, 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}

const isInjected = ({ status, text }: Answer) => status === 200 && JSON.parse(text).response.patch !== undefined

describe('the webhook', () => {
  let injector: TestInjector

  beforeEach(async () => {
    injector = await TestInjector.start({ certificate: { directory }, pace: { pollMs: 50, lingerMs: 200 } })
    await injector.untilReady()
  })
  afterEach(() => injector.end())

  test.each<[number, string, string | Buffer, object]>([
    [404, 'another path', review(), { path: '/' }],
    [404, 'a path above it', review(), { path: '/mutate/..' }],
    [405, 'another method', '', { method: 'GET' }],
    [415, 'another type', review(), { headers: { 'content-type': 'text/plain' } }],
    [400, 'no body', '', {}],
    [400, 'no JSON', 'null,', {}],
    [400, 'no review', 'null', {}],
    [400, 'bytes that are no text', Buffer.from([0xff, 0xfe, 0]), {}],
    [400, 'a pod without spec', review({}, { spec: null }), {}],
    [400, 'very deep JSON', '['.repeat(2_000_000), {}],
    [413, 'a body that is announced as too large', '', { headers: { ...json, 'content-length': 1e9 } }],
    [
      413,
      'a body that becomes too large',
      Buffer.alloc(5 << 20, ' '),
      { headers: { ...json, 'transfer-encoding': 'chunked' } },
    ],
  ])('answers %i to %s, and goes on', async (status, _, body, options) => {
    const answer = await ask(injector.port, body, options)
    expect(answer.status).toBe(status)
    expect(answer.text).toMatch(/^[^\n]+\n$/)
    expect(isInjected(await ask(injector.port, review()))).toBe(true)
    expect(injector.logLines.filter((line) => line.includes('error'))).toEqual([])
  })

  test('takes names of JavaScript for what they are: annotations of nobody', async () => {
    const pod = review().replace('"rusteze.io/service"', '"__proto__":"x","constructor":"y","rusteze.io/service"')
    expect(isInjected(await ask(injector.port, pod))).toBe(true)
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  test('takes the largest pod that there can be', async () => {
    expect(
      isInjected(await ask(injector.port, review({ large: 'x'.repeat(3_500_000), 'rusteze.io/service': 'a/b' }))),
    ).toBe(true)
  })

  test('does not keep more than its share of bodies that never end', async () => {
    const half = Buffer.alloc(3 << 20, ' ')
    const slow = Array.from({ length: 12 }, () => {
      const call = request({
        ...{ host: '127.0.0.1', port: injector.port, path: '/mutate', method: 'POST', rejectUnauthorized: false },
        ...{ headers: { ...json, 'content-length': 4 << 20 }, agent: false },
      })
      call.write(half)
      const status = new Promise((resolve) => {
        call.on('response', (response) => resolve(response.resume().statusCode)).on('error', () => resolve('closed'))
      })
      return { call, status }
    })
    const answers = await Promise.all(slow.map(({ status }) => status))
    // Some come to nothing at once, the others when their time is over.
    expect(answers.filter((status) => status === 503).length).toBeGreaterThan(0)
    expect(answers.every((status) => [503, 408, 'closed'].includes(status as number))).toBe(true)
    expect(isInjected(await ask(injector.port, review()))).toBe(true)
    for (const { call } of slow) call.destroy()
  })

  test('serves the API server while strangers open hundreds of connections and say nothing, or nonsense', async () => {
    const strangers = Array.from({ length: 600 }, (_, index) => {
      const socket = connectPlain(injector.port, '127.0.0.1')
      if (index % 2 === 0) socket.write('GET / HTTP/1.1\r\n\r\n')
      return socket.on('error', () => {})
    })
    await waitUntil(() => injector.injector.status.failedHandshakes >= 300, { what: 'they have failed' })
    expect(isInjected(await ask(injector.port, review()))).toBe(true)
    for (const socket of strangers) socket.destroy()
  })

  test('counts what it does', async () => {
    for (const body of [review(), review({ 'rusteze.io/hodl': '1s' }), 'x']) await ask(injector.port, body)
    const noLabel = review().replace('enabled', 'disabled')
    await ask(injector.port, noLabel)
    const metrics = await askAdmin(injector.adminPort, '/metrics')
    for (const result of ['injected', 'denied', 'invalid', 'left'])
      expect(metrics).toContain(`rusteze_injector_pods_total{result="${result}"} 1\n`)
    const end = Number(/^rusteze_injector_certificate_end_timestamp_seconds (\d+)$/m.exec(metrics)![1])
    expect(end).toBeGreaterThan(Date.now() / 1000)
    expect(await askAdmin(injector.adminPort, '/livez')).toBe('alive\n')
  })

  test('presents a new certificate as soon as its files have changed, and answers on old connections', async () => {
    const { port } = injector
    const presented = async () => {
      const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const { fingerprint256 } = socket.getPeerX509Certificate()!
      return { socket, fingerprint256 }
    }
    const before = await presented()
    // A key that does not belong to it is not used, and said once.
    const { chain } = certificate
    writeFileSync(join(directory, 'tls.crt'), (await makeCertificate('localhost', Date.now(), 1000)).chain)
    await waitUntil(() => injector.logLines.join('').includes('the key belongs to another certificate'), {
      what: 'it complains',
    })
    expect(isInjected(await ask(port, review(), { ca: chain }))).toBe(true)
    await renewFiles()
    const isNew = async () => {
      const { socket, fingerprint256 } = await presented()
      socket.destroy()
      return fingerprint256 !== before.fingerprint256
    }
    await waitUntil(isNew, { what: 'the new one is presented' })
    expect(isInjected(await ask(port, review()))).toBe(true)
    expect(await exchange(before.socket, review())).toContain('HTTP/1.1 200')
    before.socket.destroy()
  })

  test('is not ready any more when its certificate ends', async () => {
    await renewFiles(1500)
    const isEnding = () => injector.injector.readiness.reason === 'the certificate has ended'
    await waitUntil(isEnding, { what: 'the certificate has ended', timeoutMs: 5000 })
    expect(await askAdmin(injector.adminPort, '/readyz')).toBe('the certificate has ended\n')
  })

  test('answers on while it leaves, and sends each who asks to another replica', async () => {
    const kept = { connection: undefined, headers: { ...json, connection: 'keep-alive' } }
    expect((await ask(injector.port, review(), kept)).connection).toBe('keep-alive')
    const { port } = injector
    const closed = injector.injector.close()
    expect(await askAdmin(injector.adminPort, '/readyz')).toBe('leaving\n')
    const last = await ask(port, review(), kept)
    expect([isInjected(last), last.connection]).toEqual([true, 'close'])
    await closed
    await expect(ask(port, review())).rejects.toThrow('ECONNREFUSED')
  })
})

async function exchange(socket: TLSSocket, body: string): Promise<string> {
  socket.write(
    `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  const [bytes] = await once(socket, 'data')
  return String(bytes)
}

describe('rusteze injector', () => {
  const start = (environment: NodeJS.ProcessEnv) =>
    startProgram(process.execPath, ['src/main.ts', 'injector'], { env: { RUSTEZE_LOG_FORMAT: 'json', ...environment } })

  test('serves, and ends with 0 on SIGTERM', async () => {
    const [listen, admin] = [await freePort(), await freePort()]
    const file = join(directory, 'sidecar.json')
    writeFileSync(file, JSON.stringify(sidecarDefinition))
    const program = start({
      RUSTEZE_ADMIN: `127.0.0.1:${admin}`,
      RUSTEZE_INJECTOR_LISTEN: `127.0.0.1:${listen}`,
      RUSTEZE_INJECTOR_FILE: file,
      RUSTEZE_INJECTOR_CERTIFICATE: directory,
    })
    try {
      await program.says(/pods are injected/)
      expect(isInjected(await ask(listen, review()))).toBe(true)
      expect(await askAdmin(admin, '/readyz')).toBe('ready\n')
      process.kill(program.pid, 'SIGTERM')
      await program.says(/"stopping/)
      expect(isInjected(await ask(listen, review()))).toBe(true)
      expect(await program.exit).toEqual({ code: 0, signal: null })
    } finally {
      await program.end()
    }
  })

  test.each<[string, NodeJS.ProcessEnv, number, RegExp]>([
    ['without settings', {}, 64, /^RUSTEZE_INJECTOR_SERVICE: it is missing/m],
    ['without its file', { RUSTEZE_INJECTOR_CERTIFICATE: '/x', RUSTEZE_INJECTOR_FILE: '/none' }, 1, /ENOENT.*\/none/],
    [
      'outside of a cluster',
      {
        ...{ RUSTEZE_INJECTOR_SERVICE: 'a.b.svc', RUSTEZE_INJECTOR_SECRET: 's' },
        ...{ RUSTEZE_INJECTOR_LEASE: 'l', RUSTEZE_INJECTOR_WEBHOOK: 'w' },
      },
      1,
      /this is no pod with a service account/,
    ],
  ])('does not start %s', async (_, environment, code, words) => {
    const program = start(environment)
    try {
      expect(await program.exit).toEqual({ code, signal: null })
      expect(program.output()).toMatch(words)
    } finally {
      await program.end()
    }
  })
})
