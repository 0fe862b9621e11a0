// Starts the real proxy in a simulated world, with settings made for it.
import { startApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import type { Log } from '../../src/operations/log.ts'
import type { Status } from '../../src/operations/status.ts'
import type { ProxyPlace, SimulatedProxy, StartProxy } from './proxy-place.ts'

/** What the proxy logs, with the address as `backend`, when it takes a server for the primary. */
const VERIFIED = 'primary verified, serving'

/** The world of a seed: with one server, two or three. */
export function realWorld(seed: number): { readonly startProxy: StartProxy; readonly serverCount: number } {
  return { startProxy: startRealProxy, serverCount: 1 + (seed % 3) }
}

export async function startRealProxy(place: ProxyPlace): Promise<SimulatedProxy> {
  const { listen, backends, settings, runtime, discover, discoverPrimary } = place
  const parsed = parseConfig({
    RUSTEZE_LISTEN: `${listen.host}:${listen.port}`,
    RUSTEZE_ADMIN: 'off',
    RUSTEZE_BACKENDS: backends.map(({ host, port }) => `${host}:${port}`).join(),
    RUSTEZE_SHARED_CONNECTIONS: String(settings.sharedConnections),
    RUSTEZE_HOLD: `${settings.holdMs}ms`,
    RUSTEZE_CONNECT_TIMEOUT: `${settings.connectTimeoutMs}ms`,
    RUSTEZE_REPLY_TIMEOUT: `${settings.replyTimeoutMs}ms`,
    RUSTEZE_PROBE: `${settings.probeMs}ms`,
    RUSTEZE_BACKEND_PING: `${settings.backendPingMs}ms`,
    RUSTEZE_EMPTY_PRIMARY_WAIT: `${settings.emptyPrimaryWaitMs}ms`,
    RUSTEZE_OUTPUT_SOFT: `${settings.outputSoftBytes}b`,
    RUSTEZE_OUTPUT_HARD: `${settings.outputHardBytes}b`,
    RUSTEZE_IN_FLIGHT: String(settings.maxInFlight),
    // Without shared connections there are none to replicas.
    RUSTEZE_READ_FROM: settings.sharedConnections === 0 ? 'primary' : settings.readFrom,
    RUSTEZE_REPLICA_MAX_LAG: `${settings.replicaMaxLagMs}ms`,
    RUSTEZE_MEMORY: `${settings.memoryBytes}b`,
    RUSTEZE_DRAIN: '10s',
  })
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors))
  const app = startApp({
    ...{ config: parsed.config, runtime, log: tracingLog(place) },
    ...(discover && { discover }),
    ...(discoverPrimary && { discoverPrimary }),
  })
  await app.listening
  const drain = async () => {
    await app.drain()
    checkTimes(app.status())
  }
  return { ...app, drain }
}

/** Whatever happened, no command was with a server for longer than it took, or for less than no time. @throws where one was. */
function checkTimes({ commands, latency }: Status): void {
  for (const [name, { totalMs, backendMs }] of Object.entries(commands)) {
    // Given in µs, and added up.
    if (backendMs < -1 || backendMs > totalMs + 1) throw new Error(`${name}: ${backendMs} ms of ${totalMs} ms`)
  }
  const { total, backend } = latency
  if (total.count !== backend.count) throw new Error(`${total.count} commands took time, ${backend.count} at a server`)
  for (const [index, [boundMs, count]] of total.below.entries()) {
    if (count > backend.below[index]![1]) throw new Error(`below ${boundMs} ms: ${count}, and less of it at a server`)
  }
}

function tracingLog({ trace, accepted }: ProxyPlace): Log {
  const line =
    (level: string) =>
    (fields: object, message: string): void => {
      trace(() => `proxy logs ${level} ${message} ${JSON.stringify(fields)}`)
      if (message === VERIFIED && 'backend' in fields) accepted(String(fields.backend))
    }
  return {
    trace: line('trace'),
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    fatal: line('fatal'),
  }
}
