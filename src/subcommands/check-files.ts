// Can the files be read that settings name, and do they hold what they should?
import { createPrivateKey, type X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { unreadableFiles } from '../config/unreadable-files.ts'
import { type Config, settings } from '../config.ts'
import { certificatesIn, nameOf, validityOf } from './certificates.ts'
import { countOf, failed, ok, type Report, warning } from './finding.ts'

/** @returns whether all of them can be read. */
export function checkFiles(config: Config, report: Report): boolean {
  const unreadable = unreadableFiles(config)
  for (const { variable, value, problem, mend } of unreadable)
    report(failed('files', `${variable}=${value}: ${problem}`, mend))
  if (unreadable.length > 0) return false
  for (const { variable, property } of settings) {
    const path = config[property as keyof Config]
    if (!variable.endsWith('_FILE') || typeof path !== 'string') continue
    if (/_TLS_(CA|CERT)_FILE$/.test(variable)) checkCertificates(variable, path, report)
    else if (variable.endsWith('_KEY_FILE')) checkKey(variable, path, config.backendTlsCertFile, report)
    else checkSecret(variable, path, report)
  }
  return true
}

function checkSecret(variable: string, path: string, report: Report): void {
  const secret = readFileSync(path, 'latin1').replace(/\r?\n$/, '')
  if (secret === '') report(failed('files', `${variable}=${path}: it is empty`, 'Write the secret into it'))
  else if (/[\r\n]$/.test(secret)) {
    report(
      warning(
        'files',
        `${variable}=${path}: it ends in more than one line break`,
        'Remove all but one: only one is no part of the secret',
      ),
    )
  } else report(ok('files', `${variable}=${path}: readable`))
}

function checkCertificates(variable: string, path: string, report: Report): void {
  const check = 'certificates'
  const at = `${variable}=${path}`
  let certificates: X509Certificate[]
  try {
    certificates = certificatesIn(readFileSync(path, 'latin1'))
  } catch (error) {
    report(
      failed(
        check,
        `${at}: it holds what is no certificate (${(error as Error).message})`,
        'Write PEM certificates into it',
      ),
    )
    return
  }
  if (certificates.length === 0) {
    report(failed(check, `${at}: it holds no PEM certificate`, 'Write -----BEGIN CERTIFICATE----- blocks into it'))
    return
  }
  const validities = certificates.map((certificate) => ({ certificate, ...validityOf(certificate) }))
  const areAllBad = validities.every(({ level }) => level === 'failed')
  for (const { certificate, level, text } of validities) {
    if (level === 'ok') continue
    // Of several authorities one that is over harms nothing; of a chain each counts.
    const isHarmless = variable.endsWith('_CA_FILE') && !areAllBad
    const make = level === 'failed' && !isHarmless ? failed : warning
    report(
      make(check, `${at}: ${nameOf(certificate)} ${text}`, level === 'failed' && isHarmless ? 'Remove it' : 'Renew it'),
    )
  }
  if (validities.every(({ level }) => level === 'ok')) {
    const [first] = validities
    const what = certificates.length === 1 ? nameOf(certificates[0]!) : countOf(certificates.length, 'certificate')
    report(ok(check, `${at}: ${what}${certificates.length === 1 ? ` ${first!.text}` : ', all valid'}`))
  }
}

function checkKey(variable: string, path: string, certificatePath: string | undefined, report: Report): void {
  const check = 'certificates'
  const at = `${variable}=${path}`
  try {
    const key = createPrivateKey(readFileSync(path))
    const [certificate] = certificatesIn(readFileSync(certificatePath!, 'latin1'))
    if (certificate === undefined) return
    if (certificate.checkPrivateKey(key)) report(ok(check, `${at}: it is the key of ${nameOf(certificate)}`))
    else
      report(
        failed(
          check,
          `${at}: it is not the key of ${nameOf(certificate)}`,
          `Name the key that belongs to ${certificatePath}`,
        ),
      )
  } catch {
    // What OpenSSL says of a key that it cannot read is of no use to anybody.
    report(failed(check, `${at}: it holds no key that can be read`, 'Write the PEM key into it, without a passphrase'))
  }
}
