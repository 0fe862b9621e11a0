// The whole configuration: defaults, errors all at once, settings that contradict each other, help and the table of the README.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { settingsTable, withSettingsTable } from '../../scripts/settings-table.ts'
import { type ConfigError, describeConfigError, type Environment } from '../../src/config/read-settings.ts'
import { isServiceLink } from '../../src/config/service-links.ts'
import { type Config, helpText, parseConfig, settings } from '../../src/config.ts'

function accepted(environment: Environment): { config: Config; warnings: readonly string[] } {
  const parsed = parseConfig(environment)
  if ('errors' in parsed) throw new Error(parsed.errors.map(describeConfigError).join('\n'))
  return parsed
}

function refused(environment: Environment): readonly ConfigError[] {
  const parsed = parseConfig(environment)
  if (!('errors' in parsed)) throw new Error('accepted')
  return parsed.errors
}

function problems(environment: Environment): string[] {
  return refused(environment).map(({ variable, problem }) => `${variable}: ${problem}`)
}

test('without any setting it listens on 6380 and speaks to the Redis beside it', () => {
  const { config, warnings } = accepted({ PATH: '/bin' })
  expect(warnings).toEqual([])
  expect(config).toMatchObject({
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 6380 }],
    backends: [{ host: '127.0.0.1', port: 6379 }],
    backendDatabase: 0,
    backendPassword: undefined,
    backendTls: false,
    sharedConnections: 2,
    maxClients: 10_000,
    outputSoftLimitBytes: 1024 ** 2,
    outputHardLimitBytes: 64 * 1024 ** 2,
    queryLimitBytes: 1024 ** 3,
    holdMs: 5000,
    uncertain: 'error',
    subscribersOnFailover: 'keep',
    drainMs: 25_000,
    logLevel: 'info',
  })
  expect(config.deny.join(' ')).toBe(
    'sync psync replconf replicaof slaveof failover shutdown migrate debug script|debug asking',
  )
})

test('the list, its variables and the configuration have the same properties', () => {
  const { config } = accepted({})
  expect(settings.map(({ property }) => property).sort()).toEqual(
    Object.keys(config)
      .filter((property) => property !== 'backendDatabase')
      .sort(),
  )
  expect(new Set(settings.map(({ variable }) => variable)).size).toBe(settings.length)
})

test('the configuration is frozen to its depth', () => {
  const { config } = accepted({ RUSTEZE_LISTEN: 'unix:/run/a.sock,localhost:1' })
  const parts = [config, config.listen, ...config.listen, config.backends, ...config.backends, config.deny]
  expect(parts.every((part) => Object.isFrozen(part))).toBe(true)
})

test('an empty variable means its default, white space around a value means nothing', () => {
  const { config } = accepted({ RUSTEZE_HOLD: '', RUSTEZE_DENY: ' ', RUSTEZE_DRAIN: ' 3s\n' })
  expect(config.holdMs).toBe(5000)
  expect(config.deny).toContain('sync')
  expect(config.drainMs).toBe(3000)
})

test('every mistake is reported at once, each with its variable, value and mend', () => {
  const errors = refused({ RUSTEZE_HOLD: '5', RUSTEZE_MEMORY: '64Mi', RUSTEZE_DRIAN: '1s', RUSTEZE_UNCERTAIN: 'maybe' })
  expect(errors.map(describeConfigError)).toEqual([
    'RUSTEZE_MEMORY="64Mi": it is not a size. Write 64mb (kb, mb and gb are powers of 1024).',
    'RUSTEZE_HOLD="5": a duration needs a unit. Write 5ms, 5s, 5m or 5h.',
    'RUSTEZE_UNCERTAIN="maybe": it is not one of the possible words. Write one of: error, close.',
    'RUSTEZE_DRIAN: there is no such setting. Did you mean RUSTEZE_DRAIN? rusteze --help lists all settings.',
  ])
})

test('a mistake and a contradiction elsewhere are reported together', () => {
  expect(problems({ RUSTEZE_HOLD: 'x', RUSTEZE_OUTPUT_SOFT: '2gb' })).toEqual([
    'RUSTEZE_HOLD: it is not a duration',
    'RUSTEZE_OUTPUT_SOFT: it is above RUSTEZE_OUTPUT_HARD',
  ])
})

test.each(settings.map(({ variable, type, default: byDefault }) => [variable, type, byDefault] as const))(
  '%s: its default stands the test of its own type, and it is no service link',
  (variable, type, byDefault) => {
    expect(type.parse(byDefault)).toHaveProperty('value')
    expect(variable).toMatch(/^RUSTEZE_[A-Z]+(_[A-Z]+)*$/)
    expect(variable).not.toMatch(/_PORT$|_HOST$/)
    expect(isServiceLink(variable, 'tcp://10.0.0.1:6380')).toBe(false)
  },
)

