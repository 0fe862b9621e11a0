// The settings of the injector, and the file that tells it what the sidecar is like.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseInjectorConfig } from '../../src/injector/injector-config.ts'
import { readSidecarDefinition } from '../../src/injector/sidecar-definition.ts'
import { sidecarDefinition } from '../support/sidecar-definition.ts'

const selfMade = {
  RUSTEZE_INJECTOR_SERVICE: 'rusteze-injector.platform.svc',
  RUSTEZE_INJECTOR_SECRET: 'secret',
  RUSTEZE_INJECTOR_LEASE: 'lease',
  RUSTEZE_INJECTOR_WEBHOOK: 'rusteze',
}

describe('the settings', () => {
  test('are those of a certificate of its own', () => {
    expect(parseInjectorConfig(selfMade)).toEqual({
      config: {
        listen: { host: '::', port: 8443 },
        file: '/etc/rusteze-injector/sidecar.json',
        admin: { host: '127.0.0.1', port: 9380 },
        logLevel: 'info',
        logFormat: 'auto',
        certificate: { service: 'rusteze-injector.platform.svc', secret: 'secret', lease: 'lease', webhook: 'rusteze' },
      },
    })
  })

  test('or of one that others make; the variables that Kubernetes makes of its Service do no harm', () => {
    const environment = {
      RUSTEZE_INJECTOR_CERTIFICATE: '/certificate',
      RUSTEZE_INJECTOR_SERVICE_HOST: '10.0.0.1',
      RUSTEZE_INJECTOR_PORT: 'tcp://10.0.0.1:443',
    }
    expect(parseInjectorConfig(environment)).toMatchObject({ config: { certificate: { directory: '/certificate' } } })
  })

  test.each<[string, object, readonly string[]]>([
    ['both', { ...selfMade, RUSTEZE_INJECTOR_CERTIFICATE: '/x' }, Object.keys(selfMade)],
    ['neither', {}, Object.keys(selfMade)],
    ['a part', { ...selfMade, RUSTEZE_INJECTOR_LEASE: '' }, ['RUSTEZE_INJECTOR_LEASE']],
    [
      'nonsense',
      { ...selfMade, RUSTEZE_INJECTOR_LISTEN: '8443', RUSTEZE_HOLD: '1s' },
      ['RUSTEZE_INJECTOR_LISTEN', 'RUSTEZE_HOLD'],
    ],
  ])('with %s are refused', (_, environment, variables) => {
    const parsed = parseInjectorConfig(environment as Record<string, string>)
    expect('errors' in parsed && parsed.errors.map(({ variable }) => variable)).toEqual(variables)
  })
})

describe('the definition of the sidecar', () => {
  const directory = mkdtempSync(join(tmpdir(), 'definition-'))
  const path = join(directory, 'sidecar.json')
  const read = (value: unknown) => {
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
    return readSidecarDefinition(path)
  }
  afterAll(() => rmSync(directory, { recursive: true }))

  test('is read', () => {
    expect(read(sidecarDefinition)).toEqual(sidecarDefinition)
  })

  test.each<[string, unknown, RegExp]>([
    ['is no JSON', '{', /JSON/],
    ['is no object', [], /it is no object/],
    ['lacks a field', { ...sidecarDefinition, socket: undefined }, /socket is not a socket/],
    [
      'has a wrong field',
      { ...sidecarDefinition, guardAction: 'deny' },
      /guardAction is not one of Deny, Warn and Audit/,
    ],
    [
      'has a container without lists',
      { ...sidecarDefinition, container: { name: 'rusteze' } },
      /container is not a container/,
    ],
    [
      'has a wrong backend',
      { ...sidecarDefinition, backends: { '': { settings: { hold: 5 } } } },
      /backends is not an object of backends/,
    ],
    ['does not know its default backend', { ...sidecarDefinition, defaultBackend: 'x' }, /backends has no entry "x"/],
  ])('that %s is refused', (_, value, words) => {
    expect(() => read(value)).toThrow(words)
  })
})
