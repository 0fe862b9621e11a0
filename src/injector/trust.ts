// Which certificates the API server trusts when it calls the webhook: the caBundle of our own MutatingWebhookConfiguration.
import type { KubernetesApi } from '../discovery/kubernetes-api.ts'
import { fingerprintsIn } from './certificate.ts'
import { type KubernetesObject, readObject } from './kubernetes-objects.ts'

interface Webhook {
  readonly clientConfig: { readonly caBundle?: string }
}

interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly Webhook[]
}

export class Trust {
  readonly #api: KubernetesApi
  readonly #path: string
  #configuration: WebhookConfiguration | undefined

  constructor(api: KubernetesApi, path: string) {
    this.#api = api
    this.#path = path
  }

  /** @throws where there is no such configuration, or it cannot be read. */
  async read(signal: AbortSignal): Promise<void> {
    this.#configuration = await readObject<WebhookConfiguration>(this.#api, this.#path, signal)
    if (this.#webhook === undefined) throw new Error(`${this.#path} has no webhook`)
  }

  /** Whether it holds every certificate of the bundle. */
  includes(bundle: string): boolean {
    return fingerprintsIn(bundle).isSubsetOf(this.#trusted)
  }

  /** Makes it hold exactly this bundle, unless it does. @returns whether it was changed. */
  async put(bundle: string, signal: AbortSignal): Promise<boolean> {
    const wanted = fingerprintsIn(bundle)
    if (wanted.size === this.#trusted.size && wanted.isSubsetOf(this.#trusted)) return false
    const { resourceVersion } = this.#configuration!.metadata
    const patch = [
      // What somebody else has written since it was read is not undone.
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      { op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: Buffer.from(bundle).toString('base64') },
    ]
    this.#configuration = (await this.#api.send('PATCH', this.#path, patch, signal)) as WebhookConfiguration
    return true
  }

  get #webhook(): Webhook | undefined {
    return this.#configuration?.webhooks?.[0]
  }

  get #trusted(): ReadonlySet<string> {
    return fingerprintsIn(Buffer.from(this.#webhook?.clientConfig.caBundle ?? '', 'base64').toString())
  }
}
