// One connection through a fault link: frames are paired with their replies, so that the link can speak in the server's place.

import { connect, type Socket } from 'node:net'
import type { Random } from '../simulator/random.ts'
import { ReplySplitter } from './reply-splitter.ts'

/** How a connection ends: with a TCP reset, or as if the other side had closed it in order. */
export type Ending = 'reset' | 'end'

/** What becomes of a request: undefined passes it on. */
export type Verdict = {
  /** Given to the proxy in the request's place in the order of replies. */
  readonly reply: string
  /** Sent to the server in place of the request; the server's reply to it is dropped. */
  readonly instead?: Buffer
}

/** Decides about each request, in the order in which the proxy sent them over this connection. */
export type Judge = (words: readonly string[], connection: LinkConnection) => Verdict | undefined

/** What the connections of one link have in common. */
export interface LinkState {
  readonly target: number
  readonly random: Random
  readonly delay: { readonly leastMs: number; readonly mostMs: number }
  readonly mostRunBytes: number
  readonly judge: Judge | undefined
  readonly isStalled: boolean
  readonly isBlackHole: boolean
}

/** Requests behind which frames come that answer nobody: from the first one on the link passes frames as they are. */
const unpairedNames = new Set(['subscribe', 'psubscribe', 'ssubscribe', 'monitor', 'sync', 'psync'])

/** A request's place among the replies: what the link answers itself, and whether a reply of the server's comes for it. */
type Slot = { readonly reply: Buffer | undefined; readonly isAwaited: boolean }
/** Bytes for the proxy, or the end of the connection, and when it may have them. */
type Run = { readonly what: Buffer | Ending; readonly dueMs: number }

export class LinkConnection {
  readonly number: number
  /** For judges: what a rule has to remember of this connection. */
  readonly memory = new Map<string, unknown>()
  hasLostBytes = false
  /** How the proxy ended the connection. */
  proxyEnding: Ending | undefined
  readonly #link: LinkState
  readonly #near: Socket
  readonly #far: Socket
  readonly #requests = new ReplySplitter()
  readonly #replies = new ReplySplitter()
  readonly #slots: Slot[] = []
  readonly #runs: Run[] = []
  #isUnpaired = false
  #lastDueMs = 0
  #timer: NodeJS.Timeout | undefined
  #replyBytesLeft = Number.POSITIVE_INFINITY
  #requestBytesLeft = Number.POSITIVE_INFINITY
  #ending: Ending = 'reset'
  #isCut = false
  #isHeld = false