test.each(settings.map(({ variable, sentence, reason }) => [variable, sentence, reason] as const))(
  '%s: its words are sentences',
  (_variable, sentence, reason) => {
    for (const text of [sentence, reason]) expect(text).toMatch(/^[A-Z].*\.$/)
  },
)

test('unknown names are errors with a suggestion where one is near, and never show their value', () => {
  const [error] = refused({ RUSTEZE_BACKEND_PASWORD: 'SECRET' })
  expect(error).toEqual({
    variable: 'RUSTEZE_BACKEND_PASWORD',
    value: undefined,
    problem: 'there is no such setting',
    mend: 'Did you mean RUSTEZE_BACKEND_PASSWORD? rusteze --help lists all settings.',
  })
  expect(refused({ RUSTEZE_BACKEND: 'h' })[0]?.mend).toContain('RUSTEZE_BACKENDS?')
  expect(refused({ RUSTEZE_HLOD: '5s' })[0]?.mend).toContain('RUSTEZE_HOLD?')
  expect(refused({ RUSTEZE_TURBO_MODE: 'on' })[0]?.mend).toBe('Remove it; rusteze --help lists all settings.')
  expect(refused({ RUSTEZE_X: '' })[0]?.mend).toBe('Remove it; rusteze --help lists all settings.')
})

test('Kubernetes service links are ignored, whatever follows our prefix', () => {
  const links = {
    RUSTEZE_SERVICE_HOST: '10.0.0.1',
    RUSTEZE_SERVICE_PORT: '6380',
    RUSTEZE_SERVICE_PORT_METRICS: '9121',
    RUSTEZE_PORT: 'tcp://10.0.0.1:6380',
    RUSTEZE_PORT_6380_TCP: 'tcp://10.0.0.1:6380',
    RUSTEZE_PORT_6380_TCP_PROTO: 'tcp',
    RUSTEZE_PORT_6380_TCP_PORT: '6380',
    RUSTEZE_PORT_6380_TCP_ADDR: '10.0.0.1',
    RUSTEZE_HOLD_SERVICE_HOST: '10.0.0.1',
    RUSTEZE_DNS_PORT: 'udp://10.0.0.1:53',
    RUSTEZE_DNS_PORT_53_UDP: 'udp://10.0.0.1:53',
  }
  expect(accepted(links).config).toEqual(accepted({}).config)
})

test('what only resembles a service link is an error', () => {
  expect(refused({ RUSTEZE_PORT: '6380' })).toHaveLength(1)
  expect(refused({ RUSTEZE_LISTEN_PORT: '6380' })).toHaveLength(1)
  expect(refused({ RUSTEZE_HOST: '10.0.0.1' })).toHaveLength(1)
  expect(refused({ RUSTEZE_PORT_TCP: 'tcp://10.0.0.1:6380' })).toHaveLength(1)
})

test('an address beyond loopback needs a client password or an explicit off', () => {
  const exposed = { RUSTEZE_LISTEN: '0.0.0.0:6380,127.0.0.1:6381,[::]:6380' }
  expect(refused(exposed).map(({ variable, value }) => `${variable}=${value}`)).toEqual(['RUSTEZE_LISTEN=0.0.0.0, ::'])
  expect(accepted({ ...exposed, RUSTEZE_CLIENT_PASSWORD_FILE: '/run/password' }).warnings).toEqual([])
  expect(accepted({ ...exposed, RUSTEZE_PROTECTED: 'off' }).warnings).toEqual([
    'RUSTEZE_PROTECTED=off: everyone who reaches 0.0.0.0, :: uses the backend with the credentials of Rusteze',
  ])
  expect(accepted({ RUSTEZE_LISTEN: 'unix:/run/rusteze.sock' }).warnings).toEqual([])
})

test('the proxy does not connect to itself', () => {
  expect(problems({ RUSTEZE_BACKENDS: 'redis://:SECRET@localhost:6380' })).toEqual([
    'RUSTEZE_BACKENDS: it is an address of RUSTEZE_LISTEN, so the proxy would connect to itself',
  ])
})

test('what a URL says ends up in the settings it stands for', () => {
  const { config } = accepted({ RUSTEZE_BACKENDS: 'rediss://app:p%40ss@redis:7000/3' })
  expect(config).toMatchObject({
    backends: [{ host: 'redis', port: 7000 }],
    backendUsername: 'app',
    backendPassword: 'p@ss',
    backendDatabase: 3,
    backendTls: true,
  })
  expect(accepted({ RUSTEZE_BACKENDS: 'redis://redis', RUSTEZE_BACKEND_TLS: 'on' }).config.backendTls).toBe(true)
})

