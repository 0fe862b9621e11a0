// Imports between the directories of src point one way, and ARCHITECTURE.md names only files and functions that exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

/** What each directory may import from, itself excepted. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  resp: [],
  runtime: [],
  config: ['config.ts'],
  command: [],
  topology: [],
  discovery: ['runtime', 'topology', 'config.ts', 'config/service-name.ts', 'operations/log.ts'],
  backend: ['resp', 'runtime', 'command', 'topology', 'config.ts', 'operations/log.ts'],
  route: ['resp', 'runtime', 'command', 'backend'],
  client: ['resp', 'runtime', 'command', 'backend', 'route', 'config.ts', 'errors.ts', 'operations/log.ts'],
  // Types, and numbers that both sides have to know: it runs in a browser.
  page: ['operations'],
  operations: [
    ...['runtime', 'backend', 'route', 'client', 'discovery/discovery-status.ts'],
    ...['config.ts', 'config/addresses.ts', 'version.ts'],
  ],
  injector: ['discovery/kubernetes-api.ts', 'discovery/pod.ts', 'operations', 'config', 'version.ts'],
  subcommands: ['runtime', 'topology', 'discovery', 'backend', 'operations', 'config', 'config.ts'],
}

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))

function importsOf(path: string): string[] {
  const text = readFileSync(join('src', path), 'utf8')
  return [...text.matchAll(/from '(\.[^']+)'/g)].map((match) => normalize(join(dirname(path), match[1]!)))
}

describe('imports', () => {
  it.each(sources.filter((path) => path.includes('/')))('%s imports only what its directory may', (path) => {
    const directory = path.slice(0, path.indexOf('/'))
    const wrong = importsOf(path).filter((target) => {
      if (target.startsWith(`${directory}/`)) return false
      return !allowed[directory]!.some((entry) => target === entry || target.startsWith(`${entry}/`))
    })
    expect(wrong).toEqual([])
  })
})

it('main.ts catches signals before it loads anything else', () => {
  expect(importsOf('signals.ts')).toEqual([])
  const [first] = /^import .*/m.exec(readFileSync('src/main.ts', 'utf8')) ?? []
  expect(first).toBe("import './signals.ts'")
})

describe('ARCHITECTURE.md', () => {
  const text = readFileSync('ARCHITECTURE.md', 'utf8')
  const names = [...new Set([...text.matchAll(/`((?:src|test)\/[^`\s]*)`/g)].map((match) => match[1]!))]

  it.each(names)('%s exists', (name) => {
    const [path, definition] = name.split(':')
    expect(existsSync(path!)).toBe(true)
    if (definition !== undefined) expect(readFileSync(path!, 'utf8')).toMatch(new RegExp(`\\b${definition}\\s*[(=:]`))
  })

  it('is short enough to be read', () => {
    expect(text.split('\n').length).toBeLessThanOrEqual(120)
  })
})
