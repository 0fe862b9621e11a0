// How certificates are renewed, step by step, and what a Secret may hold.
import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Certificate, endOf, fingerprintsIn, flawOf } from '../../src/injector/certificate.ts'
import {
  bundleOf,
  type Certificates,
  type Occasion,
  readCertificates,
  renew,
  writeCertificates,
} from '../../src/injector/certificates.ts'
import { makeCertificate } from '../../src/injector/self-signed.ts'

const DAY_MS = 24 * 3600 * 1000
const HOST = 'rusteze-injector.platform.svc'
const terms = { host: HOST, lifetimeMs: 90 * DAY_MS, renewBeforeMs: 45 * DAY_MS, settleMs: 60_000 }
const start = Date.UTC(2030, 0, 1)

let [a, b, c] = [] as unknown as [Certificate, Certificate, Certificate]

beforeAll(async () => {
  const make = () => makeCertificate(HOST, start, terms.lifetimeMs)
  ;[a, b, c] = [await make(), await make(), await make()]
})

function step(stored: Certificates | undefined, occasion: Partial<Occasion> = {}): Promise<Certificates> {
  return renew(stored, terms, {
    now: start,
    trustedForMs: undefined,
    served: undefined,
    make: async () => c,
    ...occasion,
  })
}

describe('a self-made certificate', () => {
  test('is for the webhook alone, and valid for API servers whose clocks are behind', () => {
    const certificate = new X509Certificate(a.chain)
    expect(certificate.checkHost(HOST)).toBe(HOST)
    expect(certificate.checkHost('rusteze-injector.other.svc')).toBeUndefined()
    expect(certificate.ca).toBe(false)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(certificate.validFromDate.getTime()).toBe(start - DAY_MS)
    expect(endOf(a)).toBe(start + terms.lifetimeMs)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(flawOf(a)).toBeUndefined()
  })

  test('is another one each time, with a name of any length', async () => {
    const host = `${'a'.repeat(63)}.${'b'.repeat(63)}.svc`
    const long = await makeCertificate(host, start, DAY_MS)
    expect(new X509Certificate(long.chain).checkHost(host)).toBe(host)
    expect(new Set([a, b, c].map(({ key }) => key)).size).toBe(3)
  })

  test('is of no use with another key, or as nonsense', () => {
    expect(flawOf({ chain: a.chain, key: b.key })).toBe('the key belongs to another certificate')
    for (const pair of [
      { ...a, chain: 'x' },
      { ...a, key: '' },
    ])
      expect(flawOf(pair)).toMatch(/^it cannot be read/)
    expect([
      ...fingerprintsIn(`x ${a.chain} -----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`),
    ]).toHaveLength(1)
  })
})

describe('a Secret', () => {
  test.each<[string, () => Certificates]>([
    ['one', () => ({ current: a })],
    ['all', () => ({ current: a, next: b, former: c.chain })],
  ])('holds %s', (_, certificates) => {
    expect(readCertificates(writeCertificates(certificates()))).toEqual(certificates())
  })

  test('that is empty, or holds nonsense, holds nothing; what is nonsense in it is left out', () => {
    expect(readCertificates({})).toBeUndefined()
    expect(readCertificates({ ...writeCertificates({ current: a }), 'tls.key': '' })).toBeUndefined()
    const data = { ...writeCertificates({ current: a, next: b }), 'next.key': 'AAAA', 'former.crt': 'AAAA' }
    expect(readCertificates(data)).toEqual({ current: a })
  })

  test('is trusted as a whole', () => {
    const all = { current: a, next: b, former: c.chain }
    expect(fingerprintsIn(bundleOf(all))).toEqual(
      new Set([a, b, c].map(({ chain }) => new X509Certificate(chain).fingerprint256)),
    )
  })
})

describe('a renewal', () => {
  test('begins with a first certificate', async () => {
    expect(await step(undefined)).toEqual({ current: c })
  })

  test('is not due for half of the time', async () => {
    const stored = { current: a }
    expect(await step(stored, { now: endOf(a) - terms.renewBeforeMs })).toBe(stored)
    expect(await step(stored, { now: endOf(a) - terms.renewBeforeMs + 1 })).toEqual({ current: a, next: c })
  })

  test('serves the next one only once it has been trusted for long enough, and trusts the former one until it ends', async () => {
    const stored = { current: a, next: b }
    for (const trustedForMs of [undefined, 0, terms.settleMs - 1])
      expect(await step(stored, { trustedForMs })).toBe(stored)
    const renewed = { current: b, former: a.chain }
    expect(await step(stored, { trustedForMs: terms.settleMs })).toEqual(renewed)
    expect(await step(renewed)).toBe(renewed)
    const young = await makeCertificate(HOST, start + terms.renewBeforeMs, terms.lifetimeMs)
    const later = { current: young, former: a.chain }
    expect(await step(later, { now: endOf(a) - 1 })).toBe(later)
    expect(await step(later, { now: endOf(a) })).toEqual({ current: young })
  })

  test('takes the place of a deleted Secret, without a gap for what is served', async () => {
    expect(await step(undefined, { served: a })).toEqual({ current: a, next: c })
  })

  test('comes at once if the certificate has ended, or is for another name', async () => {
    const other = await makeCertificate('other.svc', start, terms.lifetimeMs)
    expect(await step({ current: other })).toEqual({ current: c })
    const fresh = await makeCertificate(HOST, endOf(a), terms.lifetimeMs)
    const occasion = { now: endOf(a), make: async () => fresh }
    expect(await step({ current: a }, occasion)).toEqual({ current: fresh })
    expect(await step(undefined, { ...occasion, served: a })).toEqual({ current: fresh })
    // One that waited to be trusted is better than none.
    expect(await step({ current: a, next: fresh }, occasion)).toEqual({ current: fresh })
    expect(await step({ current: fresh, next: a }, occasion)).toEqual({ current: fresh, next: fresh })
  })
})
