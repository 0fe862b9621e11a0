// Each type of setting: what it accepts, and what it answers to everything else.
import { describe, expect, test } from 'vitest'
import {
  commandNames,
  duration,
  filePath,
  type Mistake,
  oneOf,
  onOff,
  optional,
  type Parsed,
  type SettingType,
  secret,
  size,
  wholeNumber,
  word,
} from '../../src/config/setting-types.ts'

function mistakeOf(parsed: Parsed<unknown>): Mistake {
  if ('value' in parsed) throw new Error(`accepted as ${JSON.stringify(parsed.value)}`)
  return parsed
}

describe('duration', () => {
  test.each([
    ['250ms', 250],
    ['5s', 5000],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['5S', 5000],
    ['0', 0],
    ['0s', 0],
    ['2147483647ms', 2_147_483_647],
  ])('%s is %i ms', (text, value) => {
    expect(duration().parse(text)).toEqual({ value })
  })

  test('a bare number is answered with the units', () => {
    expect(duration().parse('5')).toEqual({
      problem: 'a duration needs a unit',
      mend: 'Write 5ms, 5s, 5m or 5h.',
    })
  })

  test.each(['', 'soon', '-1s', '1.5s', '5 s', '1m30s', '5d', '0x5s', '1e3ms'])('%j is no duration', (text) => {
    expect(mistakeOf(duration().parse(text)).problem).toBe('it is not a duration')
  })

  test('a duration that overflows a timer is refused', () => {
    expect(mistakeOf(duration().parse('2147483648ms')).problem).toBe('it is too long for a timer')
    expect(mistakeOf(duration().parse('597h')).mend).toBe('Write 596h or less.')
    expect(duration().parse('596h')).toEqual({ value: 596 * 3_600_000 })
  })

  test('below its minimum, zero included, it says the minimum', () => {
    expect(mistakeOf(duration({ minMs: 10 }).parse('9ms')).mend).toBe('Write 10ms or more.')
    expect(mistakeOf(duration({ minMs: 1 }).parse('0')).mend).toBe('Write 1ms or more.')
  })
})

describe('size', () => {
  test.each([
    ['0', 0],
    ['100', 100],
    ['100b', 100],
    ['1kb', 1024],
    ['64mb', 64 * 1024 * 1024],
    ['64MB', 64 * 1024 * 1024],
    ['1gb', 1024 ** 3],
  ])('%s is %i bytes', (text, value) => {
    expect(size().parse(text)).toEqual({ value })
  })

  test.each([
    ['64m', '64mb'],
    ['64Mi', '64mb'],
    ['1K', '1kb'],
    ['2 GiB', '2gb'],
  ])('%s is not guessed but answered with %s', (text, right) => {
    expect(mistakeOf(size().parse(text)).mend).toContain(`Write ${right} `)
  })

  test.each(['', 'big', '-1mb', '1.5mb', '1tb', 'mb'])('%j is no size', (text) => {
    expect(mistakeOf(size().parse(text)).mend).toContain('such as 64mb')
  })

  test('too small and too large are told apart', () => {
    expect(mistakeOf(size({ min: '1kb' }).parse('1023')).mend).toBe('Write 1kb or more.')
    expect(mistakeOf(size().parse('99999999999gb')).problem).toBe('it is too large')
  })
})

describe('whole number', () => {
  test('its range is inclusive', () => {
    const type = wholeNumber({ min: 1, max: 10 })
    expect(type.parse('1')).toEqual({ value: 1 })
    expect(type.parse('10')).toEqual({ value: 10 })
    for (const text of ['0', '11']) {
      expect(type.parse(text)).toEqual({ problem: 'it is out of range', mend: 'Write a whole number from 1 to 10.' })
    }
  })

  test.each(['', '1.0', '-1', '1e3', '0x10', 'many', '10k'])('%j is no whole number', (text) => {
    expect(mistakeOf(wholeNumber().parse(text)).problem).toBe('it is not a whole number')
  })
})

describe('words', () => {
  test('one of a set, in any case', () => {
    expect(oneOf('error', 'close').parse('Close')).toEqual({ value: 'close' })
    expect(mistakeOf(oneOf('error', 'close').parse('shut')).mend).toBe('Write one of: error, close.')
  })

  test('on and off are booleans, and nothing else is', () => {
    expect(onOff().parse('on')).toEqual({ value: true })
    expect(onOff().parse('OFF')).toEqual({ value: false })
    for (const text of ['true', '1', 'yes', ''])
      expect(mistakeOf(onOff().parse(text)).mend).toBe('Write one of: on, off.')
  })

  test('a word has no white space', () => {
    expect(word().parse('app-user')).toEqual({ value: 'app-user' })
    expect(mistakeOf(word().parse('app user')).problem).toBe('it contains white space')
  })

  test('a secret is taken as it is and never shown', () => {
    expect(secret().parse(' a b ')).toEqual({ value: ' a b ' })
    expect(secret().print('hunter2')).toBe('***')
  })

  test('the path of a file is taken as it is', () => {
    expect(filePath().parse('/run/secrets/a b')).toEqual({ value: '/run/secrets/a b' })
  })

  test('an optional setting may be unset, but not wrong', () => {
    const type: SettingType<number | undefined> = optional(wholeNumber())
    expect(type.parse('')).toEqual({ value: undefined })
    expect(type.parse('3')).toEqual({ value: 3 })
    expect(mistakeOf(type.parse('x')).problem).toBe('it is not a whole number')
  })
})

describe('names of commands', () => {
  test('spaces and commas separate, case and doubles do not matter', () => {
    expect(commandNames().parse('SYNC, psync script|DEBUG  sync,ft._list')).toEqual({
      value: ['sync', 'psync', 'script|debug', 'ft._list'],
    })
  })

  test('none alone is the empty list', () => {
    expect(commandNames().parse('None')).toEqual({ value: [] })
    expect(mistakeOf(commandNames().parse('none sync')).problem).toBe('it names commands beside none')
  })

  test.each(['', ',', 'script|', '|debug', 'a|b|c', 'größe'])('%j is no list of commands', (text) => {
    expect(mistakeOf(commandNames().parse(text)).problem).toBe('it is not a list of commands')
  })
})
