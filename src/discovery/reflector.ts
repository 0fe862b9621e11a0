// Keeps a copy of the EndpointSlices of one Service: lists them, watches them, and never lets a broken watch take anything away.
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { type EndpointSlice, isEndpointSlice } from '../topology/endpoint-slices.ts'
import {
  type FailureReason,
  failureReason,
  MalformedAnswer,
  noLists,
  noWatchRestarts,
  SilentWatch,
} from './discovery-status.ts'
import { ApiError } from './kubernetes-api.ts'
import { RetryPause } from './retry-pause.ts'

/** What the reflector needs of the API server. */
export interface SliceApi {
  get(path: string, signal: AbortSignal): Promise<unknown>
  lines(path: string, signal: AbortSignal, heard: () => void): AsyncIterable<string>
}

export interface ReflectorObserver {
  /** All slices as they are now, after each list and each burst of events. */
  changed(slices: readonly EndpointSlice[]): void
  /** The API server can be asked: its watch stands. */
  works(): void
  /** The API server cannot be asked; what was known stays. @param status of its answer, 0 when there was none. */
  failed(status: number, message: string): void
}

interface SliceList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items: readonly unknown[]
}

interface WatchEvent {
  readonly type: string
  readonly object: EndpointSlice & { readonly code?: number; readonly message?: string }
}

/** A failover is several updates of slices: so long is waited for the others, in ms. */
const BURST_MS = 50
/** A server that asks for more time than this is not obeyed, in ms. */
const LONGEST_PAUSE_MS = 60_000
/** Servers send a bookmark every minute: one and a half of that without a byte is a dead connection. */
const SILENCE_MS = 90_000
/** A server that sends none ends each watch before this. */
const SILENCE_WITHOUT_BOOKMARKS_MS = 630_000
/** The server ends a watch after a random time in this range, so that not all clients come back at once. */
const WATCH_MS = { least: 300_000, most: 600_000 }
/** Even a watch that looks alive is not trusted for longer. */
const RELIST_MS = { least: 600_000, most: 900_000 }
/** A watch that ends sooner without an event has failed, and one that lasts is a proof that the API server can be asked. */
const SHORT_WATCH_MS = 1000

export class Reflector {
  readonly #api: SliceApi
  readonly #runtime: Runtime
  readonly #path: string
  readonly #selector: string
  readonly #observer: ReflectorObserver
  readonly #abort = new AbortController()
  readonly #retry: RetryPause
  readonly lists = { ...noLists }
  readonly watchRestarts = { ...noWatchRestarts }
  /** When the API server said last that the slices are what they are, in the runtime's ms; undefined before the first list. */
  provenAt: number | undefined
  /** When something changed last, in ms since 1970. */
  lastEventAt: number | undefined
  #slices = new Map<string, EndpointSlice>()
  #version = ''
  #relistAt = 0
  #hasBookmarks = false
  /** The last failure was followed by an attempt at once: not twice in a row. */
  #isAtOnce = false
  /** The last watch proved that the API server can be asked. */
  #hasStood = false
  #burst: Timer | null = null

  constructor(api: SliceApi, runtime: Runtime, namespace: string, service: string, observer: ReflectorObserver) {
    this.#api = api
    this.#runtime = runtime
    this.#path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`
    this.#selector = `labelSelector=${encodeURIComponent(`kubernetes.io/service-name=${service}`)}`
    this.#observer = observer
    this.#retry = new RetryPause(runtime, this.#abort.signal)
  }

  /** Runs until {@link stop}; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      try {
        if (this.#version === '' || this.#runtime.now() >= this.#relistAt) {
          await this.#counted(this.lists, 'ok', () => this.#list())
        }
        await this.#counted(this.watchRestarts, 'ended', () => this.#watch())
      } catch (error) {
        if (!signal.aborted) await this.#retry.wait(this.#afterFailure(error))
      }
    }
  }

  async #counted<Good extends 'ok' | 'ended'>(
    counts: Record<Good | FailureReason, number>,
    good: Good,
    run: () => Promise<void>,
  ): Promise<void> {
    try {
      await run()
      counts[good]++
    } catch (error) {
      if (!this.#abort.signal.aborted) counts[failureReason(error)]++
      throw error
    }
  }

  /** Nothing is published after this call. */
  stop(): void {
    this.#abort.abort()
    this.#burst?.cancel()
  }

