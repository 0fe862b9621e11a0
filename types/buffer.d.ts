// Names the fast slicing methods that every Node Buffer has and @types/node leaves out.

interface Buffer {
  /** The text of the bytes from `start` to `end`, one character for each byte. */
  latin1Slice(start?: number, end?: number): string
}
