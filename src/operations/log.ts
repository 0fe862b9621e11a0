// Makes the log: pino's JSON lines, or the same lines for people on a terminal. Only changes of state are logged, never a key or a value.
import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import type { Config } from '../config.ts'
import { prettyLine } from './pretty-line.ts'

type LogLine = (fields: object, message: string) => void

/** What the parts of the proxy need of a log, so that tests and the simulator can hand in a collector. */
export interface Log {
  readonly trace: LogLine
  readonly debug: LogLine
  readonly info: LogLine
  readonly warn: LogLine
  readonly error: LogLine
  readonly fatal: LogLine
}

/** Takes finished lines, each with its line break. */
export interface LogDestination {
  /** Whether people read it on a terminal. */
  readonly isTTY?: boolean
  write(line: string): void
}

const STANDARD_OUTPUT = 1

/**
 * Standard output, written before the call returns: no line is lost whatever way the process ends, and no worker thread is needed, which a
 * bundle of one file could not start. The price is that a full pipe stops the process, so nothing may be logged per command.
 */
function standardOutput(): LogDestination {
  const output = pino.destination({ dest: STANDARD_OUTPUT, sync: true })
  return { isTTY: isatty(STANDARD_OUTPUT), write: (line) => output.write(line) }
}

export function createLog(
  level: Config['logLevel'],
  format: Config['logFormat'],
  destination: LogDestination = standardOutput(),
): Logger {
  const isPretty = format === 'pretty' || (format === 'auto' && destination.isTTY === true)
  const isColoured = destination.isTTY === true
  const output = isPretty
    ? { write: (line: string) => destination.write(prettyLine(line, isColoured)) }
    : { write: (line: string) => destination.write(line) }
  return pino(
    {
      level,
      // One process per container: its id and host name would repeat on every line what the platform adds anyway.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      errorKey: 'error',
      serializers: { error: pino.stdSerializers.err },
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  )
}
