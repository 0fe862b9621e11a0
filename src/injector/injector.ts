// Builds the injector of its parts, keeps its certificate fresh, and ends it.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { TcpAddress } from '../config/addresses.ts'
import { KubernetesApi } from '../discovery/kubernetes-api.ts'
import { inClusterAccess, type Pod as OwnPod, ownNamespace, thisPod } from '../discovery/pod.ts'
import { AdminServer } from '../operations/admin-server.ts'
import type { Health } from '../operations/health.ts'
import type { Log } from '../operations/log.ts'
import { type Certificate, endOf } from './certificate.ts'
import type { CertificateSource } from './certificate-source.ts'
import type { InjectorConfig } from './injector-config.ts'
import { definitions, type InjectorStatus, injectorStatus } from './injector-metrics.ts'
import { MountedCertificate } from './mounted-certificate.ts'
import { type Pace, usualPace } from './pace.ts'
import { SelfMadeCertificate } from './self-made-certificate.ts'
import { readSidecarDefinition } from './sidecar-definition.ts'
import { type Counted, WebhookServer } from './webhook-server.ts'

export interface InjectorOptions {
  readonly config: InjectorConfig
  readonly log: Log
  readonly pod?: OwnPod
  readonly pace?: Pace
}

/** For the Lease to be left to another replica, in ms. */
const LAST_CALL_MS = 2000

export class Injector {
  readonly #config: InjectorConfig
  readonly #log: Log
  readonly #pace: Pace
  readonly #source: CertificateSource
  readonly #server: WebhookServer
  readonly #abort = new AbortController()
  readonly #pods: Record<Counted, number> = { injected: 0, left: 0, denied: 0, invalid: 0 }
  readonly #running: Promise<void>
  #failedHandshakes = 0
  #admin: AdminServer<InjectorStatus> | undefined
  #served: Certificate | undefined
  #isLeaving = false
  /** As logged last; '' while all is well. */
  #trouble = ''

  private constructor({ config, log, pod = thisPod, pace = usualPace }: InjectorOptions) {
    this.#config = config
    this.#log = log
    this.#pace = pace
    this.#source = sourceOf(config, log, pod, pace)
    this.#server = new WebhookServer({
      definition: readSidecarDefinition(config.file),
      log,
      count: (result) => {
        this.#pods[result] += 1
      },
      countFailedHandshake: () => {
        this.#failedHandshakes += 1
      },
    })
    this.#running = this.#run()
    // Heard of by whoever waits for the end; until then the process has to go on.
    this.#running.catch(() => {})
  }

  /** It listens as soon as it has a certificate. @throws when it cannot begin: no file, no pod, an address that is taken. */
  static async start(options: InjectorOptions): Promise<Injector> {
    const injector = new Injector(options)
    await injector.#answerProbes()
    return injector
  }

  /** Where the webhook listens; undefined as long as there is no certificate. */
  get address(): TcpAddress | undefined {
    return this.#server.isListening ? this.#server.address : undefined
  }

  get adminAddress(): TcpAddress | undefined {
    return this.#admin?.address
  }

  get readiness(): Health {
    if (this.#isLeaving) return { isWell: false, reason: 'leaving' }
    if (this.#served === undefined || !this.#server.isListening)
      return { isWell: false, reason: 'there is no certificate yet' }
    if (endOf(this.#served) <= Date.now()) return { isWell: false, reason: 'the certificate has ended' }
    if (!this.#source.isTrusted) return { isWell: false, reason: 'the API server does not trust the certificate' }
    return { isWell: true, reason: 'ready' }
  }

  get status(): InjectorStatus {
    return injectorStatus({
      isReady: this.readiness.isWell,
      pods: this.#pods,
      failedHandshakes: this.#failedHandshakes,
      certificateEndsAt: this.#served && endOf(this.#served),
    })
  }

  /** Ends when it is closed. @throws when its address cannot be had. */
  get running(): Promise<void> {
    return this.#running
  }

  /** Sends the API servers to another replica, answers what they still ask, and ends. */
  async close(): Promise<void> {
    this.#isLeaving = true
    this.#server.leave()
    this.#abort.abort()
    await this.#running.catch(() => {})
    await this.#source.close(AbortSignal.timeout(LAST_CALL_MS)).catch((error: unknown) => {
      this.#log.warn({ error: String(error) }, 'the Lease could not be left: another replica waits until it runs out')
    })
    await pause(this.#pace.lingerMs)
    await this.#server.close()
    await this.#admin?.close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    const { pollMs, hurryMs } = this.#pace
    while (!signal.aborted) {
      await this.#refresh(signal)
      await this.#serve()
      // Apart from the other replicas, which may have started at the same moment.
      const ms = (this.readiness.isWell ? pollMs : hurryMs) * (0.8 + 0.4 * Math.random())
      await pause(ms, undefined, { signal }).catch(() => {})
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    let trouble = ''
    try {
      await this.#source.refresh(signal)
    } catch (error) {
      trouble = String(error)
    }
    if (signal.aborted || trouble === this.#trouble) return
    this.#trouble = trouble
    if (trouble === '') this.#log.info({}, 'the certificate is looked after again')
    else this.#log.warn({ error: trouble }, 'the certificate cannot be looked after: what there is stays in use')
  }

  async #serve(): Promise<void> {
    const { certificate } = this.#source
    if (certificate === undefined) return
    if (certificate.chain !== this.#served?.chain) {
      this.#server.use(certificate)
      this.#served = certificate
      this.#log.info({ endsAt: new Date(endOf(certificate)).toISOString() }, 'a certificate is served')
    }
    if (this.#server.isListening) return
    await this.#server.listen(this.#config.listen)
    this.#log.info({ address: this.#server.address }, 'pods are injected')
  }

  async #answerProbes(): Promise<void> {
    const { admin } = this.#config
    if (admin === undefined) return
    const injector = this
    const health = {
      startup: { isWell: true, reason: 'started' },
      get readiness() {
        return injector.readiness
      },
    }
    this.#admin = await AdminServer.start(
      admin,
      { health, status: () => this.status, metrics: async () => definitions, quit: undefined },
      this.#log,
    )
  }
}

function sourceOf({ certificate }: InjectorConfig, log: Log, pod: OwnPod, pace: Pace): CertificateSource {
  if ('directory' in certificate) return new MountedCertificate(certificate.directory)
  const access = inClusterAccess(pod)
  const namespace = ownNamespace(pod)
  if (access === undefined || namespace === undefined)
    throw new Error('a certificate of its own needs the API server, and this is no pod with a service account')
  const { service: host, ...names } = certificate
  return new SelfMadeCertificate({
    ...{ api: new KubernetesApi(access), log, names: { ...names, namespace } },
    ...{ identity: `${hostname()}_${randomUUID()}`, terms: { ...pace, host }, leaseMs: pace.leaseMs },
  })
}
