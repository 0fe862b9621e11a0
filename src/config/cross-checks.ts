// Checks what no setting can know alone: settings that contradict each other, and legal ones that deserve a warning.
import type { SettingValues } from '../config.ts'
import { isLoopbackHost, isSameEndpoint } from './addresses.ts'
import { type ConfigError, type Environment, isGiven } from './read-settings.ts'

/** Only settings that were read without a mistake; a check whose settings are missing is left out. */
type Values = Partial<SettingValues>

export interface Findings {
  readonly errors: readonly ConfigError[]
  readonly warnings: readonly string[]
}

export function checkTogether(values: Values, environment: Environment): Findings {
  const errors = [
    ...listenErrors(values),
    ...serviceErrors(values, environment),
    ...hintErrors(values),
    ...credentialErrors(values),
    ...tlsErrors(values, environment),
    ...orderErrors(values, environment),
    ...replicaErrors(values, environment),
    ...adminErrors(values),
  ]
  return { errors, warnings: warningsFor(values) }
}

function exposedHosts({ listen = [] }: Values): string[] {
  return listen.flatMap((address) => (address.kind === 'tcp' && !isLoopbackHost(address.host) ? [address.host] : []))
}

function listenErrors(values: Values): ConfigError[] {
  const errors: ConfigError[] = []
  const exposed = exposedHosts(values)
  if (exposed.length > 0 && values.isProtected === true && values.clientPasswordFile === undefined) {
    errors.push({
      variable: 'RUSTEZE_LISTEN',
      value: exposed.join(', '),
      problem: 'it can be reached from other machines, and clients need no password',
      mend: 'Listen on 127.0.0.1, set RUSTEZE_CLIENT_PASSWORD_FILE, or set RUSTEZE_PROTECTED=off if that is meant.',
    })
  }
  const { backends: backend, listen = [] } = values
  const own = backend?.addresses.find((each) => listen.some((address) => isSameEndpoint(address, each)))
  if (own !== undefined) {
    errors.push({
      variable: 'RUSTEZE_BACKENDS',
      value: 'path' in own ? own.path : `${own.host}:${own.port}`,
      problem: 'it is an address of RUSTEZE_LISTEN, so the proxy would connect to itself',
      mend: 'Give one of the two another address.',
    })
  }
  return errors
}

function serviceErrors({ service }: Values, environment: Environment): ConfigError[] {
  const { RUSTEZE_SERVICE: value } = environment
  if (service === undefined || !isGiven(environment, 'RUSTEZE_BACKENDS')) return []
  return [
    {
      variable: 'RUSTEZE_SERVICE',
      value,
      problem: 'RUSTEZE_BACKENDS names servers as well',
      mend: 'Remove one of the two; credentials go into RUSTEZE_BACKEND_USERNAME and RUSTEZE_BACKEND_PASSWORD_FILE.',
    },
  ]
}

/** Settings that say more of something else, and what that is. */
function hintErrors(values: Values): ConfigError[] {
  if (values.service !== undefined) return []
  const useless: ConfigError[] = []
  if (values.primaryService !== undefined) {
    useless.push({
      variable: 'RUSTEZE_PRIMARY_SERVICE',
      value: values.primaryService.service,
      problem: 'RUSTEZE_SERVICE, which names all servers, is missing',
      mend: 'Set RUSTEZE_SERVICE to the Service that leads to primary and replicas; to this one if there is no other.',
    })
  }
  for (const [variable, value] of [
    ['RUSTEZE_SENTINEL_MASTER', values.sentinelMaster],
    ['RUSTEZE_SENTINEL_PASSWORD_FILE', values.sentinelPasswordFile],
  ] as const) {
    if (value === undefined || values.sentinels !== undefined) continue
    useless.push({ variable, value, problem: 'no Sentinels are named', mend: 'Set RUSTEZE_SENTINELS, or remove it.' })
  }
  return useless
}

