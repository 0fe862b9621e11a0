// A client's subscriptions as the server acknowledged them, and the reading of what arrives on a subscribed connection.
import { bulkReply, integerReply, nullReply, type Protocol } from '../resp/reply.ts'
import { encodeRequest } from '../resp/request.ts'

const kinds = ['subscribe', 'psubscribe', 'ssubscribe'] as const
type SubscribeKind = (typeof kinds)[number]

export class Subscriptions {
  readonly #channels: Readonly<Record<SubscribeKind, Set<string>>> = {
    subscribe: new Set(),
    psubscribe: new Set(),
    ssubscribe: new Set(),
  }

  get count(): number {
    return kinds.reduce((sum, kind) => sum + this.#channels[kind].size, 0)
  }

  /** As CLIENT LIST has them. */
  get counts(): { sub: number; psub: number; ssub: number } {
    return {
      sub: this.#channels.subscribe.size,
      psub: this.#channels.psubscribe.size,
      ssub: this.#channels.ssubscribe.size,
    }
  }

  /** How many acknowledgements a request will get. @param argumentCount its words, the name included. */
  acknowledgements(command: string, argumentCount: number): number {
    if (argumentCount > 1) return argumentCount - 1
    // Without names it leaves all of its kind, one acknowledgement each, or one with a null.
    return Math.max(1, this.#set(command)?.size ?? 0)
  }

  /** Notes one acknowledgement (`subscribe`, `sunsubscribe`, …). @param channel null where the server named none. */
  acknowledged(word: string, channel: string | null): void {
    const set = this.#set(word)
    if (set === undefined || channel === null) return
    if (word.includes('unsub')) set.delete(channel)
    else set.add(channel)
  }

  /** The requests that subscribe a fresh connection to the same. */
  requests(): Buffer[] {
    return kinds
      .filter((kind) => this.#channels[kind].size > 0)
      .map((kind) => encodeRequest([kind, ...this.#channels[kind]]))
  }

  /** Ends subscriptions while there is no server, and acknowledges that as one would. @param names none for all of the kind. */
  unsubscribe(word: string, names: readonly string[], protocol: Protocol): Buffer {
    const set = this.#set(word)
    const channels: readonly (string | null)[] = names.length > 0 ? names : set?.size ? [...set] : [null]
    const frames = channels.flatMap((channel) => {
      this.acknowledged(word, channel)
      const { sub, psub, ssub } = this.counts
      const left = word === 'sunsubscribe' ? ssub : sub + psub
      const name = channel === null ? nullReply(protocol) : bulkReply(channel)
      return [Buffer.from(protocol === 2 ? '*3\r\n' : '>3\r\n'), bulkReply(word), name, integerReply(left)]
    })
    return Buffer.concat(frames)
  }

  #set(word: string): Set<string> | undefined {
    const kind = word.replace('unsub', 'sub')
    return (this.#channels as Readonly<Record<string, Set<string>>>)[kind]
  }
}

/** The words of an acknowledgement frame: kind and channel. */
export interface PubSubFrame {
  /** 'message', 'subscribe', 'invalidate', … in lower case. */
  readonly word: string
  /** The second value when it is a string, null otherwise. */
  readonly channel: string | null
}

/** Reads the first two values of an array or push frame; undefined when its first value is no bulk string. */
export function readPubSubFrame(bytes: Buffer, start: number, end: number): PubSubFrame | undefined {
  const header = bytes.indexOf(10, start) + 1
  const word = readBulk(bytes, header, end)
  if (word === undefined) return undefined
  return { word: word.text.toLowerCase(), channel: readBulk(bytes, word.end, end)?.text ?? null }
}

function readBulk(bytes: Buffer, at: number, limit: number): { text: string; end: number } | undefined {
  if (at <= 0 || at >= limit || bytes[at] !== 36) return undefined
  const line = bytes.indexOf(10, at) + 1
  const length = Number(bytes.latin1Slice(at + 1, line - 2))
  if (length < 0) return undefined
  return { text: bytes.latin1Slice(line, line + length), end: line + length + 2 }
}