  constructor(link: LinkState, near: Socket, number: number) {
    this.#link = link
    this.#near = near
    this.number = number
    this.#far = connect({ port: link.target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    near.on('data', (bytes: Buffer) => this.#fromProxy(bytes))
    near.on('end', () => {
      this.proxyEnding = 'end'
      if (this.#isHeld) this.cut('end')
      else this.#far.end()
    })
    near.on('error', () => {
      this.proxyEnding = 'reset'
      this.#far.destroy()
    })
    near.on('close', () => this.#far.destroy())
    this.#far.on('data', (bytes: Buffer) => this.#fromServer(bytes))
    this.#far.on('end', () => this.#deliver('end'))
    this.#far.on('error', () => this.#deliver('reset'))
    if (link.isStalled) near.pause()
  }

  /** Requests passed on or answered here that the proxy has no reply to yet. */
  get inFlight(): number {
    return this.#slots.length
  }

  /** Of a request whose end has not come: the server has seen nothing of it. */
  get unfinishedBytes(): number {
    return this.#requests.bufferedBytes
  }

  /** Ends both sides now. */
  cut(ending: Ending): void {
    if (this.#isCut) return
    this.#isCut = true
    clearTimeout(this.#timer)
    this.#far.destroy()
    if (ending === 'reset') this.#near.resetAndDestroy()
    else this.#near.end(() => this.#near.destroy())
  }

  /** Ends both sides once so many more bytes have gone to the proxy, in the middle of a reply if it falls there. */
  cutAfterReplyBytes(count: number, ending: Ending): void {
    this.#replyBytesLeft = count
    this.#ending = ending
    if (count === 0) this.cut(ending)
  }

  /** Ends both sides once so many more bytes have gone to the server. */
  cutAfterRequestBytes(count: number, ending: Ending): void {
    this.#requestBytesLeft = count
    this.#ending = ending
    if (count === 0) this.cut(ending)
  }

  /** Keeps all replies from now on, so that whatever is sent stays in flight until a cut, or until the proxy gives up. */
  holdReplies(): void {
    this.#isHeld = true
  }

  resume(): void {
    this.#near.resume()
    this.#pump()
  }

  #fromProxy(bytes: Buffer): void {
    if (this.#link.isBlackHole) {
      this.hasLostBytes = true
      return
    }
    this.#requests.push(bytes)
    if (this.#link.isStalled) this.#near.pause()
    for (let frame = this.#requests.next(); frame !== undefined && !this.#isCut; frame = this.#requests.next()) {
      this.#request(frame)
    }
  }

  #request(frame: Buffer): void {
    if (this.#isUnpaired) {
      this.#toServer(frame)
      return
    }
    if (unpairedNames.has(nameIn(frame))) {
      this.#isUnpaired = true
      this.#toServer(frame)
      return
    }
    const verdict = this.#link.judge?.(wordsIn(frame), this)
    if (verdict === undefined) this.#slots.push({ reply: undefined, isAwaited: true })
    else this.#slots.push({ reply: Buffer.from(verdict.reply, 'latin1'), isAwaited: verdict.instead !== undefined })
    const passed = verdict === undefined ? frame : verdict.instead
    if (passed !== undefined) this.#toServer(passed)
    this.#answer()
  }

  #toServer(bytes: Buffer): void {
    if (bytes.length < this.#requestBytesLeft) {
      this.#requestBytesLeft -= bytes.length
      this.#far.write(bytes)
      return
    }
    this.#far.write(bytes.subarray(0, this.#requestBytesLeft), () => this.cut(this.#ending))
    // What comes after the cut goes nowhere.
    this.#requestBytesLeft = 0
    this.#near.pause()
  }

  #fromServer(bytes: Buffer): void {
    if (this.#link.isBlackHole) {
      this.hasLostBytes = true
      return
    }
    this.#replies.push(bytes)
    for (let frame = this.#replies.next(); frame !== undefined; frame = this.#replies.next()) {
      const slot = this.#slots[0]
      if (slot === undefined || frame[0] === 0x3e) {
        // Pushes answer nobody, and so do the messages of an unpaired connection.
        this.#deliver(frame)
        continue
      }
      this.#slots.shift()
      this.#deliver(slot.reply ?? frame)
      this.#answer()
    }
  }

  /** Gives the link's own replies as soon as they are the next ones. */
  #answer(): void {
    for (let slot = this.#slots[0]; slot?.reply !== undefined && !slot.isAwaited; slot = this.#slots[0]) {
      this.#slots.shift()
      this.#deliver(slot.reply)
    }
  }

  #deliver(what: Buffer | Ending): void {
    const { random, mostRunBytes } = this.#link
    let rest = what
    while (typeof rest !== 'string' && rest.length > mostRunBytes) {
      const length = 1 + random.below(mostRunBytes)
      this.#plan(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
    this.#plan(rest)
    this.#pump()
  }

  #plan(what: Buffer | Ending): void {
    const { random, delay } = this.#link
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + random.between(delay.leastMs, delay.mostMs))
    this.#runs.push({ what, dueMs: this.#lastDueMs })
  }

  #pump(): void {
    clearTimeout(this.#timer)
    while (!this.#isCut && !this.#isHeld && !this.#link.isStalled) {
      const run = this.#runs[0]
      if (run === undefined) return
      const leftMs = run.dueMs - performance.now()
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), leftMs)
        return
      }
      this.#runs.shift()
      if (typeof run.what === 'string') this.cut(run.what)
      else this.#toProxy(run.what)
    }
  }

  #toProxy(bytes: Buffer): void {
    if (bytes.length < this.#replyBytesLeft) {
      this.#replyBytesLeft -= bytes.length
      this.#near.write(bytes)
      return
    }
    this.#near.write(bytes.subarray(0, this.#replyBytesLeft))
    this.cut(this.#ending)
  }
}

/** All words of a request, which the proxy always sends as an array of bulk strings. */
function wordsIn(frame: Buffer): string[] {
  const words: string[] = []
  for (let at = frame.indexOf('\n') + 1; at < frame.length; ) {
    const lineEnd = frame.indexOf('\r\n', at)
    const length = Number(frame.toString('latin1', at + 1, lineEnd))
    words.push(frame.toString('latin1', lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
  return words
}

/** The command's name in lower case, found without looking at the arguments. */
function nameIn(frame: Buffer): string {
  const [, , name = ''] = frame.toString('latin1', 0, 64).split('\r\n')
  return name.toLowerCase()
}
