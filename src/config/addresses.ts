// Addresses as the user writes them: where the proxy listens and where the backend is.
import net from 'node:net'
import type { Mistake, Parsed, SettingType } from './setting-types.ts'

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export interface TcpAddress {
  readonly host: string
  readonly port: number
}

export type BackendAddress = TcpAddress | { readonly path: string }

/** Linux keeps 108 bytes for the path of a unix socket, the closing NUL among them. */
const MAX_UNIX_PATH_BYTES = 107
const MAX_PORT = 65_535

/** Whether only this machine can reach the host. A name other than localhost may resolve to anything, so it cannot. */
export function isLoopbackHost(host: string): boolean {
  if (net.isIPv4(host)) return host.startsWith('127.')
  // In its shortest form; an IPv4 address in it is written as two groups.
  if (isIPv6(host))
    return /^\[::(1|ffff:7f[\da-f]{2}:[\da-f]+)\]$/.test(new URL(`http://[${host.replace(/%.*/, '')}]`).hostname)
  return host.toLowerCase() === 'localhost'
}

/** Node's own test takes 160 KB for the code of its regular expression, so it is asked about nothing that cannot be such an address. */
function isIPv6(text: string): boolean {
  return text.indexOf(':') !== text.lastIndexOf(':') && net.isIPv6(text)
}

/** `host:port`, `[v6]:port` and `unix:/path`, separated by commas. Port 0 is any free one. */
export function listenAddresses(): SettingType<readonly ListenAddress[]> {
  return { name: 'addresses', print: (text) => text, parse: parseListenAddresses }
}

function parseListenAddresses(text: string): Parsed<readonly ListenAddress[]> {
  const addresses: ListenAddress[] = []
  const seen = new Set<string>()
  for (const part of text.split(',').map((each) => each.trim())) {
    const parsed = part.startsWith('unix:') ? parseUnixPath(part) : parseListenTcp(part)
    if (!('value' in parsed)) return parsed
    const { value } = parsed
    const name = 'path' in value ? value.path : `${value.host} ${value.port}`
    const isAnyPort = 'port' in value && value.port === 0
    if (seen.has(name) && !isAnyPort) return { problem: `it names ${part} twice`, mend: 'Name each address once.' }
    seen.add(name)
    addresses.push(Object.freeze('path' in value ? { kind: 'unix', ...value } : { kind: 'tcp', ...value }))
  }
  return { value: Object.freeze(addresses) }
}

/** `host`, `host:port` and `[v6]:port`, separated by commas. */
export function tcpAddresses(defaultPort: number): SettingType<readonly TcpAddress[]> {
  return { name: 'addresses', print: (text) => text, parse: (text) => parseTcpAddresses(text, defaultPort) }
}

function parseTcpAddresses(text: string, defaultPort: number): Parsed<readonly TcpAddress[]> {
  const addresses = new Map<string, TcpAddress>()
  for (const part of text.split(',').map((each) => each.trim())) {
    const parsed = parseHostAndPort(part, { minPort: 1, defaultPort })
    if (!('value' in parsed)) return parsed
    const name = `${parsed.value.host} ${parsed.value.port}`
    if (addresses.has(name)) return { problem: `it names ${part} twice`, mend: 'Name each address once.' }
    addresses.set(name, Object.freeze(parsed.value))
  }
  return { value: Object.freeze([...addresses.values()]) }
}

/** One `host:port` or `[v6]:port`, or the word `off`. Port 0 is any free one. */
/** `host:port` or `[v6]:port`, to listen on. */
export function listenAddress(): SettingType<TcpAddress> {
  return { name: 'address', print: (text) => text, parse: parseListenTcp }
}

export function addressOrOff(): SettingType<TcpAddress | undefined> {
  return {
    name: 'address | off',
    print: (text) => text,
    parse: (text) => {
      if (text.toLowerCase() === 'off') return { value: undefined }
      const parsed = parseListenTcp(text)
      if ('value' in parsed) return { value: Object.freeze(parsed.value) }
      return { ...parsed, mend: `${parsed.mend} To switch it off write off.` }
    },
  }
}

