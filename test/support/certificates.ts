// Makes authorities and certificates for tests, with openssl.

import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findServer } from '../../scripts/servers.mjs'
import type { ServerKind } from './redis-server.ts'

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** A server that was built without TLS does not know the setting, and says so. */
export function speaksTls(kind: ServerKind): boolean {
  const binary = findServer(kind)
  if (!binary) return false
  const { stdout } = spawnSync(binary, ['--tls-port', '1', '--port', '0', '--tls-cert-file', '/nowhere'], {
    encoding: 'utf8',
    timeout: 5_000,
  })
  return /Failed to (load|configure)/.test(stdout)
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
const settingsOfAuthority = `[ca]
default_ca = all
[all]
database = issued.txt
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = names
copy_extensions = copy
unique_subject = no
[names]
commonName = supplied
`

/** A directory of NAME.pem and NAME.key. */
export class Certificates {
  readonly directory = mkdtempSync(join(tmpdir(), 'certificates-'))

  path(file: string): string {
    return join(this.directory, file)
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  authority(name: string): void {
    this.#openssl('req', '-x509', ...newKey, '-days', '2', ...this.#files(name))
  }

  certificate(name: string, authority: string, subjectAltName: string): void {
    const extensions = ['-addext', `subjectAltName=${subjectAltName}`, '-addext', 'basicConstraints=CA:FALSE']
    const signer = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`]
    this.#openssl('req', '-x509', ...newKey, '-days', '2', ...this.#files(name), ...signer, ...extensions)
  }

  /** One that is valid at some time. @param from as YYYYMMDD. @param to likewise. */
  datedCertificate(name: string, authority: string, subjectAltName: string, from: string, to: string): void {
    writeFileSync(this.path('authority.cnf'), settingsOfAuthority)
    appendFileSync(this.path('issued.txt'), '')
    const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`]
    this.#openssl('req', '-new', ...newKey, ...request, '-addext', `subjectAltName=${subjectAltName}`)
    this.#openssl(
      ...['ca', '-batch', '-notext', '-config', 'authority.cnf', '-in', `${name}.csr`, '-out', `${name}.pem`],
      ...['-cert', `${authority}.pem`, '-keyfile', `${authority}.key`],
      ...['-startdate', `${from}000000Z`, '-enddate', `${to}000000Z`],
    )
  }

  #files(name: string): string[] {
    return ['-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`]
  }

  #openssl(...args: string[]): void {
    const { status, stderr } = spawnSync('openssl', args, { cwd: this.directory, encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`)
  }
}