  async #list(): Promise<void> {
    const slices = new Map<string, EndpointSlice>()
    let next = ''
    let list: SliceList
    do {
      const path = `${this.#path}?${this.#selector}${next && `&continue=${encodeURIComponent(next)}`}`
      list = (await this.#api.get(path, this.#abort.signal)) as SliceList
      // A watch from no version at all would ask etcd for everything.
      if (!Array.isArray(list?.items) || !isText(list.metadata?.resourceVersion)) {
        throw new MalformedAnswer('the API server answered with something else than a list')
      }
      for (const slice of list.items) if (isEndpointSlice(slice)) slices.set(slice.metadata.name, slice)
      next = list.metadata.continue ?? ''
    } while (next !== '')
    this.#version = list.metadata.resourceVersion
    this.provenAt = this.#runtime.now()
    this.#relistAt = this.#runtime.now() + this.#between(RELIST_MS)
    // All at once: what is no longer listed is gone.
    this.#slices = slices
    this.#publish()
  }

  async #watch(): Promise<void> {
    const beganAt = this.#runtime.now()
    // A second more, so that the list is due when the watch has ended.
    const seconds = 1 + Math.ceil(Math.min(this.#between(WATCH_MS), this.#relistAt - beganAt) / 1000)
    const query = [
      this.#selector,
      'watch=true',
      'allowWatchBookmarks=true',
      `resourceVersion=${encodeURIComponent(this.#version)}`,
      `timeoutSeconds=${seconds}`,
    ]
    let heardAt = beganAt
    let hasEvents = false
    const silence = new AbortController()
    const watchdog = this.#runtime.every(SILENCE_MS / 6, () => {
      const limitMs = this.#hasBookmarks ? SILENCE_MS : SILENCE_WITHOUT_BOOKMARKS_MS
      if (this.#runtime.now() - heardAt > limitMs) silence.abort()
    })
    this.#hasStood = false
    let lasting = null as Timer | null
    try {
      const signal = AbortSignal.any([this.#abort.signal, silence.signal])
      const heard = () => {
        heardAt = this.provenAt = this.#runtime.now()
        lasting ??= this.#runtime.after(SHORT_WATCH_MS, () => {
          if (!signal.aborted) this.#stands()
        })
      }
      for await (const line of this.#api.lines(`${this.#path}?${query.join('&')}`, signal, heard)) {
        signal.throwIfAborted()
        this.#event(line)
        hasEvents = true
        this.#stands()
      }
    } catch (error) {
      throw silence.signal.aborted ? new SilentWatch() : error
    } finally {
      watchdog.cancel()
      lasting?.cancel()
    }
    if (!hasEvents && this.#runtime.now() - beganAt < SHORT_WATCH_MS) throw new Error('the watch was ended at once')
  }

  #stands(): void {
    this.#hasStood = true
    this.#observer.works()
  }

  #event(line: string): void {
    const { type, object } = this.#parse(line)
    if (type === 'ERROR') {
      this.#version = ''
      throw new ApiError(object.code ?? 500, object.message ?? 'the watch ended with an error')
    }
    this.#version = object.metadata.resourceVersion ?? this.#version
    if (type === 'BOOKMARK') {
      this.#hasBookmarks = true
      return
    }
    this.lastEventAt = this.#runtime.wallClock()
    if (type === 'DELETED') this.#slices.delete(object.metadata.name)
    else this.#slices.set(object.metadata.name, object)
    this.#burst ??= this.#runtime.after(BURST_MS, () => this.#publish())
  }

  #parse(line: string): WatchEvent {
    try {
      const event = JSON.parse(line) as WatchEvent
      if (event.type !== 'ERROR' && !isEndpointSlice(event.object)) throw new MalformedAnswer('the watch sent no slice')
      return event
    } catch (error) {
      // What it said is lost: only a list can tell.
      this.#version = ''
      throw error
    }
  }

  #publish(): void {
    this.#burst?.cancel()
    this.#burst = null
    this.#observer.changed([...this.#slices.values()])
  }

  /** @returns how long to wait before trying again, in ms. */
  #afterFailure(error: unknown): number {
    const status = error instanceof ApiError ? error.status : 0
    const { ms, isFirst } = this.#retry.next()
    // An API server that has too much to do is not asked for a list as well.
    if (status !== 0 && status !== 429) this.#version = ''
    // The version is too old, or of a server that is ahead of this one: a list helps. The token may just have been rotated: it is read anew.
    this.#isAtOnce = isAtOnceBetter(failureReason(error)) && (isFirst || !this.#isAtOnce)
    if (this.#isAtOnce) return 0
    // That a watch is cut says nothing yet: only if the next one cannot be had, there is something to tell.
    if (status === 0 && this.#hasStood) {
      this.#hasStood = false
      return ms
    }
    this.#observer.failed(status, error instanceof Error ? error.message : String(error))
    const askedForMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
    return Math.min(askedForMs, LONGEST_PAUSE_MS) + ms
  }

  #between({ least, most }: { least: number; most: number }): number {
    return least + (most - least) * this.#runtime.random()
  }
}

function isAtOnceBetter(reason: FailureReason): boolean {
  return reason === 'expired' || reason === 'unauthorized'
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}
