// When certificates are valid, in words.
import { X509Certificate } from 'node:crypto'
import type { Finding } from './finding.ts'

const DAY_MS = 86_400_000
/** Renewed certificates are replaced long before: cert-manager does it when a third of the time is left. */
const SOON_DAYS = 14

export interface Validity {
  readonly level: Finding['level']
  /** Completes "the certificate …". */
  readonly text: string
}

export function validityOf({ validFrom, validTo }: X509Certificate, now = Date.now()): Validity {
  const from = Date.parse(validFrom)
  const to = Date.parse(validTo)
  const day = (time: number) => new Date(time).toISOString().slice(0, 10)
  if (now > to) return { level: 'failed', text: `expired on ${day(to)}` }
  if (now < from) return { level: 'failed', text: `is not valid before ${new Date(from).toISOString()}` }
  const days = Math.floor((to - now) / DAY_MS)
  const text = `is valid for ${days} more day${days === 1 ? '' : 's'}, until ${day(to)}`
  return { level: days < SOON_DAYS ? 'warning' : 'ok', text }
}

/** @throws when one cannot be read. */
export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}

/** Its subject on one line, such as `CN=redis`. */
export function nameOf({ subject }: X509Certificate): string {
  return subject?.replaceAll('\n', ', ') || 'a certificate without a name'
}
