// Tells the server's own refusals, which prove that a command did not run, from every other error.
import type { Command } from '../command/table.ts'

export const Refusal = {
  /** It may have run, or is an ordinary error of the command's. */
  None: 0,
  /** The server is not the primary it was, or not ready: nothing should be sent until it has been asked again. */
  NotPrimary: 1,
  /** The server is the primary but cannot take this now. */
  NotNow: 2,
} as const
export type Refusal = (typeof Refusal)[keyof typeof Refusal]

// Whole texts, as the servers (Redis 6.2 to 8, Valkey 7.2 to 9) have them in their sources: a prefix proves nothing.
const notPrimary = [
  "READONLY You can't write against a read only replica.",
  'LOADING Redis is loading the dataset in memory',
  'LOADING Valkey is loading the dataset in memory',
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.',
  'ERR WAIT cannot be used with replica instances. Please also note that if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.',
  'ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.',
]
const notNow = [
  'NOREPLICAS Not enough good replicas to write.',
  'CLUSTERDOWN The cluster is down',
  'CLUSTERDOWN The cluster is down and only accepts read commands',
  'CLUSTERDOWN Hash slot not served',
  'TRYAGAIN Multiple keys request during rehashing of slot',
]
const texts = new Map<string, Refusal>([
  ...notPrimary.map((text) => [text, Refusal.NotPrimary] as const),
  ...notNow.map((text) => [text, Refusal.NotNow] as const),
])
const UNBLOCKED = 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'
const CALLED_BACK = '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'
const EXEC_ABORTED = 'EXECABORT Transaction discarded because of: '
/** Longest of all texts above, with its prefix: longer errors are not even looked at. */
const MAX_BYTES = 250

/**
 * Judges an error reply (bytes[start] is `-`) to `command`.
 * Scripts, functions and module commands can return any text, so none of theirs is a proof.
 */
export function refusalOf(command: Command, bytes: Buffer, start: number, end: number): Refusal {
  if (command.script || command.module || end - start > MAX_BYTES) return Refusal.None
  const text = bytes.latin1Slice(start + 1, end - 2)
  const refusal = texts.get(text)
  if (refusal !== undefined) return refusal
  if (text === UNBLOCKED) return isUnblockable(command) ? Refusal.NotPrimary : Refusal.None
  if (command.name === 'exec' && text.startsWith(EXEC_ABORTED)) {
    return texts.get(text.slice(EXEC_ABORTED.length)) ?? Refusal.None
  }
  return Refusal.None
}

/** Commands on lists, sorted sets and streams have done nothing when they are unblocked; WAIT and WAITAOF never do anything. */
export function isUnblockable(command: Command): boolean {
  return /^(b|xread|wait)/.test(command.name)
}

/** True for the answer to a blocking command that CLIENT UNBLOCK … ERROR has ended. */
export function isCalledBack(bytes: Buffer, start: number, end: number): boolean {
  return end - start === CALLED_BACK.length && beginsWith(bytes, start, end, CALLED_BACK)
}

const NO_SCRIPT = '-NOSCRIPT '

/** True for the server's answer to an EVALSHA it has no body for. */
export function isNoScript(bytes: Buffer, start: number, end: number): boolean {
  return beginsWith(bytes, start, end, NO_SCRIPT)
}

/** Whether a reply, which may be shorter, begins with this text. */
export function beginsWith(bytes: Buffer, start: number, end: number, text: string): boolean {
  return end - start >= text.length && bytes.latin1Slice(start, start + text.length) === text
}
