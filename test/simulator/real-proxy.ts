// Starts the real proxy in a simulated world, with settings made for it.
import { startApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import type { Log } from '../../src/operations/log.ts'
import type { ProxyPlace, SimulatedProxy, StartProxy } from './proxy-place.ts'

/** The world of a seed: every second one has a replica. */
export function realWorld(seed: number): { readonly startProxy: StartProxy; readonly hasReplica: boolean } {
  return { startProxy: startRealProxy, hasReplica: seed % 2 === 0 }
}

export async function startRealProxy(place: ProxyPlace): Promise<SimulatedProxy> {
  const { listen, backend, replica, settings, runtime } = place
  const parsed = parseConfig({
    RUSTEZE_LISTEN: `${listen.host}:${listen.port}`,
    RUSTEZE_BACKENDS: [replica, backend].flatMap((each) => (each ? `${each.host}:${each.port}` : [])).join(),
    RUSTEZE_SHARED_CONNECTIONS: String(settings.sharedConnections),
    RUSTEZE_HOLD: `${settings.holdMs}ms`,
    RUSTEZE_CONNECT_TIMEOUT: `${settings.connectTimeoutMs}ms`,
    RUSTEZE_REPLY_TIMEOUT: `${settings.replyTimeoutMs}ms`,
    RUSTEZE_PROBE: `${settings.probeMs}ms`,
    RUSTEZE_BACKEND_PING: `${settings.backendPingMs}ms`,
    RUSTEZE_OUTPUT_SOFT: `${settings.outputSoftBytes}b`,
    RUSTEZE_OUTPUT_HARD: `${settings.outputHardBytes}b`,
    RUSTEZE_IN_FLIGHT: String(settings.maxInFlight),
    RUSTEZE_MEMORY: '1gb',
    RUSTEZE_DRAIN: '10s',
  })
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors))
  const app = startApp({ config: parsed.config, runtime, log: tracingLog(place) })
  await app.listening
  return app
}

function tracingLog({ trace }: ProxyPlace): Log {
  const line =
    (level: string) =>
    (fields: object, message: string): void =>
      trace(() => `proxy logs ${level} ${message} ${JSON.stringify(fields)}`)
  return {
    trace: line('trace'),
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    fatal: line('fatal'),
  }
}
