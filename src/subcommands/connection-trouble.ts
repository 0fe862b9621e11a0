// Why a server cannot be connected to, and what to do about it.

import type { X509Certificate } from 'node:crypto'
import { connect, type TLSSocket } from 'node:tls'
import { secureOptions } from '../runtime/node-runtime.ts'
import type { Address, TlsOptions } from '../runtime/runtime.ts'
import { nameOf, validityOf } from './certificates.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

/** By the code of the error. */
const NETWORK: Readonly<Record<string, readonly [message: string, mend: string]>> = {
  ECONNREFUSED: [
    'it refuses connections',
    'Look whether it runs, at this port, and not for its own loopback only (bind, protected-mode)',
  ],
  ETIMEDOUT: ['nothing answers', 'Look at the address, at firewalls and NetworkPolicies'],
  EHOSTUNREACH: ['there is no way to it', 'Look at the address and the network'],
  ENETUNREACH: ['there is no way to it', 'Look at the address and the network'],
  ENOTFOUND: ['its name does not resolve', 'Look at the name; in a pod, at the namespace in it as well'],
  EAI_AGAIN: ['its name cannot be resolved now', 'Look at the name server'],
  ENOENT: ['there is no such socket', 'Look at the path, and whether its directory is mounted here'],
  EACCES: ['this user may not open the socket', "Give the socket's group to this user, or set unixsocketperm"],
}

/** In the handshake of TLS 1.2; behind it, as an alert, in TLS 1.3. */
const CERTIFICATE_WANTED = /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE)/
/** By the code of the error: for what a certificate is not believed. */
const UNTRUSTED = /^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_UNTRUSTED)/

/** It was connected to, and did not answer in TLS: Redis waits for the end of what it takes for a command. */
const SILENT = 'no answer'

export function unreachable(check: string, reason: string): Finding {
  const [message, mend] = NETWORK[reason] ?? ['it cannot be connected to', 'Look at the address and the server']
  return failed(check, `${message} (${reason})`, mend)
}

/** What a server showed of itself. */
interface Shown {
  readonly certificate: X509Certificate | undefined
  /** Why it is not believed, as a code; '' when it is. */
  readonly problem: string
}

/** Looks at the certificate that the server shows. @returns what there is to say of it; the last one failed where it is not believed. */
export async function checkTls(
  check: string,
  address: Address,
  options: TlsOptions,
  timeoutMs: number,
): Promise<Finding> {
  let shown: Shown
  try {
    shown = await show(address, options, timeoutMs)
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (NETWORK[code] !== undefined) return unreachable(check, code)
    if (CERTIFICATE_WANTED.test(code)) return certificateWanted(check)
    if (code === SILENT || /WRONG_VERSION|PACKET_LENGTH|ECONNRESET|HTTP_REQUEST/.test(code)) {
      return failed(
        check,
        `it does not speak TLS at this port (${code})`,
        'Name its TLS port, or switch RUSTEZE_BACKEND_TLS off',
      )
    }
    return failed(
      check,
      `no TLS connection: ${code || message}`,
      'Look at RUSTEZE_BACKEND_TLS_* and at the log of the server',
    )
  }
  const { certificate, problem } = shown
  if (certificate === undefined) return failed(check, 'it shows no certificate', 'Give the server one')
  const make = options.verify ? failed : warning
  if (problem !== '') return make(check, ...distrust(certificate, problem, options))
  const { level, text } = soonest(certificate)
  const said = `its certificate (${nameOf(certificate)}) ${text}`
  return level === 'ok' ? ok(check, said) : warning(check, said, 'Renew it')
}

/** Why a server may have ended a connection that it had taken. @param tls how it was spoken to. */
export async function whyEnded(
  check: string,
  address: Address,
  tls: TlsOptions | undefined,
  reason: string,
  timeoutMs: number,
): Promise<Finding> {
  const nothing = { ca: undefined, certificate: undefined, key: undefined, serverName: undefined, verify: false }
  if (tls === undefined && (await isFulfilled(show(address, nothing, timeoutMs)))) {
    return failed(check, 'it speaks TLS at this port', 'Set RUSTEZE_BACKEND_TLS=on')
  }
  if (tls !== undefined && CERTIFICATE_WANTED.test(await alertOf(address, tls, timeoutMs)))
    return certificateWanted(check)
  const mend = 'Look whether it is a Redis server, and at its maxclients and log'
  return failed(check, `it ended the connection (${reason})`, mend)
}

