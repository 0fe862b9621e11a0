// The pages for operators tell of what there is: every error text, every reason to close a client, and no setting or metric that is not.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { settings } from '../../src/config.ts'
import * as errors from '../../src/errors.ts'
import { definitions } from '../../src/operations/metrics.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const pages = ['operations', 'failover', 'errors', 'tuning', 'security', 'comparison'].map((name) => `docs/${name}.md`)
/** Where a table quotes a bar, Markdown wants it escaped. */
const errorPage = read('docs/errors.md').replaceAll('\\|', '|')

/** How the page writes what differs from case to case. */
const examples: Record<string, unknown> = {
  noPrimary: 5000,
  noReplica: 5000,
  noPin: 1000,
  execAborted: '<refusal>',
  denied: '<command>',
  wrongPause: 30_000,
  protocolError: '<what>',
}

function textOf(name: string, entry: unknown): string {
  if (typeof entry === 'string') return entry
  expect(examples, `an example for errors.${name}`).toHaveProperty(name)
  return (entry as (example: unknown) => string)(examples[name])
}

/** Source texts of src/client, where what clients are told is decided. */
const clientSources = readdirSync(new URL('src/client/', root)).map((name) => read(`src/client/${name}`))

function inSources(pattern: RegExp): string[] {
  return clientSources.flatMap((source) => [...source.matchAll(pattern)].map((match) => match[1]!))
}

describe('docs/errors.md', () => {
  test.each(Object.entries(errors))('tells of errors.%s', (name, entry) => {
    expect(untold(errorPage, [textOf(name, entry)])).toEqual([])
  })

  test('tells of errors that are written elsewhere', () => {
    const written = [...inSources(/'((?:ERR|NOAUTH) [^']+)'/g), ...inSources(/"((?:ERR|NOAUTH) [^"]+)"/g)]
    expect(written.length).toBeGreaterThanOrEqual(4)
    expect(untold(errorPage, written)).toEqual([])
  })

  test('tells of every reason to close a client', () => {
    const reasons = inSources(/\.(?:close|now)\('([^']+)'\)/g)
    expect(reasons.length).toBeGreaterThanOrEqual(8)
    expect(untold(errorPage, reasons)).toEqual([])
  })

  test('tells of every protocol error', () => {
    const framer = read('src/resp/request-framer.ts')
    const texts = [...framer.matchAll(/'((?:invalid|too big|unauthenticated) [^']+)'/g)].map((match) => match[1]!)
    expect(texts.length).toBeGreaterThanOrEqual(8)
    expect(untold(errorPage, texts)).toEqual([])
  })
})

describe('docs/operations.md', () => {
  test('explains every line of the log', () => {
    const page = read('docs/operations.md')
    const messages = ['main.ts', 'app.ts', ...sourcesIn('backend'), ...sourcesIn('client'), ...sourcesIn('discovery')]
      .concat(sourcesIn('operations'))
      .flatMap((name) => messagesOf(read(`src/${name}`)))
    expect(messages.length).toBeGreaterThanOrEqual(30)
    expect(messages.filter((message) => !page.includes(message))).toEqual([])
  })
})

test.each(pages)('%s names no setting and no metric that is not', (page) => {
  const text = read(page)
  const variables = new Set(settings.map(({ variable }) => variable))
  for (const [name] of text.matchAll(/\bRUSTEZE_[A-Z_]*[A-Z]/g))
    if (!name.startsWith('RUSTEZE_INJECTOR_')) expect(variables).toContain(name)
  const metrics = new Set(definitions.map(({ name }) => name))
  for (const [name] of text.matchAll(/\brusteze_[a-z_]+/g)) expect(metrics).toContain(name)
})

/** Those that the page does not quote. */
function untold(page: string, texts: readonly string[]): string[] {
  return texts.filter((text) => !page.includes(`\`${text}\``))
}

function sourcesIn(directory: string): string[] {
  return readdirSync(new URL(`src/${directory}/`, root)).map((name) => `${directory}/${name}`)
}

/** The literal, up to what is put into it, that ends each call of a log. */
function messagesOf(source: string): string[] {
  return [...source.matchAll(/\blog\.(?:info|warn|error|fatal)\(/g)].flatMap(({ index }) => {
    const call = source.slice(index, index + callLength(source.slice(index)))
    const [, message] = /['`]([^'`$]+)[^'`]*['`],?\s*\)$/.exec(call.replace(/\$\{.*\}/s, '$')) ?? []
    return message === undefined ? [] : [message]
  })
}

/** Up to the parenthesis that closes the first one. */
function callLength(text: string): number {
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '(') depth++
    if (text[index] === ')' && --depth === 0) return index + 1
  }
  return text.length
}
