// Starts a real etcd and kube-apiserver for tests, found by KUBEBUILDER_ASSETS as controller projects do.

import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { type Keeper, startKeeper } from '../../scripts/keeper.mjs'
import { freePort } from '../../scripts/local-server.mjs'
import { waitUntil } from './wait-until.ts'

const { KUBEBUILDER_ASSETS: assets = '' } = process.env

/** False where the binaries are not to be had. */
export const hasKubernetes = existsSync(join(assets, 'kube-apiserver')) && existsSync(join(assets, 'etcd'))

const ADMIN_TOKEN = 'admin-token'
/** Of a service account in the namespace `app`: it has no right that was not given to it. */
const APP_TOKEN = 'app-token'

/** Where the EndpointSlices of the namespace `default` are. */
export const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'

export class KubernetesApiServer {
  readonly #keeper: Keeper = startKeeper('rusteze-kubernetes')
  readonly #directory = this.#keeper.directory
  #etcdPort = 0
  #port = 0
  #etcd: ChildProcess | undefined
  #apiServer: ChildProcess | undefined

  async start(): Promise<void> {
    this.#etcdPort = await freePort()
    this.#port = await freePort()
    const peer = `http://127.0.0.1:${await freePort()}`
    const clients = `http://127.0.0.1:${this.#etcdPort}`
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
    mkdirSync(join(this.#directory, 'certificates'))
    writeFileSync(join(this.#directory, 'sa.key'), key.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(
      join(this.#directory, 'tokens.csv'),
      `${ADMIN_TOKEN},admin,1,"system:masters"\n${APP_TOKEN},app,2,"system:serviceaccounts:app"\n`,
    )
    this.#etcd = this.#spawn('etcd', [
      ...['--data-dir', join(this.#directory, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
      ...['--listen-client-urls', clients, '--advertise-client-urls', clients],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
    ])
    await this.startApiServer()
  }

  async startApiServer(): Promise<void> {
    const path = (name: string) => join(this.#directory, name)
    this.#apiServer = this.#spawn('kube-apiserver', [
      ...['--etcd-servers', `http://127.0.0.1:${this.#etcdPort}`, '--service-cluster-ip-range', '10.0.0.0/24'],
      ...['--bind-address', '127.0.0.1', '--secure-port', String(this.#port), '--cert-dir', path('certificates')],
      // Nobody is told of it, but where there is no route to anywhere it cannot be found out.
      ...['--advertise-address', '192.0.2.1'],
      ...['--token-auth-file', path('tokens.csv'), '--authorization-mode', 'RBAC'],
      ...['--service-account-issuer', 'https://kubernetes.default.svc', '--service-account-key-file', path('sa.key')],
      ...['--service-account-signing-key-file', path('sa.key'), '--endpoint-reconciler-type', 'none'],
      ...['--disable-admission-plugins', 'ServiceAccount'],
    ])
    await waitUntil(async () => (await this.call('GET', '/readyz')) === 'ok', {
      what: 'the API server is ready',
      timeoutMs: 60_000,
      intervalMs: 100,
    })
  }

  /** Kills the API server; etcd keeps what it knew. */
  async killApiServer(): Promise<void> {
    await kill(this.#apiServer)
  }

  async stop(): Promise<void> {
    await kill(this.#apiServer)
    await kill(this.#etcd)
    await this.#keeper.end()
  }

  get port(): number {
    return this.#port
  }

  /** Of its certificate. */
  get certificate(): Buffer {
    return readFileSync(this.#certificate)
  }

  /** Writes a kubeconfig and gives its path. @param port of a link to the API server, where there is one. */
  kubeconfig(user: 'admin' | 'app', port = this.#port): string {
    const path = join(this.#directory, `kubeconfig-${user}-${port}`)
    writeFileSync(path, this.kubeconfigText(user, port))
    return path
  }

  kubeconfigText(user: 'admin' | 'app', port: number): string {
    const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': this.#certificate }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'test', user: { token: user === 'admin' ? ADMIN_TOKEN : APP_TOKEN } }],
    }
    return JSON.stringify(config)
  }

  /** One request as admin. @returns the parsed answer, or its text. @throws for any error status. */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const call = request(`${this.#server}${path}`, {
      method,
      ca: readFileSync(this.#certificate),
      agent: false,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    })
    call.end(body === undefined ? undefined : JSON.stringify(body))
    const [response] = await once(call, 'response')
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`)
    return text.startsWith('{') ? JSON.parse(text) : text
  }

  /**
   * A token of the service account `app/default`, as kubelet gets them for a pod.
   * @param bound the Secret that it is bound to: deleted, it ends the token, after the 10 s for which API servers remember or when they start.
   */
  async token(bound: string): Promise<string> {
    const secrets = '/api/v1/namespaces/app/secrets'
    const { metadata } = (await this.call('POST', secrets, { metadata: { name: bound } })) as {
      metadata: { uid: string }
    }
    const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name: bound, uid: metadata.uid }
    const answer = await this.call('POST', '/api/v1/namespaces/app/serviceaccounts/default/token', {
      spec: { audiences: ['https://kubernetes.default.svc'], expirationSeconds: 3600, boundObjectRef },
    })
    return (answer as { status: { token: string } }).status.token
  }

  /** Forgets etcd's history: whoever asks for what came before now is told 410. */
  async compact(): Promise<void> {
    const ask = async (path: string, body: unknown) => {
      const response = await fetch(`http://127.0.0.1:${this.#etcdPort}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
      return (await response.json()) as { header: { revision: string } }
    }
    const { header } = await ask('/v3/kv/range', { key: Buffer.from('none').toString('base64') })
    await ask('/v3/kv/compaction', { revision: header.revision, physical: true })
  }

  get #server(): string {
    return `https://127.0.0.1:${this.#port}`
  }

  get #certificate(): string {
    return join(this.#directory, 'certificates', 'apiserver.crt')
  }

  #spawn(name: string, args: readonly string[]): ChildProcess {
    const child = spawn(join(assets, name), args, { stdio: 'ignore' })
    const { pid } = child
    if (pid === undefined) throw new Error(`${name} cannot be started`)
    this.#keeper.guard(pid)
    child.once('exit', () => this.#keeper.release(pid))
    return child
  }
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