function parseListenTcp(text: string): Parsed<{ host: string; port: number }> {
  if (/^\d+$/.test(text)) return { problem: 'the host is missing', mend: `Write 127.0.0.1:${text}.` }
  if (/^(:|\*:)\d+$/.test(text)) {
    return {
      problem: 'the host is missing',
      mend: `Write 127.0.0.1${text.replace('*', '')}, or [::]${text.replace('*', '')} for every interface.`,
    }
  }
  return parseHostAndPort(text, { minPort: 0, defaultPort: undefined })
}

/**
 * Reads `host:port` or `[v6]:port`, and the host alone where there is a default port. The mistakes quote nothing of the text but an
 * IPv6 address, since it may be part of a URL with a password that was cut at the wrong place.
 */
export function parseHostAndPort(
  text: string,
  { minPort, defaultPort }: { minPort: number; defaultPort: number | undefined },
): Parsed<{ host: string; port: number }> {
  const example = `such as 127.0.0.1:${defaultPort ?? 6380}`
  if (isIPv6(text)) {
    return { problem: 'an IPv6 address needs brackets', mend: `Write [${text}]:${defaultPort ?? 6380}.` }
  }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text)
  if (match === null) return { problem: 'it is not an address', mend: `Write host:port or [v6]:port, ${example}.` }
  const [, bracketed, plain = '', portText] = match
  const host = bracketed ?? plain
  if (bracketed === undefined ? !isHostName(plain) : !isIPv6(bracketed)) {
    return {
      problem: 'its host is neither a name nor an IP address',
      mend: `Write host:port or [v6]:port, ${example}.`,
    }
  }
  if (portText === undefined && defaultPort === undefined) {
    return { problem: 'the port is missing', mend: `Write host:port, ${example}.` }
  }
  const port = portText === undefined ? (defaultPort ?? 0) : /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN
  if (!(port >= minPort && port <= MAX_PORT)) {
    return { problem: 'its port is not a port number', mend: `Write a port from ${minPort} to ${MAX_PORT}.` }
  }
  return { value: { host, port } }
}

/** A DNS name or an IPv4 address. A name whose last label is a number (`127.1`) is what resolvers read as an odd IPv4 address. */
function isHostName(text: string): boolean {
  if (net.isIPv4(text)) return true
  return (
    text.length <= 253 && /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z_](?:[a-z0-9_-]*[a-z0-9_])?\.?$/i.test(text)
  )
}

/** Reads `unix:/path`, and `unix:///path` as other tools write it. */
export function parseUnixPath(text: string): Parsed<{ path: string }> {
  const path = text.slice('unix:'.length).replace(/^\/+/, '/')
  if (!path.startsWith('/') || path === '/') {
    return {
      problem: 'the path of a unix socket must be absolute',
      mend: 'Write unix:/path, such as unix:/run/rusteze.sock.',
    }
  }
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) return tooLongPath
  return { value: { path } }
}

const tooLongPath: Mistake = {
  problem: 'the path of the unix socket is too long',
  mend: `Write a path of at most ${MAX_UNIX_PATH_BYTES} bytes: Linux holds no more.`,
}

/** Whether what is sent to the backend's address would arrive at the listener, so that the proxy would connect to itself. */
export function isSameEndpoint(listen: ListenAddress, backend: BackendAddress): boolean {
  if (listen.kind === 'unix') return 'path' in backend && backend.path === listen.path
  if ('path' in backend || backend.port !== listen.port) return false
  if (listen.host === '0.0.0.0' || listen.host === '::') return isLoopbackHost(backend.host)
  return canonicalHost(listen.host) === canonicalHost(backend.host)
}

function canonicalHost(host: string): string {
  const lower = host.toLowerCase()
  return lower === 'localhost' || lower === '::1' ? '127.0.0.1' : lower
}
