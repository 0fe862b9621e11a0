// Makes a fresh connection what its pool promises: user, protocol and database, and verified to lead to a loaded primary.
import type { Protocol } from '../resp/reply.ts'
import type { BackendConnection } from './backend-connection.ts'
import { ask, errorText } from './control.ts'

/** Who a connection is for the server. */
export interface Identity {
  /** undefined: the proxy's own credentials, or none. */
  readonly username: string | undefined
  readonly password: string | undefined
  /** Names the pool; never holds the secret itself. */
  readonly key: string
}

/** The key of the proxy's own user: it stays the same when the credentials are rotated. */
export const OWN_IDENTITY = 'own'

export const HandshakeResult = {
  /** Verified: master and loaded. */
  Ready: 'ready',
  /** The server wants a password and we have none: it answers -NOAUTH to everything, which is what clients should hear. */
  Unauthenticated: 'unauthenticated',
  /** A loaded replica: it may be read from if its data is fresh. */
  Replica: 'replica',
  /** A server, but of no use now: it loads its data, or knows no primary. */
  NotPrimary: 'not primary',
  /** The server refuses this user, database or protocol. */
  Refused: 'refused',
  Lost: 'lost',
} as const
export type HandshakeResult = (typeof HandshakeResult)[keyof typeof HandshakeResult]

export interface HandshakeReport {
  readonly result: HandshakeResult
  /** What the server said against it; '' when all is well. */
  readonly evidence: string
  /** The server's reply to HELLO; null unless it was accepted. */
  readonly hello: Buffer | null
}

/** Says HELLO, SELECT and PING in one write. `done` is called exactly once. */
export function shakeHands(
  connection: BackendConnection,
  identity: Identity,
  protocol: Protocol,
  db: number,
  done: (report: HandshakeReport) => void,
): void {
  const credentials = identity.password === undefined ? [] : ['AUTH', identity.username ?? 'default', identity.password]
  let hello: Buffer | null = null
  let selected: Buffer | null = null
  // A user without the right to SELECT can only have got there before logging in.
  if (db !== 0 && credentials.length > 0) {
    ask(connection, ['SELECT', String(db)], (reply) => {
      selected = reply
    })
  }
  ask(connection, ['HELLO', String(protocol), ...credentials], (reply) => {
    hello = reply
  })
  if (db !== 0) {
    ask(connection, ['SELECT', String(db)], (reply) => {
      if (selected === null || errorText(selected) !== undefined) selected = reply
    })
  }
  // HELLO and SELECT work while a server loads its data, PING does not.
  ask(connection, ['PING'], (pong) => {
    const report = judge(hello, selected, pong)
    if (report.hello !== null) connection.id = Number(helloField(report.hello, 'id')) || 0
    done(report)
  })
}

function judge(hello: Buffer | null, selected: Buffer | null, pong: Buffer | null): HandshakeReport {
  if (hello === null || pong === null) return { result: HandshakeResult.Lost, evidence: 'connection lost', hello: null }
  const refusal = errorText(hello) ?? (selected === null ? undefined : errorText(selected))
  if (refusal !== undefined) {
    const isUnauthenticated = refusal.startsWith('NOAUTH')
    return {
      result: isUnauthenticated ? HandshakeResult.Unauthenticated : HandshakeResult.Refused,
      // A server that does not know HELLO quotes what came with it, the password too.
      evidence: refusal.replace(/,? with args beginning with.*/s, ''),
      hello: null,
    }
  }
  return judgeRole(hello, pong)
}

/** Judges a HELLO reply (its role) and a PING reply (loading, stale): the two that every user may send. */
export function judgeRole(hello: Buffer, pong: Buffer): HandshakeReport {
  const role = helloField(hello, 'role')
  const trouble = errorText(pong)
  // -BUSY is a server at work; -NOPERM a user without PING. Neither says anything against it.
  if (trouble !== undefined && /^(LOADING|MASTERDOWN)/.test(trouble)) {
    return { result: HandshakeResult.NotPrimary, evidence: trouble, hello }
  }
  if (role !== undefined && role !== 'master') {
    return { result: HandshakeResult.Replica, evidence: `its role is ${role}`, hello }
  }
  return { result: HandshakeResult.Ready, evidence: '', hello }
}

/** One field of a HELLO reply (a flat array in RESP2, a map in RESP3), as text. */
export function helloField(reply: Buffer, name: string): string | undefined {
  const lines = reply.latin1Slice().split('\r\n')
  const at = lines.indexOf(name)
  if (at < 0) return undefined
  const value = lines[at + 1] ?? ''
  return value.startsWith('$') ? lines[at + 2] : value.slice(1)
}

/** A HELLO reply with another connection id: each client is told its own. */
export function withHelloId(reply: Buffer, id: number): Buffer {
  return Buffer.from(reply.latin1Slice().replace(/(\r\nid\r\n:)\d+/, `$1${id}`), 'latin1')
}
