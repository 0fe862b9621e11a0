// Where the webhook's certificate comes from: mounted files, or a Secret that the replicas renew themselves.
import type { Certificate } from './certificate.ts'

export interface CertificateSource {
  /** What to serve; undefined as long as there is none. What was good stays when something goes wrong. */
  readonly certificate: Certificate | undefined
  /** Whether the API server accepts it, as far as that can be known here. */
  readonly isTrusted: boolean
  /** Looks for news, and does what is due. @throws with what is wrong. */
  refresh(signal: AbortSignal): Promise<void>
  close(signal: AbortSignal): Promise<void>
}
