// A certificate that the replicas make themselves: kept in a Secret, renewed by the holder of a Lease, and trusted because that one
// writes it into the webhook's configuration.
import type { KubernetesApi } from '../discovery/kubernetes-api.ts'
import type { Log } from '../operations/log.ts'
import type { Certificate } from './certificate.ts'
import type { CertificateSource } from './certificate-source.ts'
import {
  bundleOf,
  type Certificates,
  readCertificates,
  renew,
  type SecretData,
  type Terms,
  writeCertificates,
} from './certificates.ts'
import { type KubernetesObject, readObject, writeObject } from './kubernetes-objects.ts'
import { Lease } from './lease.ts'
import { makeCertificate } from './self-signed.ts'
import { Trust } from './trust.ts'

interface Secret extends KubernetesObject {
  readonly data?: SecretData
}

/** Names of objects; those in a namespace are in the injector's own. */
export interface SelfMadeNames {
  readonly namespace: string
  readonly secret: string
  readonly lease: string
  readonly webhook: string
}

export interface SelfMadeOptions {
  readonly api: KubernetesApi
  readonly log: Log
  readonly names: SelfMadeNames
  /** Of this replica, and of no other. */
  readonly identity: string
  readonly terms: Terms
  readonly leaseMs: number
}

/** In ms, and never set back. */
const steadyNow = () => performance.now()

export class SelfMadeCertificate implements CertificateSource {
  readonly #options: SelfMadeOptions
  readonly #secretPath: string
  readonly #lease: Lease
  readonly #trust: Trust
  #certificate: Certificate | undefined
  #isTrusted = false
  /** The certificate that will be next, and since when the API server has been told to trust it. */
  #nextTrusted: { readonly chain: string; readonly since: number } | undefined

  constructor(options: SelfMadeOptions) {
    const { api, names, identity, leaseMs } = options
    this.#options = options
    this.#secretPath = `/api/v1/namespaces/${names.namespace}/secrets/${names.secret}`
    const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${names.namespace}/leases/${names.lease}`
    this.#lease = new Lease(api, leasePath, identity, leaseMs, steadyNow)
    this.#trust = new Trust(api, `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${names.webhook}`)
  }

  get certificate(): Certificate | undefined {
    return this.#certificate
  }

  get isTrusted(): boolean {
    return this.#isTrusted
  }

  async refresh(signal: AbortSignal): Promise<void> {
    const secret = await readObject<Secret>(this.#options.api, this.#secretPath, signal)
    const stored = readCertificates(secret.data ?? {})
    if (stored !== undefined) this.#certificate = stored.current
    await this.#trust.read(signal)
    this.#judgeTrust()
    if (!(await this.#lease.hold(signal))) return
    await this.#keepUp(secret, stored, signal)
    this.#judgeTrust()
  }

  async close(signal: AbortSignal): Promise<void> {
    await this.#lease.release(signal)
  }

  #judgeTrust(): void {
    this.#isTrusted = this.#certificate !== undefined && this.#trust.includes(this.#certificate.chain)
  }

  /** What only the holder of the Lease does. */
  async #keepUp(secret: Secret, stored: Certificates | undefined, signal: AbortSignal): Promise<void> {
    const { log, names, terms } = this.#options
    const now = Date.now()
    const certificates = await renew(stored, terms, {
      now,
      trustedForMs: this.#trustedFor(stored?.next),
      served: this.#certificate,
      make: () => makeCertificate(terms.host, now, terms.lifetimeMs),
    })
    if (certificates !== stored) {
      const isWritten = await this.#write(secret, certificates, signal)
      // Another replica was faster: it is looked at again.
      if (!isWritten) return
      this.#certificate = certificates.current
      log.info({ secret: names.secret, step: stepOf(stored, certificates) }, 'the certificate is renewed')
    }
    if (!this.#lease.isHeld) return
    if (await this.#trust.put(bundleOf(certificates), signal))
      log.info({ webhook: names.webhook }, 'the API server is told which certificates to trust')
  }

  #write(secret: Secret, certificates: Certificates, signal: AbortSignal): Promise<boolean> {
    const data = writeCertificates(certificates)
    return writeObject(this.#options.api, this.#secretPath, { ...secret, data }, signal)
  }

  #trustedFor(next: Certificate | undefined): number | undefined {
    if (next === undefined || !this.#trust.includes(next.chain)) {
      this.#nextTrusted = undefined
      return undefined
    }
    if (this.#nextTrusted?.chain !== next.chain) this.#nextTrusted = { chain: next.chain, since: steadyNow() }
    return steadyNow() - this.#nextTrusted.since
  }
}

function stepOf(before: Certificates | undefined, { current, next, former }: Certificates): string {
  if (next !== undefined && next.chain !== before?.next?.chain)
    return 'the next one is made, and served once it is trusted'
  if (former !== undefined && former !== before?.former)
    return 'the next one is served; the former one is trusted until it ends'
  if (current.chain !== before?.current.chain) return 'a first one is made'
  return 'the former one has ended'
}