test('user name and password may come from different places, each from one', () => {
  const mixed = accepted({ RUSTEZE_BACKENDS: 'redis://app@redis', RUSTEZE_BACKEND_PASSWORD_FILE: '/run/password' })
  expect(mixed.config).toMatchObject({ backendUsername: 'app', backendPasswordFile: '/run/password' })
  expect(
    problems({
      RUSTEZE_BACKENDS: 'redis://app:SECRET@redis',
      RUSTEZE_BACKEND_USERNAME: 'app',
      RUSTEZE_BACKEND_PASSWORD: 'SECRET',
      RUSTEZE_BACKEND_PASSWORD_FILE: '/run/password',
    }),
  ).toEqual([
    'RUSTEZE_BACKEND_USERNAME: RUSTEZE_BACKENDS gives the user name of the backend as well',
    'RUSTEZE_BACKEND_PASSWORD: RUSTEZE_BACKENDS gives the password of the backend as well',
    'RUSTEZE_BACKEND_PASSWORD_FILE: RUSTEZE_BACKENDS gives the password of the backend as well',
  ])
})

test('a user name without a password is a mistake', () => {
  expect(problems({ RUSTEZE_BACKEND_USERNAME_FILE: '/run/user' })).toEqual([
    'RUSTEZE_BACKEND_USERNAME_FILE: there is a user name for the backend but no password',
  ])
  expect(problems({ RUSTEZE_BACKENDS: 'redis://SECRET@redis' })).toHaveLength(1)
})

test('a password is used exactly as written; a line break at its end is pointed out', () => {
  expect(accepted({ RUSTEZE_BACKEND_PASSWORD: ' p w ' })).toMatchObject({
    config: { backendPassword: ' p w ' },
    warnings: [],
  })
  const { config, warnings } = accepted({ RUSTEZE_BACKEND_PASSWORD: 'SECRET\n' })
  expect(config.backendPassword).toBe('SECRET\n')
  expect(warnings).toEqual(['RUSTEZE_BACKEND_PASSWORD ends in a line break, which is sent as a part of the password'])
})

test('details of TLS without TLS, halves of a pair and TLS on a unix socket are mistakes', () => {
  expect(problems({ RUSTEZE_BACKEND_TLS_CA_FILE: '/ca.pem', RUSTEZE_BACKEND_TLS_SERVER_NAME: 'redis' })).toEqual([
    'RUSTEZE_BACKEND_TLS_CA_FILE: TLS to the backend is off',
    'RUSTEZE_BACKEND_TLS_SERVER_NAME: TLS to the backend is off',
  ])
  expect(refused({ RUSTEZE_BACKEND_TLS: 'on', RUSTEZE_BACKEND_TLS_KEY_FILE: '/key.pem' })).toEqual([
    {
      variable: 'RUSTEZE_BACKEND_TLS_KEY_FILE',
      value: '/key.pem',
      problem: 'a certificate and its key go together',
      mend: 'Set RUSTEZE_BACKEND_TLS_CERT_FILE as well, or remove this one.',
    },
  ])
  expect(problems({ RUSTEZE_BACKEND_TLS: 'on', RUSTEZE_BACKENDS: 'unix:/run/redis.sock' })).toEqual([
    'RUSTEZE_BACKEND_TLS: a Redis server speaks no TLS on the unix socket of RUSTEZE_BACKENDS',
  ])
  expect(problems({ RUSTEZE_BACKEND_TLS: 'off', RUSTEZE_BACKENDS: 'rediss://redis' })).toEqual([
    'RUSTEZE_BACKEND_TLS: RUSTEZE_BACKENDS asks for TLS with rediss://',
  ])
})

test('a complete TLS set-up is accepted, and only an unchecked certificate is pointed out', () => {
  const complete = {
    RUSTEZE_BACKENDS: 'rediss://redis',
    RUSTEZE_BACKEND_TLS_CA_FILE: '/ca.pem',
    RUSTEZE_BACKEND_TLS_CERT_FILE: '/cert.pem',
    RUSTEZE_BACKEND_TLS_KEY_FILE: '/key.pem',
  }
  expect(accepted(complete).warnings).toEqual([])
  expect(accepted({ ...complete, RUSTEZE_BACKEND_TLS_VERIFY: 'off' }).warnings).toEqual([
    'RUSTEZE_BACKEND_TLS_VERIFY=off: the certificate of the backend is not checked',
  ])
})

test.each([
  ['RUSTEZE_OUTPUT_SOFT', '65mb', 'RUSTEZE_OUTPUT_HARD', '64mb'],
  ['RUSTEZE_HOLD_CLIENT_COMMANDS', '10001', 'RUSTEZE_HOLD_COMMANDS', '10000'],
  ['RUSTEZE_HOLD_CLIENT_BYTES', '17mb', 'RUSTEZE_HOLD_BYTES', '16mb'],
  ['RUSTEZE_REPLY_TIMEOUT', '2s', 'RUSTEZE_REPLY_LIMIT', '1s'],
])('%s=%s may not exceed %s=%s', (lower, low, upper, high) => {
  expect(problems({ [lower]: low, [upper]: high })).toEqual([`${lower}: it is above ${upper}`])
  expect(accepted({ [lower]: high, [upper]: high }).warnings).toEqual([])
})

