// A serving certificate with its key, in PEM.
import { createPrivateKey, X509Certificate } from 'node:crypto'

export interface Certificate {
  /** The certificate, and those that lead from it to its authority. */
  readonly chain: string
  readonly key: string
}

/** @returns what is wrong with the pair; undefined for one that can be served. */
export function flawOf({ chain, key }: Certificate): string | undefined {
  try {
    const certificate = new X509Certificate(chain)
    return certificate.checkPrivateKey(createPrivateKey(key)) ? undefined : 'the key belongs to another certificate'
  } catch (error) {
    return `it cannot be read: ${(error as Error).message}`
  }
}

/** When it ends, in ms since 1970. */
export function endOf({ chain }: Pick<Certificate, 'chain'>): number {
  return new X509Certificate(chain).validToDate.getTime()
}

/** The certificates of a text in PEM, each by its fingerprint; what is none is left out. */
export function fingerprintsIn(pem: string): ReadonlySet<string> {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const prints = new Set<string>()
  for (const block of blocks) {
    try {
      prints.add(new X509Certificate(block).fingerprint256)
    } catch {
      // Somebody else's text, about which nothing is known.
    }
  }
  return prints
}
