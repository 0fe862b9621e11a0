// Where the backend is, as RUSTEZE_BACKENDS says it: addresses, or a redis:// URL that may carry credentials as well.
import { type BackendAddress, parseHostAndPort, parseUnixPath } from './addresses.ts'
import type { Parsed, SettingType } from './setting-types.ts'

/** The addresses among which the primary is, and what their URL said beside them; `undefined` where it said nothing. */
export interface BackendLocation {
  readonly addresses: readonly BackendAddress[]
  readonly isTls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number | undefined
}

const DEFAULT_PORT = 6379
const MASK = '***'
const HOST_FORMS = { minPort: 1, defaultPort: DEFAULT_PORT }

/** `host`, `host:port`, `[v6]:port` and `unix:/path`, separated by commas, or one `redis://` or `rediss://` URL of several hosts. */
export function backendLocation(): SettingType<BackendLocation> {
  return { name: 'addresses or URL', print: maskCredentials, parse: parseBackendLocation }
}

function parseBackendLocation(text: string): Parsed<BackendLocation> {
  const url = /^(rediss?):\/\/(.*)$/is.exec(text)
  if (url !== null) return parseUrl(url[2] ?? '', url[1]?.toLowerCase() === 'rediss')
  if (text.includes('://') && !text.startsWith('unix:')) {
    return { problem: 'its scheme is unknown', mend: 'Write redis://…, rediss://… (TLS), unix:/path or host:port.' }
  }
  return parseList(text)
}

function parseList(text: string, said: Partial<Omit<BackendLocation, 'addresses'>> = {}): Parsed<BackendLocation> {
  const addresses: BackendAddress[] = []
  const seen = new Set<string>()
  for (const part of text.split(',').map((each) => each.trim())) {
    const parsed = part.startsWith('unix:') ? parseUnixPath(part) : parseHostAndPort(part, HOST_FORMS)
    if (!('value' in parsed)) return parsed
    const name = JSON.stringify(parsed.value)
    if (seen.has(name)) return { problem: 'it names an address twice', mend: 'Name each address once.' }
    seen.add(name)
    addresses.push(Object.freeze(parsed.value))
  }
  const nothing = { isTls: false, username: undefined, password: undefined, database: undefined }
  return { value: Object.freeze({ ...nothing, ...said, addresses: Object.freeze(addresses) }) }
}

/**
 * Reads what follows `redis://`. Credentials end at the last `@`, so a password with an unescaped `@` or `/` is still read as meant,
 * and no mistake below quotes text that could be part of it.
 */
function parseUrl(rest: string, isTls: boolean): Parsed<BackendLocation> {
  const at = rest.lastIndexOf('@')
  if (rest.slice(0, Math.max(at, 0)).includes(',')) {
    return {
      problem: 'there is a comma before its hosts',
      mend: 'Write one URL, redis://user:password@host:port,host:port/0; a comma inside a password is written %2C.',
    }
  }
  const credentials = parseCredentials(rest.slice(0, Math.max(at, 0)))
  if (credentials === undefined) {
    return { problem: 'its credentials are not percent-encoded', mend: 'Write a percent sign in them as %25.' }
  }
  const [, hosts = '', database = ''] = /^([^/]*)(?:\/(.*))?$/s.exec(rest.slice(at + 1)) ?? []
  if (!/^\d{0,9}$/.test(database)) {
    return {
      problem: 'its path is not the number of a database',
      mend: 'Write redis://host:port/0, without anything behind it.',
    }
  }
  const parsed = parseList(hosts, { isTls, ...credentials, database: database === '' ? undefined : Number(database) })
  return 'value' in parsed ? parsed : { ...parsed, mend: 'Write redis://user:password@host:port/0.' }
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

/** Keeps the scheme and what follows the last `@`; whatever else does not look like hosts, ports and databases is masked. */
function maskCredentials(text: string): string {
  const scheme = /^[a-z]+:\/\//i.exec(text)?.[0] ?? ''
  const at = text.lastIndexOf('@')
  if (at < 0 && !text.includes('://')) return text
  const shown = text.slice(at < 0 ? scheme.length : at + 1)
  const isHarmless = /^(?:(?:^|,)[\w.-]*(?:\[[\da-f:.]*\])?(?::\d{0,5})?)*(?:\/\d*)?$/i.test(shown)
  return `${scheme}${at < 0 ? '' : `${MASK}@`}${isHarmless ? shown : MASK}`
}