function certificateWanted(check: string): Finding {
  const mend =
    'Set RUSTEZE_BACKEND_TLS_CERT_FILE and RUSTEZE_BACKEND_TLS_KEY_FILE, or tls-auth-clients no on the server'
  return failed(check, 'it asks for a client certificate that it believes', mend)
}

function isFulfilled(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  )
}

function distrust(certificate: X509Certificate, problem: string, { serverName, ca }: TlsOptions): [string, string] {
  const name = nameOf(certificate)
  if (problem === 'CERT_HAS_EXPIRED' || problem === 'CERT_NOT_YET_VALID') {
    const bad = chainOf(certificate).find((each) => validityOf(each).level === 'failed') ?? certificate
    return [
      `its certificate ${nameOf(bad)} ${validityOf(bad).text}`,
      problem === 'CERT_HAS_EXPIRED' ? 'Renew it' : 'Look at the clocks',
    ]
  }
  if (problem === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = certificate.subjectAltName ?? name
    const wanted =
      serverName === undefined ? 'the name in the address' : `RUSTEZE_BACKEND_TLS_SERVER_NAME=${serverName}`
    return [
      `its certificate is for ${names}, and not for ${wanted}`,
      'Set RUSTEZE_BACKEND_TLS_SERVER_NAME to one of its names',
    ]
  }
  if (UNTRUSTED.test(problem)) {
    const trusted = ca === undefined ? 'no public authority' : 'none in RUSTEZE_BACKEND_TLS_CA_FILE'
    const issuer = certificate.issuer.replaceAll('\n', ', ')
    return [
      `its certificate ${name} is signed by ${issuer}: ${trusted} (${problem})`,
      'Write the certificate of that authority into RUSTEZE_BACKEND_TLS_CA_FILE',
    ]
  }
  return [`its certificate ${name} is not believed: ${problem}`, 'Look at the certificate of the server']
}

/** Of a chain the certificate that is over first. */
function soonest(certificate: X509Certificate) {
  const [first] = chainOf(certificate).toSorted((one, other) => Date.parse(one.validTo) - Date.parse(other.validTo))
  return validityOf(first!)
}

function chainOf(certificate: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  let next: X509Certificate | undefined = certificate
  // An authority's own certificate is signed by itself.
  while (next !== undefined && !chain.some(({ fingerprint256 }) => fingerprint256 === next?.fingerprint256)) {
    chain.push(next)
    next = next.issuerCertificate
  }
  return chain
}

function show(address: Address, options: TlsOptions, timeoutMs: number): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const socket = open(address, options, timeoutMs, reject)
    socket.on('secureConnect', () => {
      const { authorized, authorizationError } = socket
      resolve({ certificate: socket.getPeerX509Certificate(), problem: authorized ? '' : String(authorizationError) })
      socket.destroy()
    })
  })
}

/** What a server says against a connection that stands, as a code; '' when it says nothing. */
function alertOf(address: Address, options: TlsOptions, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = open(address, options, timeoutMs, ({ code = '' }) => resolve(code))
    // What it sends has to be read for the alert to be seen.
    socket.resume()
  })
}

/** @param ended hears once of the connection's end, by whomever. */
function open(
  address: Address,
  options: TlsOptions,
  timeoutMs: number,
  ended: (error: NodeJS.ErrnoException) => void,
): TLSSocket {
  const socket = connect({ ...address, ...secureOptions(address, options), rejectUnauthorized: false })
  let late = 'ETIMEDOUT'
  const timer = setTimeout(() => socket.destroy(withCode(late)), timeoutMs)
  socket.on('connect', () => {
    late = SILENT
  })
  socket.on('error', ended)
  socket.on('close', () => {
    clearTimeout(timer)
    ended(withCode('ECONNRESET'))
  })
  return socket
}

function withCode(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code })
}
