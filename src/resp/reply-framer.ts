// Finds where each reply ends in a backend's stream of bytes (all of RESP2 and RESP3), without copying or decoding it.

const LF = 10
const CR = 13
const MINUS = 45
const ZERO = 48
const ONE = 49
const QUESTION = 63

/** The first byte of every type a server may send (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
export const Type = {
  SimpleString: 43, // +
  Error: 45, // -
  Integer: 58, // :
  BulkString: 36, // $
  Array: 42, // *
  Null: 95, // _
  Double: 44, // ,
  Boolean: 35, // #
  BulkError: 33, // !
  VerbatimString: 61, // =
  BigNumber: 40, // (
  Map: 37, // %
  Set: 126, // ~
  Attribute: 124, // |
  Push: 62, // >
  Chunk: 59, // ; a part of a streamed string
  End: 46, // . the end of a streamed aggregate
} as const

/** How a type goes on behind its first byte. */
const Shape = { None: 0, Line: 1, Blob: 2, Elements: 3, Pairs: 4, Attribute: 5, Chunk: 6, End: 7 } as const

const shapes = new Uint8Array(256)
for (const char of '+-:_,#(') shapes[char.charCodeAt(0)] = Shape.Line
for (const char of '$!=') shapes[char.charCodeAt(0)] = Shape.Blob
for (const char of '*~>') shapes[char.charCodeAt(0)] = Shape.Elements
shapes[Type.Map] = Shape.Pairs
shapes[Type.Attribute] = Shape.Attribute
shapes[Type.Chunk] = Shape.Chunk
shapes[Type.End] = Shape.End

/** What the framer does with the bytes that follow. */
const Step = { Type: 0, Number: 1, Line: 2, LineEnd: 3, Skip: 4 } as const

/** Streamed aggregates inside each other; a server has no reason for more, and the bound keeps the stack small. */
const MAX_STREAMED_DEPTH = 128
/** Lengths and counts above this are no lengths: the stream is out of step. */
const MAX_LENGTH = 2 ** 48

/**
 * Resumable at any byte and iterative: nested values only add to a count of values still to come, so neither depth nor declared
 * sizes cost memory. Values that lie in the bytes as a whole, as nearly all do, take the straight line of `endOfScalar`; the steps
 * are for aggregates and for values that are cut.
 */
export class ReplyFramer {
  /** Index behind the last byte that was understood: the reply's end when `scan` said true. */
  position = 0
  /** First byte of the reply that was found or is under way: an attribute's where one stands in front. */
  type = 0
  /** True once bytes came that are no reply; the connection has to be destroyed. */
  isBroken = false
  /** True while the bytes seen so far end inside a reply. */
  isInside = false
  #step: number = Step.Type
  #shape: number = Shape.None
  /** The length or count of the header under way, its digits so far, and `-` (a null) or `?` (streamed) in place of a number. */
  #number = 0
  #digits = 0
  #mark = 0
  /** Bytes of a string, its CRLF included, that have not arrived yet. */
  #skip = 0
  /** Values still to come before the reply is whole; inside a streamed aggregate, before its current element is (0: between two). */
  #valuesLeft = 0
  /** The `#valuesLeft` around each streamed aggregate that is open. */
  readonly #outer: number[] = []
  /** True inside a streamed string, where only chunks may come. */
  #inStreamedString = false

