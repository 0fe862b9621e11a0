// How the tiny proxy knows the primary: it asks every server for its role, by HELLO, which no user is denied, and takes the one that has become master last, or is the only one left.
import type { Stream } from '../../src/runtime/runtime.ts'
import type { HostAndPort, ProxyPlace } from './proxy-place.ts'
import { encodeRequest, ReplyDecoder } from './resp-codec.ts'

const PROBE_MS = 50
const CONNECT_TIMEOUT_MS = 500

export class TinyWatch {
  address: HostAndPort
  /** False while the one it uses is not among the servers that discovery names. */
  isListed = true
  readonly #place: ProxyPlace
  readonly #switched: () => void
  readonly #streams = new Set<Stream>()
  readonly #discovery: { stop(): void } | undefined
  #isClosed = false
  /** By address: what each said last. */
  readonly #roles = new Map<HostAndPort, string>()

  constructor(place: ProxyPlace, switched: () => void) {
    this.#place = place
    this.#switched = switched
    this.address = place.backends[0]!
    place.accepted(`${this.address.host}:${this.address.port}`)
    // With one server there is nothing to find out.
    this.#discovery = place.discover?.((endpoints) => {
      // Nothing at all is no news.
      if (endpoints.length > 0) this.#listed(endpoints.some(({ host }) => host === this.address.host))
    })
    if (place.backends.length > 1) for (const backend of place.backends) this.#ask(backend)
  }

  close(): void {
    this.#isClosed = true
    this.#discovery?.stop()
    for (const stream of this.#streams) stream.destroy()
  }

  #ask(backend: HostAndPort): void {
    if (this.#isClosed) return
    const { runtime } = this.#place
    const decoder = new ReplyDecoder()
    let timer = { cancel: () => {} }
    const stream: Stream = runtime.connect(backend, undefined, CONNECT_TIMEOUT_MS, {
      opened: () => void stream.write(encodeRequest(['HELLO'])),
      received: (bytes, length) => {
        decoder.push(bytes.subarray(0, length))
        const reply = decoder.next()
        if (reply === undefined) return
        const texts = reply.items.map(({ text }) => text)
        this.#heard(backend, texts[texts.indexOf('role') + 1] ?? '')
        timer = runtime.after(PROBE_MS, () => void stream.write(encodeRequest(['HELLO'])))
      },
      drained: () => {},
      ended: () => stream.destroy(),
      closed: () => {
        timer.cancel()
        this.#streams.delete(stream)
        runtime.after(PROBE_MS, () => this.#ask(backend))
      },
    })
    this.#streams.add(stream)
  }

  #listed(isListed: boolean): void {
    if (isListed === this.isListed) return
    this.isListed = isListed
    if (isListed) this.#place.accepted(`${this.address.host}:${this.address.port}`)
    this.#switched()
  }

  #heard(backend: HostAndPort, role: string): void {
    const isPromoted = role === 'master' && this.#roles.get(backend) === 'replica'
    this.#roles.set(backend, role)
    if (isPromoted) this.#take(backend)
    else if (this.#roles.get(this.address) === 'replica') {
      const [master] = [...this.#roles].find(([, said]) => said === 'master') ?? []
      if (master !== undefined) this.#take(master)
    }
  }

  #take(backend: HostAndPort): void {
    if (backend === this.address) return
    this.address = backend
    this.#place.accepted(`${backend.host}:${backend.port}`)
    this.#switched()
  }
}
