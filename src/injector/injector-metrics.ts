// The metrics of the injector.
import type { Definition } from '../operations/exposition.ts'
import { type ProcessFacts, processFacts } from '../operations/process-facts.ts'
import { processDefinitions } from '../operations/process-metrics.ts'
import type { Counted } from './webhook-server.ts'

/** What `/status` shows and metrics are made of; counts are since the start. */
export interface InjectorStatus extends ProcessFacts {
  readonly isReady: boolean
  readonly pods: Readonly<Record<Counted, number>>
  readonly failedHandshakes: number
  /** When the certificate that is served ends, in ms since 1970. */
  readonly certificateEndsAt: number | undefined
}

export function injectorStatus(facts: Omit<InjectorStatus, keyof ProcessFacts>): InjectorStatus {
  return { ...processFacts(), ...facts }
}

/** The list. */
export const definitions: readonly Definition<InjectorStatus>[] = [
  ...processDefinitions,
  {
    kind: 'gauge',
    name: 'rusteze_injector_ready',
    help: '1 while /readyz is well: it has a certificate, and the API server trusts it.',
    read: ({ isReady }) => Number(isReady),
  },
  {
    kind: 'counter',
    name: 'rusteze_injector_pods_total',
    help: 'What the API server asked, by what came of it: left = pods that have a sidecar or want none, invalid = no such question.',
    labels: ['result'],
    read: ({ pods }) => pods,
  },
  {
    kind: 'counter',
    name: 'rusteze_injector_failed_handshakes_total',
    help: 'Connections that failed in TLS, such as those of an API server that does not trust the certificate.',
    read: ({ failedHandshakes }) => failedHandshakes,
  },
  {
    kind: 'gauge',
    name: 'rusteze_injector_certificate_end_timestamp_seconds',
    help: 'When the certificate that is served ends, in Unix time; missing while there is none.',
    read: ({ certificateEndsAt }) => (certificateEndsAt === undefined ? undefined : certificateEndsAt / 1000),
  },
]
