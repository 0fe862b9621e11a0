// A certificate that others make and renew: the files of a mounted Secret.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Certificate, flawOf } from './certificate.ts'
import type { CertificateSource } from './certificate-source.ts'

export class MountedCertificate implements CertificateSource {
  readonly #directory: string
  #certificate: Certificate | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  get certificate(): Certificate | undefined {
    return this.#certificate
  }

  /** Who made it has told the API server. */
  get isTrusted(): boolean {
    return this.#certificate !== undefined
  }

  async refresh(): Promise<void> {
    const [chain, key] = ['tls.crt', 'tls.key'].map((name) => readFileSync(join(this.#directory, name), 'utf8'))
    const certificate = { chain: chain!, key: key! }
    if (certificate.chain === this.#certificate?.chain && certificate.key === this.#certificate.key) return
    // Also while the files are being exchanged: the old pair is served until the new one is whole.
    const flaw = flawOf(certificate)
    if (flaw !== undefined) throw new Error(`tls.crt and tls.key in ${this.#directory}: ${flaw}`)
    this.#certificate = certificate
  }

  async close(): Promise<void> {}
}