  /**
   * Scans bytes[from, to) up to the end of one reply.
   * @returns true when the reply is whole (it ends at `position`); false when the bytes ran out or `isBroken`.
   */
  scan(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.isInside) return this.#scanSteps(bytes, from, to)
    this.position = from
    if (from >= to) return false
    this.type = bytes[from]!
    const end = endOfScalar(bytes, from, to)
    if (end === 0) {
      this.isInside = true
      this.#valuesLeft = 1
      return this.#scanSteps(bytes, from, to)
    }
    this.position = end
    return true
  }

  #scanSteps(bytes: Uint8Array, from: number, to: number): boolean {
    let at = from
    while (at < to && !this.isBroken) {
      switch (this.#step) {
        case Step.Type: {
          const end = this.#inStreamedString ? 0 : endOfScalar(bytes, at, to)
          if (end === 0) {
            this.#startValue(bytes[at]!)
            at++
            break
          }
          if (this.#valuesLeft > 0) this.#valuesLeft--
          at = end
          break
        }
        case Step.Number:
          this.#readNumber(bytes[at]!)
          at++
          break
        case Step.Line:
          // Lines are short: a loop beats a call of indexOf.
          while (at < to && bytes[at] !== CR) at++
          if (at === to) break
          at++
          this.#step = Step.LineEnd
          break
        case Step.LineEnd:
          if (bytes[at] === LF) {
            at++
            this.#step = Step.Type
            this.#endLine()
          } else if (this.#shape === Shape.Line) {
            // A bare CR belongs to the line it stands in; what follows may be the CR that ends it.
            this.#step = Step.Line
          } else this.isBroken = true
          break
        default: {
          const skipped = Math.min(this.#skip, to - at)
          at += skipped
          this.#skip -= skipped
          if (this.#skip > 0) break
          this.#step = Step.Type
          if (!this.#inStreamedString) this.#valuesLeft--
        }
      }
      if (this.#valuesLeft === 0 && this.#outer.length === 0) {
        this.position = at
        this.isInside = false
        return !this.isBroken
      }
    }
    this.position = at
    return false
  }

  #startValue(type: number): void {
    const shape = shapes[type]!
    const isBetweenElements = this.#valuesLeft === 0
    if (this.#inStreamedString !== (shape === Shape.Chunk) || shape === Shape.None) this.isBroken = true
    else if (shape === Shape.End) this.isBroken = !isBetweenElements
    else if (isBetweenElements) this.#valuesLeft = 1
    this.#shape = shape
    this.#number = 0
    this.#digits = 0
    this.#mark = 0
    this.#step = shape === Shape.Line ? Step.Line : Step.Number
  }

  #readNumber(byte: number): void {
    const digit = byte - ZERO
    if (digit >= 0 && digit <= 9 && this.#mark !== QUESTION) {
      this.#number = this.#number * 10 + digit
      this.#digits++
      this.isBroken = this.#number > MAX_LENGTH
    } else if (byte === CR) {
      this.#step = Step.LineEnd
      this.isBroken = !this.#isNumberWhole()
    } else if ((byte === MINUS || byte === QUESTION) && this.#digits === 0 && this.#mark === 0) this.#mark = byte
    else this.isBroken = true
  }

  /** A number is digits, or `?` for a streamed value, or `-1` for a null; chunks and attributes know digits only, an end none. */
  #isNumberWhole(): boolean {
    if (this.#shape === Shape.End) return this.#digits === 0 && this.#mark === 0
    if (this.#mark === 0) return this.#digits > 0
    if (this.#shape === Shape.Chunk || this.#shape === Shape.Attribute) return false
    return this.#mark === QUESTION || (this.#digits === 1 && this.#number === 1)
  }

  /** Applies a line that has been read to its CRLF. */
  #endLine(): void {
    if (this.#shape === Shape.End) {
      // The end of a streamed aggregate ends the value that opened it.
      this.#valuesLeft = this.#outer.pop()! - 1
    } else if (this.#shape === Shape.Line || this.#mark === MINUS) this.#valuesLeft--
    else if (this.#mark === QUESTION) this.#openStreamed()
    else this.#applyNumber(this.#number)
  }

  #openStreamed(): void {
    if (this.#shape === Shape.Blob) {
      this.#inStreamedString = true
      return
    }
    this.isBroken = this.#outer.length === MAX_STREAMED_DEPTH
    this.#outer.push(this.#valuesLeft)
    this.#valuesLeft = 0
  }

  #applyNumber(number: number): void {
    switch (this.#shape) {
      case Shape.Elements:
        this.#valuesLeft += number - 1
        break
      case Shape.Pairs:
        this.#valuesLeft += 2 * number - 1
        break
      case Shape.Attribute:
        // It stands in front of the value it describes: that one is still to come.
        this.#valuesLeft += 2 * number
        break
      default:
        if (this.#shape === Shape.Chunk && number === 0) {
          this.#inStreamedString = false
          this.#valuesLeft--
          break
        }
        this.#skip = number + 2
        this.#step = Step.Skip
    }
  }
}

/** The index behind the line or string that begins at `from`, if it lies in [from, to) as a whole; else 0. */
function endOfScalar(bytes: Uint8Array, from: number, to: number): number {
  const shape = shapes[bytes[from]!]!
  let at = from + 1
  if (shape === Shape.Line) {
    while (at < to && bytes[at] !== CR) at++
    return at + 1 < to && bytes[at + 1] === LF ? at + 2 : 0
  }
  if (shape !== Shape.Blob) return 0
  let length = 0
  while (at < to) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) break
    length = length * 10 + digit
    at++
  }
  if (at === from + 1) return endOfNull(bytes, from, to)
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return 0
  const end = at + length + 4
  return end <= to ? end : 0
}

/** The index behind the null of RESP2 (`$-1`) at `from`, if there is one; else 0. */
function endOfNull(bytes: Uint8Array, from: number, to: number): number {
  const end = from + 5
  if (end > to || bytes[from + 1] !== MINUS || bytes[from + 2] !== ONE) return 0
  return bytes[from + 3] === CR && bytes[from + 4] === LF ? end : 0
}