function credentialErrors(values: Values): ConfigError[] {
  const { backends: backend, backendUsername, backendUsernameFile, backendPassword, backendPasswordFile } = values
  const usernames = {
    RUSTEZE_BACKENDS: backend?.username,
    RUSTEZE_BACKEND_USERNAME: backendUsername,
    RUSTEZE_BACKEND_USERNAME_FILE: backendUsernameFile,
  }
  const passwords = {
    RUSTEZE_BACKENDS: backend?.password,
    RUSTEZE_BACKEND_PASSWORD: backendPassword,
    RUSTEZE_BACKEND_PASSWORD_FILE: backendPasswordFile,
  }
  const errors = [...givenTwice('user name', usernames), ...givenTwice('password', passwords)]
  const [userVariable] = givenNames(usernames)
  // A mistaken setting may be the one with the password, so a missing one is only reported when all of them could be read.
  if (userVariable !== undefined && givenNames(passwords).length === 0 && backend !== undefined) {
    errors.push({
      variable: userVariable,
      value: undefined,
      problem: 'there is a user name for the backend but no password',
      mend: 'Set RUSTEZE_BACKEND_PASSWORD_FILE or RUSTEZE_BACKEND_PASSWORD; in a URL write redis://user:password@host.',
    })
  }
  return errors
}

function givenNames(sources: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(sources).filter((variable) => sources[variable] !== undefined)
}

function givenTwice(what: string, sources: Readonly<Record<string, string | undefined>>): ConfigError[] {
  const [first, ...others] = givenNames(sources)
  return others.map((variable) => ({
    variable,
    value: undefined,
    problem: `${first} gives the ${what} of the backend as well`,
    mend: 'Remove one of the two.',
  }))
}

function tlsErrors(values: Values, environment: Environment): ConfigError[] {
  const { backends: backend, backendTls, backendTlsCertFile, backendTlsKeyFile } = values
  if (backend === undefined || backendTls === undefined) return []
  const errors: ConfigError[] = []
  if (backend.isTls && !backendTls && isGiven(environment, 'RUSTEZE_BACKEND_TLS')) {
    errors.push({
      variable: 'RUSTEZE_BACKEND_TLS',
      value: 'off',
      problem: 'RUSTEZE_BACKENDS asks for TLS with rediss://',
      mend: 'Remove it, or write redis:// in RUSTEZE_BACKENDS.',
    })
  }
  if (backendTls && backend.addresses.some((address) => 'path' in address)) {
    errors.push({
      variable: 'RUSTEZE_BACKEND_TLS',
      value: 'on',
      problem: 'a Redis server speaks no TLS on the unix socket of RUSTEZE_BACKENDS',
      mend: 'Remove it, or give the TCP address of the server.',
    })
  }
  if (!backend.isTls && !backendTls) {
    errors.push(...givenWithoutTls(environment))
  }
  if ((backendTlsCertFile === undefined) !== (backendTlsKeyFile === undefined)) {
    const [given, missing] = backendTlsKeyFile === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT']
    errors.push({
      variable: `RUSTEZE_BACKEND_TLS_${given}_FILE`,
      value: backendTlsCertFile ?? backendTlsKeyFile,
      problem: 'a certificate and its key go together',
      mend: `Set RUSTEZE_BACKEND_TLS_${missing}_FILE as well, or remove this one.`,
    })
  }
  return errors
}

/** Who sets a detail of TLS believes the connection to be encrypted, so that it is not must not pass in silence. */
function givenWithoutTls(environment: Environment): ConfigError[] {
  return Object.keys(environment)
    .filter((variable) => /^RUSTEZE_BACKEND_TLS_(CA_FILE|CERT_FILE|KEY_FILE|SERVER_NAME)$/.test(variable))
    .filter((variable) => isGiven(environment, variable))
    .map((variable) => ({
      variable,
      value: environment[variable],
      problem: 'TLS to the backend is off',
      mend: 'Set RUSTEZE_BACKEND_TLS=on or write rediss:// in RUSTEZE_BACKENDS, or remove it.',
    }))
}

