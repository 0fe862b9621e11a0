// Stands for the Service of the injector: kube-proxy is not there.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TestInjector } from './test-injector.ts'

/** Leads the API server to the replicas that are ready, as a Service does. */
export class InjectorService {
  readonly replicas: TestInjector[] = []
  readonly #sockets = new Set<Socket>()
  readonly #server: Server = createServer((near) => this.#join(near))
  #turn = 0

  async listen(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The next question needs another handshake. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.#server.close()
    this.cutAll()
  }

  #join(near: Socket): void {
    const ready = this.replicas.filter(({ injector }) => injector.readiness.isWell)
    const chosen = ready[this.#turn++ % ready.length]
    if (chosen === undefined) {
      near.resetAndDestroy()
      return
    }
    const far = connect(chosen.port, '127.0.0.1')
    this.#sockets.add(near)
    near.once('close', () => this.#sockets.delete(near))
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
    near.pipe(far).pipe(near)
  }
}
