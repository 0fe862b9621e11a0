// Reads the arguments of one framed request where they are needed, and writes requests of our own.

const LF = 10
const CR = 13
const ZERO = 48
const CRLF = Buffer.from('\r\n', 'latin1')

/** The arguments of one request as views of its bytes; argument 0 is the command's name. */
export class Arguments {
  readonly #bytes: Buffer
  readonly #offsets: number[] = []

  /** @param bytes holds a whole request (an array of bulk strings, as the framer found it) in [start, end). */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    let at = bytes.indexOf(LF, start) + 1
    while (at < end) {
      let length = 0
      for (at++; at < end && bytes[at] !== CR; at++) length = length * 10 + bytes[at]! - ZERO
      const first = at + 2
      at = first + length + 2
      this.#offsets.push(first, first + length)
    }
  }

  get count(): number {
    return this.#offsets.length / 2
  }

  /** The bytes of argument `index`, not copied. */
  bytes(index: number): Buffer {
    return this.#bytes.subarray(this.#offsets[index * 2], this.#offsets[index * 2 + 1])
  }

  /** Argument `index` with one character per byte, so that no byte is lost; '' where there is none. */
  text(index: number): string {
    return this.#bytes.toString('latin1', this.#offsets[index * 2] ?? 0, this.#offsets[index * 2 + 1] ?? 0)
  }

  /** Argument `index` in lower case: subcommands and options are compared without regard to case. */
  word(index: number): string {
    return this.text(index).toLowerCase()
  }
}

/** Writes a request as an array of bulk strings; text is written with one byte per character. */
export function encodeRequest(parts: readonly (string | Uint8Array)[]): Buffer {
  const pieces: Uint8Array[] = [Buffer.from(`*${parts.length}\r\n`, 'latin1')]
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : part
    pieces.push(Buffer.from(`$${bytes.length}\r\n`, 'latin1'), bytes, CRLF)
  }
  return Buffer.concat(pieces)
}

/** What the server calls isspace: blanks between arguments, and what may follow a closing quote. */
const isBlank = (char: string) => /^[ \t-\r]$/.test(char)
/** An argument without quotes ends at these only: \v and \f may be in it. */
const endsWord = (char: string) => /^[ \t\n\r]$/.test(char)

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

/**
 * Splits the line of an inline command as the server does (sdssplitargs): blanks separate, "…" knows \n \r \t \b \a \xHH, '…' only \'.
 * @returns the arguments, one character per byte, or null where Redis answers `Protocol error: unbalanced quotes in request`.
 */
export function splitInline(line: string): string[] | null {
  const words: string[] = []
  let at = 0
  for (;;) {
    while (at < line.length && isBlank(line[at]!)) at++
    if (at >= line.length) return words
    let word = ''
    while (at < line.length && !endsWord(line[at]!)) {
      const char = line[at++]!
      if (char !== '"' && char !== "'") {
        word += char
        continue
      }
      const quoted = readQuoted(line, at, char)
      if (quoted === null) return null
      word += quoted.text
      at = quoted.end
      // A closing quote ends the word: only a blank or the end of the line may follow.
      if (at < line.length && !isBlank(line[at]!)) return null
      break
    }
    words.push(word)
  }
}

/** Reads from behind an opening quote; `end` is behind the closing one. Null when there is none. */
function readQuoted(line: string, start: number, quote: string): { text: string; end: number } | null {
  let text = ''
  let at = start
  while (at < line.length) {
    const char = line[at]!
    if (char === quote) return { text, end: at + 1 }
    const next = line[at + 1]
    const isEscape = char === '\\' && next !== undefined && (quote === '"' || next === "'")
    if (!isEscape) {
      text += char
      at++
      continue
    }
    const hex = quote === '"' && next === 'x' ? line.slice(at + 2, at + 4) : ''
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      text += String.fromCharCode(Number.parseInt(hex, 16))
      at += 4
    } else {
      text += quote === '"' ? (escapes[next] ?? next) : next
      at += 2
    }
  }
  return null
}
