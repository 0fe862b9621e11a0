// Remembers the bodies of scripts that clients loaded, so that a server that has lost them can be given one again.
import { Arguments, encodeRequest } from '../resp/request.ts'
import { digestOf } from '../runtime/digest.ts'

/** Bodies kept, in bytes; the least recently used go first. */
const MAX_BYTES = 4 * 1024 * 1024

export class ScriptCache {
  readonly #bodies = new Map<string, Buffer>()
  #bytes = 0

  add(body: Buffer): void {
    const digest = digestOf('sha1', body)
    if (this.#bodies.has(digest) || body.length > MAX_BYTES) return
    // A copy: the request's bytes are part of a larger read.
    this.#bodies.set(digest, Buffer.from(body))
    this.#bytes += body.length
    for (const [oldest, bytes] of this.#bodies) {
      if (this.#bytes <= MAX_BYTES) return
      this.#bodies.delete(oldest)
      this.#bytes -= bytes.length
    }
  }

  /** SCRIPT FLUSH: from now on a client must hear -NOSCRIPT again. */
  clear(): void {
    this.#bodies.clear()
    this.#bytes = 0
  }

  /** The EVAL (or EVAL_RO) that does what an EVALSHA asks for; undefined when its body is not known. */
  asEval(bytes: Buffer, start: number, end: number): Buffer | undefined {
    const words = new Arguments(bytes, start, end)
    const digest = words.word(1)
    const body = this.#bodies.get(digest)
    if (body === undefined) return undefined
    this.#bodies.delete(digest)
    this.#bodies.set(digest, body)
    const parts: Buffer[] = [Buffer.from(words.word(0) === 'evalsha' ? 'eval' : 'eval_ro'), body]
    for (let index = 2; index < words.count; index++) parts.push(words.bytes(index))
    return encodeRequest(parts)
  }
}