/** Pairs of which the first must not exceed the second. */
const ORDERED = [
  { lower: ['outputSoftLimitBytes', 'RUSTEZE_OUTPUT_SOFT'], upper: ['outputHardLimitBytes', 'RUSTEZE_OUTPUT_HARD'] },
  { lower: ['holdClientCommands', 'RUSTEZE_HOLD_CLIENT_COMMANDS'], upper: ['holdCommands', 'RUSTEZE_HOLD_COMMANDS'] },
  { lower: ['holdClientBytes', 'RUSTEZE_HOLD_CLIENT_BYTES'], upper: ['holdBytes', 'RUSTEZE_HOLD_BYTES'] },
  { lower: ['replyTimeoutMs', 'RUSTEZE_REPLY_TIMEOUT'], upper: ['replyLimitMs', 'RUSTEZE_REPLY_LIMIT'] },
] as const

function orderErrors(values: Values, environment: Environment): ConfigError[] {
  const errors: ConfigError[] = []
  for (const { lower, upper } of ORDERED) {
    const [lowerValue, upperValue] = [values[lower[0]], values[upper[0]]]
    if (lowerValue === undefined || upperValue === undefined || lowerValue <= upperValue) continue
    // A reply limit of 0 is none at all.
    if (upper[0] === 'replyLimitMs' && upperValue === 0) continue
    // Named is the variable the user has set: the other one may stand at its default.
    const isLowerGiven = isGiven(environment, lower[1])
    const [variable, other] = isLowerGiven ? [lower[1], upper[1]] : [upper[1], lower[1]]
    errors.push({
      variable,
      value: environment[variable],
      problem: `it is ${isLowerGiven ? 'above' : 'below'} ${other}`,
      mend: `${isLowerGiven ? 'Lower' : 'Raise'} it, or ${isLowerGiven ? 'raise' : 'lower'} ${other} as well.`,
    })
  }
  return errors
}

function replicaErrors(values: Values, environment: Environment): ConfigError[] {
  if (values.readFrom === undefined || values.readFrom === 'primary') return []
  const errors: ConfigError[] = []
  if (values.sharedConnections === 0) {
    errors.push({
      variable: 'RUSTEZE_READ_FROM',
      value: values.readFrom,
      problem: 'RUSTEZE_SHARED_CONNECTIONS=0 gives each client one connection, to the primary',
      mend: 'Set RUSTEZE_SHARED_CONNECTIONS to 1 or more, or RUSTEZE_READ_FROM=primary.',
    })
  }
  const { RUSTEZE_REPLICA_MAX_LAG: value } = environment
  const { probeMs = 0, replicaMaxLagMs = Number.POSITIVE_INFINITY } = values
  if (replicaMaxLagMs < 3 * probeMs) {
    errors.push({
      variable: 'RUSTEZE_REPLICA_MAX_LAG',
      value,
      problem: 'it is below three times RUSTEZE_PROBE, so no replica could be known to be fresh',
      mend: `Raise it to ${3 * probeMs}ms or more, or lower RUSTEZE_PROBE.`,
    })
  }
  return errors
}

function adminErrors(values: Values): ConfigError[] {
  if (!values.isQuitAllowed || !('admin' in values) || values.admin !== undefined) return []
  return [
    {
      variable: 'RUSTEZE_ADMIN_QUIT',
      value: 'on',
      problem: 'RUSTEZE_ADMIN=off leaves nobody to ask',
      mend: 'Remove one of the two.',
    },
  ]
}

function warningsFor(values: Values): string[] {
  const warnings: string[] = []
  const exposed = exposedHosts(values)
  if (exposed.length > 0 && values.clientPasswordFile === undefined) {
    const hosts = exposed.join(', ')
    warnings.push(
      `RUSTEZE_PROTECTED=off: everyone who reaches ${hosts} uses the backend with the credentials of Rusteze`,
    )
  }
  if (values.backendTlsVerify === false && (values.backendTls || values.backends?.isTls)) {
    warnings.push('RUSTEZE_BACKEND_TLS_VERIFY=off: the certificate of the backend is not checked')
  }
  if (/[\r\n]$/.test(values.backendPassword ?? '')) {
    warnings.push('RUSTEZE_BACKEND_PASSWORD ends in a line break, which is sent as a part of the password')
  }
  return warnings
}
