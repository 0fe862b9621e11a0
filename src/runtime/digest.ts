// Digests and the comparison of secrets. Node's crypto is loaded when the first is needed: most proxies never need one.

/** In lower-case hexadecimal digits. */
export function digestOf(algorithm: 'sha1' | 'sha256', bytes: Uint8Array): string {
  return crypto().createHash(algorithm).update(bytes).digest('hex')
}

/** Takes the same time wherever two secrets of one length differ. */
export function isSameSecret(given: Uint8Array, expected: Uint8Array): boolean {
  return given.length === expected.length && crypto().timingSafeEqual(given, expected)
}

function crypto(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto')
}
