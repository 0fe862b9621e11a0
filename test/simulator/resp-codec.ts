// Reads and writes RESP2 and RESP3 for the simulated clients and servers, decoding every value: it shares no code with the proxy.

/** A decoded reply. `text` holds one character per byte. */
export interface Reply {
  readonly kind: ReplyKind
  readonly text: string
  readonly items: readonly Reply[]
}

export type ReplyKind = 'status' | 'error' | 'integer' | 'bulk' | 'null' | 'array' | 'map' | 'set' | 'push' | 'other'

const KINDS: Readonly<Record<string, ReplyKind>> = {
  '+': 'status',
  '-': 'error',
  ':': 'integer',
  $: 'bulk',
  '*': 'array',
  '%': 'map',
  '~': 'set',
  '>': 'push',
  _: 'null',
  '=': 'other',
  ',': 'other',
  '#': 'other',
}

export function encodeRequest(words: readonly string[]): Buffer {
  let text = `*${words.length}\r\n`
  for (const word of words) text += `$${word.length}\r\n${word}\r\n`
  return Buffer.from(text, 'latin1')
}

/** Collects bytes in pieces and gives them out as whole values. */
abstract class Decoder<T> {
  /** The bytes of the value that `next` gave last. */
  lastBytes: Buffer = Buffer.alloc(0)
  #bytes: Buffer = Buffer.alloc(0)
  #position = 0
  #pieces: Buffer[] = []
  #arrived = 0
  /** A value cannot be whole before so many bytes are there; saves scanning a long one again with every piece. */
  #needed = 0

  push(bytes: Uint8Array): void {
    this.#pieces.push(Buffer.from(bytes))
    this.#arrived += bytes.length
  }

  /** The next whole value, or undefined until more arrives. */
  next(): T | undefined {
    const left = this.#bytes.length - this.#position + this.#arrived
    if (left === 0 || left < this.#needed) return undefined
    if (this.#pieces.length > 0) {
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#position), ...this.#pieces])
      this.#pieces = []
      this.#arrived = 0
      this.#position = 0
    }
    const cursor = new Cursor(this.#bytes, this.#position)
    const value = this.read(cursor)
    if (value === undefined) {
      this.#needed = cursor.needed - this.#position
      return undefined
    }
    this.#needed = 0
    this.lastBytes = this.#bytes.subarray(this.#position, cursor.at)
    this.#position = cursor.at
    return value
  }

  protected abstract read(cursor: Cursor): T | undefined
}

class Cursor {
  at: number
  /** Where the bytes must reach before reading again makes sense. */
  needed = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  line(): string | undefined {
    const end = this.#bytes.indexOf('\r\n', this.at, 'latin1')
    if (end < 0) {
      this.needed = this.#bytes.length + 1
      return undefined
    }
    const text = this.#bytes.toString('latin1', this.at, end)
    this.at = end + 2
    return text
  }

  text(length: number): string | undefined {
    const end = this.at + length
    if (end + 2 > this.#bytes.length) {
      this.needed = end + 2
      return undefined
    }
    const text = this.#bytes.toString('latin1', this.at, end)
    if (this.#bytes.toString('latin1', end, end + 2) !== '\r\n')
      throw new Error(`no line end behind ${JSON.stringify(text)}`)
    this.at = end + 2
    return text
  }
}

export class RequestDecoder extends Decoder<string[]> {
  protected override read(cursor: Cursor): string[] | undefined {
    const header = cursor.line()
    if (header === undefined) return undefined
    if (!header.startsWith('*')) return header.split(' ').filter((word) => word !== '')
    const words: string[] = []
    for (let left = wholeNumber(header.slice(1)); left > 0; left--) {
      const length = cursor.line()
      if (length === undefined) return undefined
      if (!length.startsWith('$')) throw new Error(`expected '$', got ${JSON.stringify(length)}`)
      const word = cursor.text(wholeNumber(length.slice(1)))
      if (word === undefined) return undefined
      words.push(word)
    }
    return words
  }
}

export class ReplyDecoder extends Decoder<Reply> {
  protected override read(cursor: Cursor): Reply | undefined {
    const line = cursor.line()
    if (line === undefined) return undefined
    const kind = KINDS[line[0] ?? '']
    const rest = line.slice(1)
    switch (kind) {
      case undefined:
        throw new Error(`not the beginning of a reply: ${JSON.stringify(line)}`)
      case 'bulk': {
        if (rest === '-1') return { kind: 'null', text: '', items: [] }
        const text = cursor.text(wholeNumber(rest))
        return text === undefined ? undefined : { kind, text, items: [] }
      }
      case 'array':
      case 'map':
      case 'set':
      case 'push':
        if (rest === '-1') return { kind: 'null', text: '', items: [] }
        return this.#readItems(cursor, kind, wholeNumber(rest) * (kind === 'map' ? 2 : 1))
      case 'other': {
        if (!line.startsWith('=')) return { kind, text: rest, items: [] }
        const text = cursor.text(wholeNumber(rest))
        return text === undefined ? undefined : { kind, text: text.slice(4), items: [] }
      }
      default:
        return { kind, text: rest, items: [] }
    }
  }

  #readItems(cursor: Cursor, kind: ReplyKind, count: number): Reply | undefined {
    const items: Reply[] = []
    for (let left = count; left > 0; left--) {
      const item = this.read(cursor)
      if (item === undefined) return undefined
      items.push(item)
    }
    return { kind, text: '', items }
  }
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`not a length: ${JSON.stringify(text)}`)
  return Number(text)
}

/** A reply on one line, for people. */
export function show(reply: Reply): string {
  if (reply.items.length > 0) return `${reply.kind}[${reply.items.map(show).join(' ')}]`
  return reply.kind === 'null' ? 'null' : `${reply.kind} ${JSON.stringify(reply.text.slice(0, 100))}`
}

/** All texts inside a reply, in order. */
export function textsOf(reply: Reply): string[] {
  return reply.items.length > 0 ? reply.items.flatMap(textsOf) : [reply.text]
}

export const encode = {
  ok: '+OK\r\n',
  status: (text: string): string => `+${text}\r\n`,
  error: (text: string): string => `-${text}\r\n`,
  integer: (value: number): string => `:${value}\r\n`,
  bulk: (text: string): string => `$${text.length}\r\n${text}\r\n`,
  array: (items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`,
  /** Name and value in turn: a map in RESP3, a flat array in RESP2. */
  map: (items: readonly string[], protocol: 2 | 3): string =>
    `${protocol === 3 ? `%${items.length / 2}` : `*${items.length}`}\r\n${items.join('')}`,
  push: (items: readonly string[], protocol: 2 | 3): string =>
    `${protocol === 3 ? '>' : '*'}${items.length}\r\n${items.join('')}`,
  null: (protocol: 2 | 3): string => (protocol === 3 ? '_\r\n' : '$-1\r\n'),
  nullArray: (protocol: 2 | 3): string => (protocol === 3 ? '_\r\n' : '*-1\r\n'),
}