test('a contradiction with a default names the setting that was made', () => {
  expect(refused({ RUSTEZE_HOLD_BYTES: '512kb' }).map(describeConfigError)).toEqual([
    'RUSTEZE_HOLD_BYTES="512kb": it is below RUSTEZE_HOLD_CLIENT_BYTES. Raise it, or lower RUSTEZE_HOLD_CLIENT_BYTES as well.',
  ])
})

test('reads on replicas need shared connections, and a lag that can be measured', () => {
  const replicas = { RUSTEZE_READ_FROM: 'replica' }
  expect(problems({ ...replicas, RUSTEZE_SHARED_CONNECTIONS: '0' })).toEqual([
    expect.stringMatching(/^RUSTEZE_READ_FROM: /),
  ])
  expect(problems({ ...replicas, RUSTEZE_REPLICA_MAX_LAG: '2s' })).toEqual([
    expect.stringMatching(/^RUSTEZE_REPLICA_MAX_LAG: /),
  ])
  expect(accepted({ ...replicas, RUSTEZE_REPLICA_MAX_LAG: '3s' }).warnings).toEqual([])
})

test('no error shows a secret, wherever it was put', () => {
  const errors = refused({
    RUSTEZE_BACKENDS: 'redis://app:SECRET@redis:0',
    RUSTEZE_BACKEND_PASSWORD: 'SECRET',
    RUSTEZE_BACKEND_PASSWORD_FILE: '/run/password',
    RUSTEZE_PASSWORD: 'SECRET',
  })
  expect(errors).toHaveLength(3)
  expect(JSON.stringify(errors)).not.toContain('SECRET')
})

test('help names every setting with its default and fits a terminal', () => {
  const help = helpText()
  for (const { variable } of settings) expect(help).toContain(`  ${variable}\n`)
  expect(help).toContain('      duration, default 5s\n')
  expect(help).toContain('      secret, unset by default\n')
  expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
})

test('the table has a row for every setting, and a bar inside a cell does not end it', () => {
  const rows = settingsTable(settings).split('\n')
  for (const { variable } of settings)
    expect(rows.filter((row) => row.startsWith(`| \`${variable}\` `))).toHaveLength(1)
  const cells = rows.filter((row) => row.startsWith('|')).map((row) => row.split(/(?<!\\)\|/).length)
  expect(new Set(cells)).toEqual(new Set([6]))
})

test('the table replaces what is between the markers and nothing else', () => {
  const readme = 'before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n'
  const fresh = withSettingsTable(readme, settings)
  expect(fresh).toBe(`before\n<!-- settings -->\n${settingsTable(settings)}\n<!-- /settings -->\nafter\n`)
  expect(withSettingsTable(fresh ?? '', settings)).toBe(fresh)
  expect(withSettingsTable('no markers', settings)).toBeUndefined()
})

test('the README shows the settings as they are; node scripts/settings-table.ts mends it', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  expect(withSettingsTable(readme, settings)).toBe(readme)
})

test('hints: which Sentinels, and a Service for the label, only where they can be of use', () => {
  expect(accepted({ RUSTEZE_SENTINELS: 'a, b:1,[::1]' }).config.sentinels).toEqual([
    { host: 'a', port: 26_379 },
    { host: 'b', port: 1 },
    { host: '::1', port: 26_379 },
  ])
  expect(problems({ RUSTEZE_SENTINELS: 'a,a:26379' })).toEqual([expect.stringMatching(/it names a:26379 twice/)])
  expect(problems({ RUSTEZE_SENTINELS: 'a:x' })).toEqual([expect.stringMatching(/its port is not a port number/)])
  const service = { RUSTEZE_SERVICE: 'redis' }
  const primary = { RUSTEZE_PRIMARY_SERVICE: 'data/redis-master' }
  const expected = { namespace: 'data', service: 'redis-master', port: undefined }
  expect(accepted({ ...service, ...primary }).config.primaryService).toEqual(expected)
  expect(problems(primary)).toEqual([expect.stringMatching(/RUSTEZE_SERVICE, which names all servers, is missing/)])
  expect(problems({ RUSTEZE_SENTINEL_MASTER: 'm' })).toEqual([expect.stringMatching(/no Sentinels are named/)])
  // The Service may name them.
  expect(accepted({ ...service, RUSTEZE_SENTINEL_MASTER: 'm' }).warnings).toEqual([])
})
