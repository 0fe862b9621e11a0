// One crowd from beginning to end: a server that keeps what it acknowledged, a link to break, the proxy, two hundred clients and an audit.

import { seededRandom } from '../simulator/random.ts'
import { startFaultLink } from '../support/fault-link.ts'
import { connect } from '../support/raw-client.ts'
import { type RedisServer, type ServerKind, startRedis } from '../support/redis-server.ts'
import { startProxy } from '../support/start-proxy.ts'
import { type CrowdOptions, crowdServerArguments, RunningCrowd } from './crowd.ts'
import { Misfortunes } from './misfortunes.ts'

export type CrowdRun = {
  readonly crowd: RunningCrowd
  /** Names of what befell the server, in order. */
  readonly happened: readonly string[]
}

export type RunOptions = Pick<CrowdOptions, 'isStrict' | 'roles'> & {
  readonly seed: number
  readonly kind?: ServerKind
  /** What happens while the clients work; it is over when this is. */
  readonly work: (server: RedisServer) => Promise<void>
  readonly serverArguments?: readonly string[]
}

export async function runCrowd({ seed, kind, work, serverArguments = [], ...options }: RunOptions): Promise<CrowdRun> {
  const random = seededRandom(seed)
  const server = await startRedis({ ...(kind && { kind }), arguments: [...crowdServerArguments, ...serverArguments] })
  const link = await startFaultLink({ target: server.port, seed })
  const proxy = await startProxy({
    RUSTEZE_BACKENDS: `127.0.0.1:${link.port}`,
    // Longer than a loaded machine takes to start a server again: what waits is always served. One that is only slow needs no hold.
    ...(!options.isStrict && { RUSTEZE_HOLD: '60s' }),
    RUSTEZE_SHARED_CONNECTIONS: random.pick(['1', '2', '4']),
    RUSTEZE_POOLS: random.pick(['4', '64']),
    RUSTEZE_PIN_IDLE: random.pick(['100ms', '60s']),
  })
  await proxy.logs(/primary verified/)
  const crowd = new RunningCrowd({ port: proxy.port, seed, ...options })
  const misfortunes = options.isStrict ? undefined : new Misfortunes(server, link, seed)
  await work(server)
  await misfortunes?.end()
  await crowd.end()
  const direct = await connect(server.port)
  await crowd.audit(direct)
  await direct.close()
  await proxy.stop()
  await link.close()
  await server.stop()
  return { crowd, happened: misfortunes?.happened ?? [] }
}
