// The log: JSON lines for programs, pretty ones for people, and nothing lost when the process ends.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { createLog, type Log, type LogDestination } from '../../src/operations/log.ts'
import { prettyLine } from '../../src/operations/pretty-line.ts'

function collector(isTTY = false): LogDestination & { readonly lines: string[] } {
  const lines: string[] = []
  return { isTTY, lines, write: (line) => lines.push(line) }
}

test('a line is JSON with an ISO time, the name of the level, its fields and its message', () => {
  const destination = collector()
  const log: Log = createLog('info', 'json', destination)
  log.warn({ backend: 'redis:6379', attempts: 3 }, 'backend lost')
  expect(destination.lines).toHaveLength(1)
  expect(destination.lines[0]).toMatch(/\}\n$/)
  expect(JSON.parse(destination.lines[0] ?? '')).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    backend: 'redis:6379',
    attempts: 3,
    message: 'backend lost',
  })
})

test('an error keeps its message and stack, or may be logged by its text', () => {
  const destination = collector()
  const log = createLog('info', 'json', destination)
  log.error({ error: new TypeError('no such thing') }, 'a bug')
  log.error({ error: 'ECONNREFUSED' }, 'backend lost')
  const [bug, lost] = destination.lines.map((line) => JSON.parse(line))
  expect(bug.error).toMatchObject({
    type: 'TypeError',
    message: 'no such thing',
    stack: expect.stringContaining('log.test'),
  })
  expect(lost.error).toBe('ECONNREFUSED')
})

test('lines below the level are left out, all of them when silent', () => {
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
  for (const [level, count] of [...levels.map((name, index) => [name, 6 - index] as const), ['silent', 0] as const]) {
    const destination = collector()
    const log = createLog(level, 'json', destination)
    for (const name of levels) log[name]({}, name)
    expect([level, destination.lines.length]).toEqual([level, count])
  }
})

test('auto is pretty on a terminal and JSON elsewhere', () => {
  const [terminal, pipe] = [collector(true), collector(false)]
  createLog('info', 'auto', terminal).info({}, 'hello')
  createLog('info', 'auto', pipe).info({}, 'hello')
  expect(terminal.lines[0]).toContain('hello\n')
  expect(terminal.lines[0]).toContain('\x1b[32mINFO ')
  expect(JSON.parse(pipe.lines[0] ?? '')).toHaveProperty('message', 'hello')
})

test('json stays JSON on a terminal, and pretty without a terminal has no colours', () => {
  const [terminal, pipe] = [collector(true), collector(false)]
  createLog('info', 'json', terminal).info({}, 'hello')
  createLog('info', 'pretty', pipe).info({ port: 6380 }, 'hello')
  expect(JSON.parse(terminal.lines[0] ?? '')).toHaveProperty('message', 'hello')
  expect(pipe.lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}hello port=6380\n$/)
})

const line = (fields: object) => JSON.stringify({ level: 'warn', time: '2026-01-31T12:34:56.789Z', ...fields })

test('a pretty line shows where each value ends', () => {
  expect(prettyLine(line({ host: '[::1]:6379', user: 'a b', list: [1], message: 'lost' }), false)).toBe(
    '12:34:56.789 WARN  lost host=[::1]:6379 user="a b" list=[1]\n',
  )
})

test('the stack of an error stands below its line', () => {
  expect(
    prettyLine(line({ error: { type: 'Error', message: 'bad', stack: 'Error: bad\n    at x' }, message: 'm' }), false),
  ).toBe('12:34:56.789 WARN  m error=bad\n    Error: bad\n        at x\n')
})

test('control characters from outside do not reach the terminal', () => {
  const shown = prettyLine(line({ name: 'a\x1b[2Jb\x9bc', message: 'x\x1b]0;y\x07\nz' }), false)
  expect(shown).toBe('12:34:56.789 WARN  x\\x1b]0;y\\x07\\x0az name="a\\u001b[2Jb\\x9bc"\n')
})

const logModule = JSON.stringify(new URL('../../src/operations/log.ts', import.meta.url).href)

/** The arguments of a Node process that makes a log on its standard output and then runs the script. */
function withLog(script: string): string[] {
  const source = `import { createLog } from ${logModule}\nconst log = createLog('info', 'auto')\n${script}`
  return ['--input-type=module-typescript', '--eval', source]
}

test('no line is lost when the process exits right after it', () => {
  const script = 'for (let count = 0; count < 1000; count += 1) log.info({ count }, "line")\nprocess.exit(3)'
  const { status, stdout } = spawnSync(process.execPath, withLog(script), { encoding: 'utf8' })
  const lines = stdout.trimEnd().split('\n')
  expect(status).toBe(3)
  expect(lines).toHaveLength(1000)
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ count: 999 })
})

test('a reader of the log that has gone does not end the process', async () => {
  const script = `process.stdin.once('end', () => {
    log.info({}, 'into the void')
    setImmediate(() => {
      log.info({}, 'once more')
      setImmediate(() => process.exit(7))
    })
  }).resume()`
  const child = spawn(process.execPath, withLog(script), { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const readerGone = once(child.stdout, 'close')
  child.stdout.destroy()
  await readerGone
  child.stdin.end()
  expect(await exited).toEqual([7, null])
})
