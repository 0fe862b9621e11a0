// Where the backend is, as RUSTEZE_BACKENDS says it: an address, or a redis:// URL that may carry credentials as well.
import { type BackendAddress, parseHostAndPort, parseUnixPath } from './addresses.ts'
import type { Parsed, SettingType } from './setting-types.ts'

/** An address and what its URL said beside it; `undefined` where it said nothing. */
export interface BackendLocation {
  readonly address: BackendAddress
  readonly isTls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number | undefined
}

const DEFAULT_PORT = 6379
const MASK = '***'
const HOST_FORMS = { minPort: 1, defaultPort: DEFAULT_PORT }

/** Exactly one `host`, `host:port`, `[v6]:port`, `unix:/path`, `redis://` or `rediss://` URL. */
export function backendLocation(): SettingType<BackendLocation> {
  return { name: 'address or URL', print: maskCredentials, parse: parseBackendLocation }
}

function parseBackendLocation(text: string): Parsed<BackendLocation> {
  if (text.includes(',')) {
    return {
      problem: 'it names several addresses, which come with the discovery of the primary',
      mend: 'Name the one address of the primary; a comma inside a password is written %2C.',
    }
  }
  const url = /^(rediss?):\/\/(.*)$/is.exec(text)
  if (url !== null) return parseUrl(url[2] ?? '', url[1]?.toLowerCase() === 'rediss')
  if (text.includes('://') && !text.startsWith('unix:')) {
    return { problem: 'its scheme is unknown', mend: 'Write redis://…, rediss://… (TLS), unix:/path or host:port.' }
  }
  const parsed = text.startsWith('unix:') ? parseUnixPath(text) : parseHostAndPort(text, HOST_FORMS)
  return 'value' in parsed ? locate(parsed.value) : parsed
}

/**
 * Reads what follows `redis://`. Credentials end at the last `@`, so a password with an unescaped `@` or `/` is still read as meant,
 * and no mistake below quotes text that could be part of it.
 */
function parseUrl(rest: string, isTls: boolean): Parsed<BackendLocation> {
  const at = rest.lastIndexOf('@')
  const credentials = parseCredentials(rest.slice(0, Math.max(at, 0)))
  if (credentials === undefined) {
    return { problem: 'its credentials are not percent-encoded', mend: 'Write a percent sign in them as %25.' }
  }
  const [, host = '', database = ''] = /^([^/]*)(?:\/(.*))?$/s.exec(rest.slice(at + 1)) ?? []
  if (!/^\d{0,9}$/.test(database)) {
    return {
      problem: 'its path is not the number of a database',
      mend: 'Write redis://host:port/0, without anything behind it.',
    }
  }
  const parsed = parseHostAndPort(host, HOST_FORMS)
  if (!('value' in parsed)) return { ...parsed, mend: 'Write redis://user:password@host:port/0.' }
  return locate(parsed.value, { isTls, ...credentials, database: database === '' ? undefined : Number(database) })
}

/** An empty user name or password counts as none, as in `redis://:password@host`. */
function parseCredentials(text: string): { username?: string; password?: string } | undefined {
  const colon = text.indexOf(':')
  const encodedName = colon < 0 ? text : text.slice(0, colon)
  const encodedPassword = colon < 0 ? '' : text.slice(colon + 1)
  try {
    return {
      ...(encodedName === '' ? {} : { username: decodeURIComponent(encodedName) }),
      ...(encodedPassword === '' ? {} : { password: decodeURIComponent(encodedPassword) }),
    }
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

function locate(
  address: BackendAddress,
  said: Partial<Omit<BackendLocation, 'address'>> = {},
): Parsed<BackendLocation> {
  const nothing = { isTls: false, username: undefined, password: undefined, database: undefined }
  return { value: Object.freeze({ ...nothing, ...said, address: Object.freeze(address) }) }
}

/** Keeps the scheme and what follows the last `@`; whatever else does not look like hosts, ports and databases is masked. */
function maskCredentials(text: string): string {
  const scheme = /^[a-z]+:\/\//i.exec(text)?.[0] ?? ''
  const at = text.lastIndexOf('@')
  if (at < 0 && !text.includes('://')) return text
  const shown = text.slice(at < 0 ? scheme.length : at + 1)
  const isHarmless = /^[\w.-]*(?:\[[\da-f:.]*\])?(?::\d{0,5})?(?:\/\d*)?$/i.test(shown)
  return `${scheme}${at < 0 ? '' : `${MASK}@`}${isHarmless ? shown : MASK}`
}
