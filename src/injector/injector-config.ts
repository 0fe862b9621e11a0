// The settings of `rusteze injector`: the chart sets all of them.
import { listenAddress } from '../config/addresses.ts'
import { type ConfigError, type Environment, readSettings, type ValuesOf } from '../config/read-settings.ts'
import { setting } from '../config/setting.ts'
import { filePath, optional, word } from '../config/setting-types.ts'
import { adminSettings } from '../config/settings/admin.ts'
import { operationSettings } from '../config/settings/operation.ts'

const definitions = {
  listen: setting('INJECTOR_LISTEN', listenAddress(), '[::]:8443', {
    sentence: 'Where the webhook listens, with TLS.',
    reason: 'The API server comes from another machine.',
  }),
  file: setting('INJECTOR_FILE', filePath(), '/etc/rusteze-injector/sidecar.json', {
    sentence: 'What the sidecar is like.',
    reason: 'Where the chart mounts it.',
  }),
  certificate: setting('INJECTOR_CERTIFICATE', optional(filePath()), '', {
    sentence: 'The directory of tls.crt and tls.key, where others make the certificate.',
    reason: 'Unset: the injector makes its own.',
  }),
  service: setting('INJECTOR_SERVICE', optional(word()), '', {
    sentence: 'The name in its own certificate, as <service>.<namespace>.svc.',
    reason: 'Only the chart knows it.',
  }),
  secret: setting('INJECTOR_SECRET', optional(word()), '', {
    sentence: 'The Secret that keeps its own certificate.',
    reason: 'Only the chart knows it.',
  }),
  lease: setting('INJECTOR_LEASE', optional(word()), '', {
    sentence: 'The Lease of the replica that renews its own certificate.',
    reason: 'Only the chart knows it.',
  }),
  webhook: setting('INJECTOR_WEBHOOK', optional(word()), '', {
    sentence: 'The MutatingWebhookConfiguration whose caBundle it fills in.',
    reason: 'Only the chart knows it.',
  }),
  admin: adminSettings.admin,
  logLevel: operationSettings.logLevel,
  logFormat: operationSettings.logFormat,
}

type Values = ValuesOf<typeof definitions>

/** Where the certificate comes from: the directory that holds it, or the objects of one that is self-made. */
export type CertificateConfig =
  | { readonly directory: string }
  | { readonly service: string; readonly secret: string; readonly lease: string; readonly webhook: string }

export interface InjectorConfig extends Pick<Values, 'listen' | 'file' | 'admin' | 'logLevel' | 'logFormat'> {
  readonly certificate: CertificateConfig
}

/** Reads the environment: the configuration, or all mistakes at once. */
export function parseInjectorConfig(
  environment: Environment,
): { readonly config: InjectorConfig } | { readonly errors: readonly ConfigError[] } {
  const { values, errors } = readSettings(definitions, environment)
  const { certificate: directory, service, secret, lease, webhook } = values
  const names = { service, secret, lease, webhook }
  const together = (Object.keys(names) as (keyof typeof names)[]).flatMap((name): ConfigError[] => {
    const { variable } = definitions[name]
    const value = names[name]
    if (directory === undefined) {
      const mend = 'Set it, or RUSTEZE_INJECTOR_CERTIFICATE where others make the certificate.'
      return value === undefined ? [{ variable, value, problem: 'it is missing', mend }] : []
    }
    const problem = 'it is for a certificate that the injector makes itself'
    const mend = 'Remove it, or RUSTEZE_INJECTOR_CERTIFICATE.'
    return value === undefined ? [] : [{ variable, value, problem, mend }]
  })
  if (errors.length > 0 || together.length > 0) return { errors: [...errors, ...together] }
  const { listen, file, admin, logLevel, logFormat } = values as Values
  const certificate = (directory === undefined ? names : { directory }) as CertificateConfig
  return { config: { listen, file, admin, logLevel, logFormat, certificate } }
}
