// Writes the few replies the proxy gives itself.

/** RESP version a client has chosen with HELLO. */
export type Protocol = 2 | 3

export const OK = Buffer.from('+OK\r\n', 'latin1')
export const PONG = Buffer.from('+PONG\r\n', 'latin1')
export const QUEUED = Buffer.from('+QUEUED\r\n', 'latin1')
export const RESET = Buffer.from('+RESET\r\n', 'latin1')

/** An error line; `text` begins with its code (`ERR …`). Line breaks would end the reply early and become blanks, as in Redis. */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${text.replace(/[\r\n]/g, ' ')}\r\n`, 'latin1')
}

export function integerReply(value: number): Buffer {
  return Buffer.from(`:${value}\r\n`, 'latin1')
}

/** A line of text, as `+OK`. */
export function statusReply(text: string): Buffer {
  return Buffer.from(`+${text}\r\n`, 'latin1')
}

export function arrayReply(items: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(`*${items.length}\r\n`, 'latin1'), ...items])
}

/** A bulk string with one byte per character of `text`. */
export function bulkReply(text: string): Buffer {
  return Buffer.from(`$${text.length}\r\n${text}\r\n`, 'latin1')
}

/** A verbatim text in RESP3, a bulk string in RESP2, as INFO-like commands answer. */
export function verbatimReply(text: string, protocol: Protocol): Buffer {
  return protocol === 2 ? bulkReply(text) : Buffer.from(`=${text.length + 4}\r\ntxt:${text}\r\n`, 'latin1')
}

/** The null of an array-valued reply: what EXEC answers when a watched key changed. */
export function nullArrayReply(protocol: Protocol): Buffer {
  return Buffer.from(protocol === 2 ? '*-1\r\n' : '_\r\n', 'latin1')
}

/** The null of a string-valued reply. */
export function nullReply(protocol: Protocol): Buffer {
  return Buffer.from(protocol === 2 ? '$-1\r\n' : '_\r\n', 'latin1')
}
