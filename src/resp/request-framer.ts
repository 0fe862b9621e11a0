// Finds where each request ends in a client's stream of bytes, as a Redis server would, without copying or decoding it.

/** What one call of {@link RequestFramer.scan} found. */
export const Scan = {
  /** A whole request (an array of bulk strings) lies in [begin, position). */
  Complete: 0,
  /** The bytes end between two requests or inside of one: call again with more, from `position` on. */
  Partial: 1,
  /** A whole inline command (a line, its end included) lies in [begin, position). */
  Inline: 2,
  /** Something Redis reads and ignores without a reply (`*0`, `*-1`, an empty line) lies in [begin, position). */
  Empty: 3,
  /** Redis would answer with `error` and close the connection. */
  Invalid: 4,
} as const
export type Scan = (typeof Scan)[keyof typeof Scan]

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const DOLLAR = 36
const ASTERISK = 42
const ZERO = 48

/** Longest header or inline line without its end, in bytes (PROTO_INLINE_MAX_SIZE of the server). */
const MAX_LINE_BYTES = 64 * 1024
/** Most arguments of one request (INT_MAX since Redis 7). */
const MAX_ARGUMENTS = 2 ** 31 - 1
/** Beyond this the length is no length at all; below it the backend's own proto-max-bulk-len judges. */
const MAX_BULK_BYTES = 2 ** 53
/** What a client that has not authenticated may send. */
const UNAUTHENTICATED_MAX_ARGUMENTS = 10
const UNAUTHENTICATED_MAX_BULK_BYTES = 16384

/** Longest number, its sign included, that can fit 64 bits. */
const MAX_NUMBER_BYTES = 20
/** Numbers up to this many digits are exact in a double. */
const MAX_EXACT_DIGITS = 15

/** What `#readHeader` says in place of a count or length, which is never below -1. */
const NEEDS_MORE = -2
const NOT_A_NUMBER = -3
const TOO_LONG = -4
const NO_CRLF = -5

/**
 * Newer servers refuse and close at a CR without LF and at an argument not followed by CRLF; older ones skip the two bytes unseen.
 * The strict reading is the safe one: on a shared connection the close would hit every client, and nobody can smuggle a request
 * past a proxy whose reading no server can take for another.
 */
const CRLF_ERROR = 'invalid CRLF in request'

/**
 * Resumable at any byte. Its memory does not depend on declared sizes: between two calls it remembers a few numbers.
 * Positions are indexes into the buffer handed to `scan`; when the owner moves the bytes it calls `rebase`.
 */
export class RequestFramer {
  /** Index of the first byte of the request that was found or is under way. */
  begin = 0
  /** Index behind what has been understood: the request's end, or where to go on. */
  position = 0
  /** The command's name (first argument) lies in [nameStart, nameEnd); both -1 until it has been received. */
  nameStart = -1
  nameEnd = -1
  /** Number of arguments the request declares, the name included; 0 until it did. */
  argumentCount = 0
  /** Longest argument declared so far, in bytes. */
  longestArgument = 0
  /** Redis's own text, when a scan was Invalid. */
  error = ''
  /** Clients that still have to authenticate get Redis's lower limits. */
  unauthenticated = false
  /** True while the bytes seen so far end inside a request. */
  isInside = false
  /** Arguments still to come; -1 until the request's header was read. */
  #argumentsLeft = -1
  /** Bytes of the current argument, its CRLF included, that have not arrived yet. */
  #skip = 0
  /** Bytes of an unfinished line that are known not to hold its end. */
  #searched = 0
  /** Index behind the header that `#readHeader` read last. */
  #headerEnd = 0

  /**
   * Scans bytes[from, to) up to the end of one request.
   * @param from 0, or where the bytes at `position` are now. Behind an unfinished line they come again with more, so the owner
   *   keeps what lies behind `position` (at most 64 KiB and a byte).
   */
  scan(bytes: Uint8Array, from: number, to: number): Scan {
    let at = from
    let left = this.#argumentsLeft
    if (left < 0) {
      this.begin = from
      this.nameStart = -1
      this.nameEnd = -1
      this.argumentCount = 0
      this.longestArgument = 0
      if (from >= to) return this.#partial(from, left)
      if (bytes[from] !== ASTERISK) return this.#scanInline(bytes, from, to)
      left = this.#readHeader(bytes, from, to)
      if (left <= 0) {
        if (left < -1) return this.#unread(left, from, -1, 'too big mbulk count string', 'invalid multibulk length')
        return this.#found(Scan.Empty, this.#headerEnd)
      }
      if (left > MAX_ARGUMENTS) return this.#invalid('invalid multibulk length')
      if (this.unauthenticated && left > UNAUTHENTICATED_MAX_ARGUMENTS) {
        return this.#invalid('unauthenticated multibulk length')
      }
      this.argumentCount = left
      at = this.#headerEnd
    } else if (this.#skip > 0) {
      const end = at + this.#skip
      if (!endsWithCrlf(bytes, at, end, to)) return this.#invalid(CRLF_ERROR)
      if (end > to) return this.#partialArgument(end, to, left)
      this.#skip = 0
      if (left === this.argumentCount) this.#setName(end)
      at = end
      left--
    }
    while (left > 0) {
      if (at >= to) return this.#partial(at, left)
      const length = this.#readHeader(bytes, at, to)
      if (bytes[at] !== DOLLAR && length !== NEEDS_MORE && length !== TOO_LONG) {
        return this.#invalid(`expected '$', got '${String.fromCharCode(bytes[at]!)}'`)
      }
      if (length < 0) return this.#unread(length, at, left, 'too big bulk count string', 'invalid bulk length')
      if (length > UNAUTHENTICATED_MAX_BULK_BYTES) {
        if (length > MAX_BULK_BYTES) return this.#invalid('invalid bulk length')
        if (this.unauthenticated) return this.#invalid('unauthenticated bulk length')
      }
      if (length > this.longestArgument) this.longestArgument = length
      const end = this.#headerEnd + length + 2
      if (end > to) {
        if (!endsWithCrlf(bytes, this.#headerEnd, end, to)) return this.#invalid(CRLF_ERROR)
        return this.#partialArgument(end, to, left)
      }
      if (bytes[end - 1] !== LF || bytes[end - 2] !== CR) return this.#invalid(CRLF_ERROR)
      if (left === this.argumentCount) this.#setName(end)
      at = end
      left--
    }
    this.#argumentsLeft = -1
    return this.#found(Scan.Complete, at)
  }

  /** Tells that the owner moved the bytes `distance` places to the front. */
  rebase(distance: number): void {
    this.begin -= distance
    this.position -= distance
    if (this.nameEnd >= 0) {
      this.nameStart -= distance
      this.nameEnd -= distance
    }
  }

  #found(what: Scan, end: number): Scan {
    this.position = end
    this.isInside = false
    return what
  }

  #partial(at: number, left: number): Scan {
    this.#argumentsLeft = left
    this.position = at
    this.isInside = left >= 0
    return Scan.Partial
  }

