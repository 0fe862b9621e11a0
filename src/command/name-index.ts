// Finds what belongs to a command's name by the bytes of the request, in any letter case, without making a string.

/** Longer names match nothing: the longest a server has is 29 bytes, and what a client may call a name is not bounded. */
const MAX_NAME_BYTES = 64

/** Servers fold A to Z only, whatever the locale; every other byte stands for itself. */
const FOLDED = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte))

/** The 32-bit FNV-1a prime; the length is the seed in place of its usual offset. */
const HASH_PRIME = 0x01000193

/**
 * An open-addressing hash from names to values, built once. At most one slot in four is taken, so that most names are met
 * at their first probe. A hash only says where to look: a name counts as found when its length and all its bytes agree.
 *
 *   values   | get |     | set |     |        slot = hash & mask, then the next ones until a free slot
 *   offsets  |  0  |     |  3  |     |        where the name's bytes begin in `names`
 *   names    getset...                        the folded bytes of all names, end to end
 */
export class NameIndex<T> {
  private readonly mask: number
  private readonly values: (T | undefined)[]
  private readonly offsets: Int32Array
  private readonly lengths: Uint8Array
  private readonly names: Uint8Array

  /** The names must differ in more than the case of their letters. */
  constructor(entries: Iterable<readonly [name: string, value: T]>) {
    const named = Array.from(entries, ([name, value]) => ({ bytes: Buffer.from(name), value })).filter(
      ({ bytes }) => bytes.length > 0 && bytes.length <= MAX_NAME_BYTES,
    )
    const slotCount = 2 ** Math.ceil(Math.log2(Math.max(1, named.length) * 4))
    this.mask = slotCount - 1
    this.values = new Array<T | undefined>(slotCount).fill(undefined)
    this.offsets = new Int32Array(slotCount)
    this.lengths = new Uint8Array(slotCount)
    this.names = new Uint8Array(named.reduce((total, { bytes }) => total + bytes.length, 0))

    let offset = 0
    for (const { bytes, value } of named) {
      let slot = hashOf(bytes, 0, bytes.length) & this.mask
      while (this.values[slot] !== undefined) slot = (slot + 1) & this.mask
      this.values[slot] = value
      this.offsets[slot] = offset
      this.lengths[slot] = bytes.length
      for (const byte of bytes) this.names[offset++] = FOLDED[byte]!
    }
  }

  /** The value whose name is bytes[start..end), or undefined. Allocates nothing. */
  find(bytes: Uint8Array, start: number, end: number): T | undefined {
    const length = end - start
    if (length > MAX_NAME_BYTES) return undefined
    let slot = hashOf(bytes, start, end) & this.mask
    for (;;) {
      const value = this.values[slot]
      if (value === undefined) return undefined
      if (this.lengths[slot] === length && this.isNameAt(this.offsets[slot]!, bytes, start, end)) return value
      slot = (slot + 1) & this.mask
    }
  }

  private isNameAt(offset: number, bytes: Uint8Array, start: number, end: number): boolean {
    for (let at = start; at < end; at++) {
      if (FOLDED[bytes[at]!] !== this.names[offset++]) return false
    }
    return true
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ FOLDED[bytes[at]!]!, HASH_PRIME)
  // The high bits depend on every byte, the low ones, which choose the slot, on few.
  return hash ^ (hash >>> 15)
}
