// Measures how long a change of a Service takes to route: from the API server's answer to the writer until another server has answered a client.
import { setTimeout as delay } from 'node:timers/promises'
import { slice } from '../test/support/discovery-stage.ts'
import { hasKubernetes, KubernetesApiServer, SLICES } from '../test/support/kubernetes-api-server.ts'
import { networkOfPods, podAddress } from '../test/support/network-of-pods.ts'
import { connect } from '../test/support/raw-client.ts'
import { type RedisServer, startRedis } from '../test/support/redis-server.ts'
import { startProxy } from '../test/support/start-proxy.ts'
import { atMost, judge, verdictTable } from './report.ts'

const EXIT_MISSING_TOOL = 69
const MOVES = 40
/** Between two moves, for the server that was left to be forgotten. */
const SETTLE_MS = 500

const sliceOf = ({ host, port }: RedisServer): object =>
  slice('redis-a', [podAddress(host)], { ports: [{ name: 'tcp-redis', port }] })

/** Moves the Service between two servers. @returns the milliseconds of each move, as a client sees them. */
async function measureMoves(api: KubernetesApiServer, servers: readonly RedisServer[]): Promise<number[]> {
  for (const server of servers) {
    const direct = await connect({ host: server.host, port: server.port })
    await direct.ask('SET', 'server', server.host)
    await direct.close()
  }
  await api.call('POST', SLICES, sliceOf(servers[0]!))
  process.env.KUBECONFIG = api.kubeconfig('admin')
  const proxy = await startProxy({ RUSTEZE_SERVICE: 'redis', RUSTEZE_HOLD: '20s' }, { runtime: networkOfPods })
  const client = await connect(proxy.port)
  const answers = async (server: RedisServer) => {
    while (!(await client.ask('GET', 'server')).includes(server.host)) {}
  }
  const milliseconds: number[] = []
  try {
    await answers(servers[0]!)
    for (let move = 1; move <= MOVES; move++) {
      await delay(SETTLE_MS)
      const server = servers[move % servers.length]!
      await api.call('PUT', `${SLICES}/redis-a`, sliceOf(server))
      const writtenAt = performance.now()
      await answers(server)
      milliseconds.push(performance.now() - writtenAt)
    }
  } finally {
    await client.close()
    await proxy.stop()
  }
  return milliseconds.sort((a, b) => a - b)
}

async function main(): Promise<void> {
  if (!hasKubernetes) {
    console.error('there is no kube-apiserver and etcd: name their directory in KUBEBUILDER_ASSETS')
    process.exitCode = EXIT_MISSING_TOOL
    return
  }
  const api = new KubernetesApiServer()
  const servers: RedisServer[] = []
  try {
    await api.start()
    for (const host of ['127.0.0.2', '127.0.0.3']) servers.push(await startRedis({ host }))
    const milliseconds = await measureMoves(api, servers)
    const at = (share: number) => milliseconds[Math.ceil(milliseconds.length * share) - 1]!
    const title = 'a slice is changed → another server answers'
    console.log(
      verdictTable([
        judge(`${title}, p50`, 'ms', at(0.5), atMost(100)),
        judge(`${title}, p95`, 'ms', at(0.95), atMost(100)),
        judge(`${title}, most of ${MOVES}`, 'ms', at(1), null),
      ]),
    )
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
    await api.stop()
  }
}

await main()
