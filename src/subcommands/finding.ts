// What a check found: one line, with what to do where something is not as it should be.

export interface Finding {
  /** What was looked at. */
  readonly check: string
  readonly level: 'ok' | 'warning' | 'failed'
  readonly message: string
  /** What to do; '' where nothing has to be done. */
  readonly mend: string
}

/** Takes findings as they come. */
export type Report = (finding: Finding) => void

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message, mend: '' }
}

export function warning(check: string, message: string, mend: string): Finding {
  return { check, level: 'warning', message, mend }
}

export function failed(check: string, message: string, mend: string): Finding {
  return { check, level: 'failed', message, mend }
}

/** Servers may say anything: a line stays a line, and moves no cursor. */
export function lineOf({ check, level, message, mend }: Finding): string {
  return `${level.padEnd(8)} ${check}: ${message}${mend && `. ${mend}`}`.replace(/\p{Cc}+/gu, ' ')
}

/** `1 day`, `3 days`. */
export function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
