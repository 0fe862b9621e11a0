// Measures how long a change of a Service takes to route: from the API server's answer to the writer until another server has answered a client.
import { setTimeout as delay } from 'node:timers/promises'
import { nodeRuntime } from '../src/runtime/node-runtime.ts'
import type { Runtime } from '../src/runtime/runtime.ts'
import { hasKubernetes, KubernetesApiServer } from '../test/support/kubernetes-api-server.ts'
import { connect } from '../test/support/raw-client.ts'
import { type RedisServer, startRedis } from '../test/support/redis-server.ts'
import { startProxy } from '../test/support/start-proxy.ts'
import { atMost, judge, verdictTable } from './report.ts'

const EXIT_MISSING_TOOL = 69
const MOVES = 40
/** Between two moves, for the server that was left to be forgotten. */
const SETTLE_MS = 500
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'

/** The API server accepts no loopback address in a slice: 10.9.0.x stands for 127.0.0.x. */
const networkOfPods: Runtime = {
  ...nodeRuntime,
  connect: (address, ...rest) =>
    nodeRuntime.connect(
      'host' in address ? { ...address, host: address.host.replace(/^10\.9\./, '127.0.') } : address,
      ...rest,
    ),
}

function sliceOf(server: RedisServer): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'redis-a', labels: { 'kubernetes.io/service-name': 'redis' } },
    addressType: 'IPv4',
    ports: [{ name: 'redis', port: server.port }],
    endpoints: [{ addresses: [server.host.replace(/^127\.0\./, '10.9.')] }],
  }
}

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
  const milliseconds: number[] = []
  try {
    for (let move = 0; move <= MOVES; move++) {
      const server = servers[move % servers.length]!
      if (move > 0) await api.call('PUT', `${SLICES}/redis-a`, sliceOf(server))
      const writtenAt = performance.now()
      while (!(await client.ask('GET', 'server')).includes(server.host)) {}
      // The first is the start.
      if (move > 0) milliseconds.push(performance.now() - writtenAt)
      await delay(SETTLE_MS)
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
