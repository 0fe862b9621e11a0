// A place like a pod: namespaces of its own for the network and for files, a real API server, and the credentials of a service account.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { hasKubernetes, KubernetesApiServer, SLICES } from '../test/support/kubernetes-api-server.ts'

/** The API server takes no loopback address for an endpoint: inside, the loopback interface has this one as well. */
export const POD_ADDRESS = '10.9.0.1'

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const NAMESPACES = ['unshare', '--user', '--map-root-user', '--net', '--mount']
/** /run is memory inside, so that nothing of the machine is written to; kube-apiserver wants a default route. */
const PREPARE = `ip link set lo up && ip address add ${POD_ADDRESS}/32 dev lo && ip route add default dev lo &&
  mount -t tmpfs none /run && mkdir -p ${SERVICE_ACCOUNT}`
const MARK = 'BENCH_POD'

/** True in a process that {@link runInPod} started. */
export const isInPod = process.env[MARK] !== undefined

/** Why there can be no pod here, with the mend; null where there can. */
export function whyNoPod(): string | null {
  if (!hasKubernetes) return 'KUBEBUILDER_ASSETS does not name a directory with kube-apiserver and etcd'
  const attempt = spawnSync(NAMESPACES[0]!, [...NAMESPACES.slice(1), 'sh', '-c', PREPARE], { encoding: 'utf8' })
  if (attempt.status === 0) return null
  return `unshare (util-linux), ip (iproute2) and the right to namespaces are needed: ${attempt.error?.message ?? attempt.stderr.trim()}`
}

/** Runs this program again inside of a pod. @returns its exit code. */
export function runInPod(): number {
  const [unshare, ...options] = NAMESPACES
  const command = ['sh', '-c', `${PREPARE} && exec "$@"`, 'sh', process.execPath, ...process.argv.slice(1)]
  const { status } = spawnSync(unshare!, [...options, ...command], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  })
  return status ?? 1
}

/** Starts an API server with a Service `redis` in front of the server at that port. @returns the environment of whoever watches it, and the end of it. */
export async function startCluster(serverPort: number): Promise<{
  environment: Readonly<Record<string, string>>
  stop: () => Promise<void>
}> {
  const api = new KubernetesApiServer()
  await api.start()
  const { users } = JSON.parse(readFileSync(api.kubeconfig('admin'), 'utf8'))
  const files = { 'ca.crt': api.certificate, token: users[0].user.token, namespace: 'default' }
  mkdirSync(SERVICE_ACCOUNT, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(SERVICE_ACCOUNT, name), text)
  await api.call('POST', SLICES, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'redis', labels: { 'kubernetes.io/service-name': 'redis' } },
    addressType: 'IPv4',
    ports: [{ name: 'redis', port: serverPort }],
    endpoints: [{ addresses: [POD_ADDRESS] }],
  })
  const environment = {
    RUSTEZE_SERVICE: 'redis',
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String(api.port),
    // What there may be outside of the pod.
    KUBECONFIG: '',
  }
  return { environment, stop: () => api.stop() }
}