  #partialArgument(end: number, to: number, left: number): Scan {
    this.#skip = end - to
    return this.#partial(to, left)
  }

  #invalid(error: string): Scan {
    this.error = error
    return Scan.Invalid
  }

  /** A header or line at `at` gave no number: either more bytes are needed or the client is told why not. */
  #unread(reason: number, at: number, left: number, tooLong: string, notANumber: string): Scan {
    if (reason === NEEDS_MORE) {
      this.#partial(at, left)
      this.isInside = true
      return Scan.Partial
    }
    if (reason === TOO_LONG) return this.#invalid(tooLong)
    return this.#invalid(reason === NO_CRLF ? CRLF_ERROR : notANumber)
  }

  /** The first argument, which is the longest one so far, ends with its CRLF at `end`. */
  #setName(end: number): void {
    this.nameEnd = end - 2
    this.nameStart = this.nameEnd - this.longestArgument
  }

  /** As in Redis a line ends at LF; a NUL, at which older servers would wait for ever, is a byte like any other. */
  #scanInline(bytes: Uint8Array, from: number, to: number): Scan {
    const length = this.#searchLine(LF, bytes, from, to)
    if (length < 0) return this.#unread(length, from, -1, 'too big inline request', '')
    this.#searched = 0
    const end = from + length
    let at = from
    while (at < end && (bytes[at] === SPACE || (bytes[at]! >= TAB && bytes[at]! <= CR))) at++
    return this.#found(at === end ? Scan.Empty : Scan.Inline, end + 1)
  }

  /**
   * Reads the number between the type byte at `from` and its CRLF the way the server's string2ll does: no sign but minus, no
   * leading zero, 64 bits. Returns -1 for all below zero, and a reason (NEEDS_MORE …) where there is no number.
   */
  #readHeader(bytes: Uint8Array, from: number, to: number): number {
    const first = bytes[from + 1]! - ZERO
    if (first >= 0 && first <= 9) {
      // Bounded, so that a long line is not read again with every byte that comes; behind a leading zero only CRLF may come.
      const last = Math.min(to, first === 0 ? from + 2 : from + 1 + MAX_EXACT_DIGITS)
      let value = first
      let at = from + 2
      while (at < last) {
        const digit = bytes[at]! - ZERO
        if (digit < 0 || digit > 9) break
        value = value * 10 + digit
        at++
      }
      if (at + 1 < to && bytes[at] === CR && bytes[at + 1] === LF) {
        this.#headerEnd = at + 2
        this.#searched = 0
        return value
      }
    }
    return this.#readUnusualHeader(bytes, from, to)
  }

  #readUnusualHeader(bytes: Uint8Array, from: number, to: number): number {
    const length = this.#searchLine(CR, bytes, from, to)
    if (length < 0) return length
    const end = from + length
    if (end + 1 >= to) return NEEDS_MORE
    this.#searched = 0
    if (bytes[end + 1] !== LF) return NO_CRLF
    if (length - 1 > MAX_NUMBER_BYTES) return NOT_A_NUMBER
    const text = String.fromCharCode(...bytes.subarray(from + 1, end))
    if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return NOT_A_NUMBER
    const value = BigInt(text)
    if (BigInt.asIntN(64, value) !== value) return NOT_A_NUMBER
    this.#headerEnd = end + 2
    return value < 0n ? -1 : Number(value)
  }

  /** The number of bytes before the first `byte`; NEEDS_MORE or TOO_LONG when it has not come. */
  #searchLine(byte: number, bytes: Uint8Array, from: number, to: number): number {
    const limit = Math.min(to, from + MAX_LINE_BYTES + 1)
    const found = bytes.subarray(from + this.#searched, limit).indexOf(byte)
    if (found >= 0) return this.#searched + found
    this.#searched = limit - from
    return to - from > MAX_LINE_BYTES ? TOO_LONG : NEEDS_MORE
  }
}

/** Whether those of the two bytes before `end` that lie in [from, to), which may be none yet, are CR and LF. */
function endsWithCrlf(bytes: Uint8Array, from: number, end: number, to: number): boolean {
  if (end <= to) return bytes[end - 1] === LF && (end - 2 < from || bytes[end - 2] === CR)
  return end - 1 > to || end - 2 < from || bytes[end - 2] === CR
}
