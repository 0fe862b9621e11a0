// The certificates of a Secret, and how they are renewed: the next one is served only once it is trusted, and the former one stays
// trusted until it ends, so that it does not matter when which replica changes.
import { X509Certificate } from 'node:crypto'
import { type Certificate, endOf, flawOf } from './certificate.ts'

export interface Certificates {
  /** What all replicas serve. */
  readonly current: Certificate
  /** What they will serve. */
  readonly next?: Certificate
  /** What they served before, and what one that was cut off from the API server may still serve; in PEM, without its key. */
  readonly former?: string
}

export interface Terms {
  /** The name that a certificate has to be for. */
  readonly host: string
  readonly lifetimeMs: number
  /** A certificate that ends sooner gets a next one. */
  readonly renewBeforeMs: number
  /** How long the next one has to be trusted before it is served: the time in which all API servers hear of it. */
  readonly settleMs: number
}

export interface Occasion {
  readonly now: number
  /** Since when the API server has been told to trust the next one, in ms; undefined if it has not. */
  readonly trustedForMs: number | undefined
  /** What this replica serves, where the Secret does not say it any more. */
  readonly served: Certificate | undefined
  readonly make: () => Promise<Certificate>
}

const KEYS = { chain: 'tls.crt', key: 'tls.key', nextChain: 'next.crt', nextKey: 'next.key', former: 'former.crt' }

export type SecretData = Readonly<Record<string, string>>

/** @returns undefined where the Secret holds nothing that can be served. */
export function readCertificates(data: SecretData): Certificates | undefined {
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString()
  const current = { chain: text(KEYS.chain), key: text(KEYS.key) }
  const next = { chain: text(KEYS.nextChain), key: text(KEYS.nextKey) }
  const former = text(KEYS.former)
  if (flawOf(current) !== undefined) return undefined
  return { current, ...(flawOf(next) === undefined && { next }), ...(isReadable(former) && { former }) }
}

export function writeCertificates({ current, next, former }: Certificates): SecretData {
  const texts = {
    [KEYS.chain]: current.chain,
    [KEYS.key]: current.key,
    ...(next && { [KEYS.nextChain]: next.chain, [KEYS.nextKey]: next.key }),
    ...(former !== undefined && { [KEYS.former]: former }),
  }
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]))
}

/** All that the API server has to trust, in PEM. */
export function bundleOf({ current, next, former }: Certificates): string {
  return [current.chain, next?.chain, former]
    .map((text) => text?.trim())
    .filter(Boolean)
    .join('\n')
}

/**
 * One step of the renewal.
 * @param stored of the Secret; undefined where that is empty or of no use.
 * @returns `stored` itself if there is nothing to do.
 */
export async function renew(stored: Certificates | undefined, terms: Terms, occasion: Occasion): Promise<Certificates> {
  const { now, trustedForMs, served, make } = occasion
  const isUsable = (certificate: Certificate) =>
    endOf(certificate) > now && new X509Certificate(certificate.chain).checkHost(terms.host) !== undefined
  const known = stored ?? (served && { current: served })
  if (known === undefined || !isUsable(known.current)) {
    const next = known?.next
    return { current: next !== undefined && isUsable(next) ? next : await make() }
  }
  const { current, next, former } = known
  if (next !== undefined && !isUsable(next)) return { ...known, next: await make() }
  if (next !== undefined && trustedForMs !== undefined && trustedForMs >= terms.settleMs)
    return { current: next, former: current.chain }
  // A Secret that was deleted and is made anew asks for another key: the one that is served goes as if it ended soon.
  const isDue = stored === undefined || endOf(current) - now < terms.renewBeforeMs
  if (next === undefined && isDue) return { ...known, next: await make() }
  if (former !== undefined && endOf({ chain: former }) <= now) return { current, ...(next && { next }) }
  return known
}

function isReadable(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false
  }
}
