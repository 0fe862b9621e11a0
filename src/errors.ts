// Every error the proxy itself can give to a client: the exact text, in one place.

/** After the hold: the prefix is Redis's own, which client libraries know as worth a retry. */
export function noPrimary(holdMs: number): string {
  return `MASTERDOWN Link with MASTER is down (rusteze: no confirmed primary for ${(holdMs / 1000).toFixed(1)} s)`
}

/** The same for reads that may go to replicas only. */
export function noReplica(holdMs: number): string {
  return `MASTERDOWN Link with MASTER is down (rusteze: no fresh replica for ${(holdMs / 1000).toFixed(1)} s; see RUSTEZE_READ_FROM)`
}

export const UNCERTAIN = 'UNCERTAIN backend connection lost; the command may have been executed'

/** The proxy ends before the reply came. */
export const UNCERTAIN_AT_STOP = 'UNCERTAIN rusteze stops; the command may have been executed'

/** The proxy ends before the whole request could be sent. */
export const NOT_SENT_AT_STOP = 'MASTERDOWN Link with MASTER is down (rusteze stops; the command did not run)'

/** A request that was only sent in part cannot have run. */
export const NOT_SENT =
  'MASTERDOWN Link with MASTER is down (rusteze: connection lost before the request was complete; it did not run)'

export const HOLD_FULL =
  'MASTERDOWN Link with MASTER is down (rusteze: too many commands wait for a primary; see RUSTEZE_HOLD_COMMANDS, RUSTEZE_HOLD_BYTES)'

export const EXEC_ABORTED = 'EXECABORT Transaction discarded because of previous errors.'

/** Redis's own form. @param refusal the text of the error that made EXEC impossible. */
export function execAborted(refusal: string): string {
  return `EXECABORT Transaction discarded because of: ${refusal}`
}

export const MAX_CLIENTS = 'ERR max number of clients reached'

export const NO_AUTH = 'NOAUTH Authentication required.'

export const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.'

export function noPin(waitMs: number): string {
  return `ERR rusteze: no connection of its own became free within ${waitMs} ms; see RUSTEZE_PINS and RUSTEZE_PIN_WAIT`
}

export function denied(command: string): string {
  return `ERR rusteze: '${command}' is refused; RUSTEZE_DENY lists what is`
}

export const NO_PAUSE_AT_STOP = 'ERR rusteze: it stops, and nothing is paused any more'

export function wrongPause(maxMs: number): string {
  return `ERR rusteze: a pause takes a whole number of milliseconds from 1 to ${maxMs}; see RUSTEZE_PAUSE`
}

export const PROXY_NOT_LOCAL =
  'NOPERM rusteze: only clients on the same machine may pause and resume; connect to its loopback address or unix socket'

export const PROXY_IN_TRANSACTION =
  'ERR rusteze: PROXY is no command of the server, so a transaction cannot hold it; the transaction is aborted'

export const PROXY_WHILE_SUBSCRIBED =
  "ERR Can't execute 'proxy': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"

export function protocolError(what: string): string {
  return `ERR Protocol error: ${what}`
}

export const FENCE_REFUSED =
  'NOPERM rusteze: WAIT needs the right to PUBLISH to the channel rusteze:fence, else it would count replicas for nothing'
