// The proxy's secrets as they are now: from settings, or from mounted files that are read again when they change.
import { readFileSync, statSync } from 'node:fs'
import type { Config } from '../config.ts'
import type { Log } from '../operations/log.ts'
import type { Runtime, Timer, TlsOptions } from '../runtime/runtime.ts'
import { type Identity, OWN_IDENTITY } from './handshake.ts'

/** How often files are looked at, in ms: commands that wait for a new password must not outlast RUSTEZE_HOLD. */
const CHECK_MS = 1000

export class Credentials {
  readonly #config: Config
  readonly #log: Log
  readonly #timer: Timer
  readonly #files = new Map<string, { stamp: string; text: string }>()

  /** @throws when a named file cannot be read. */
  constructor(config: Config, runtime: Runtime, log: Log) {
    this.#config = config
    this.#log = log
    const paths = [
      config.backendUsernameFile,
      config.backendPasswordFile,
      config.clientPasswordFile,
      config.sentinelPasswordFile,
      config.backendTlsCaFile,
      config.backendTlsCertFile,
      config.backendTlsKeyFile,
    ]
    for (const path of paths)
      if (path !== undefined) this.#files.set(path, { stamp: stampOf(path), text: readFileSync(path, 'utf8') })
    this.#timer = runtime.every(CHECK_MS, () => this.#check())
  }

  readonly ownIdentity = (): Identity => ({
    username: this.#secret(this.#config.backendUsernameFile) ?? this.#config.backendUsername,
    password: this.#secret(this.#config.backendPasswordFile) ?? this.#config.backendPassword,
    key: OWN_IDENTITY,
  })

  readonly clientPassword = (): string | undefined => this.#secret(this.#config.clientPasswordFile)

  readonly sentinelPassword = (): string | undefined => {
    const { username, password } = this.ownIdentity()
    return this.#secret(this.#config.sentinelPasswordFile) ?? (username === undefined ? password : undefined)
  }

  readonly tls = (): TlsOptions | undefined => {
    const config = this.#config
    if (!config.backendTls) return undefined
    return {
      ca: this.#text(config.backendTlsCaFile),
      certificate: this.#text(config.backendTlsCertFile),
      key: this.#text(config.backendTlsKeyFile),
      serverName: config.backendTlsServerName,
      verify: config.backendTlsVerify,
    }
  }

  close(): void {
    this.#timer.cancel()
  }

  #text(path: string | undefined): string | undefined {
    return path === undefined ? undefined : this.#files.get(path)?.text
  }

  /** Files made by people end with a line break that is no part of the secret. */
  #secret(path: string | undefined): string | undefined {
    const text = this.#text(path)?.replace(/\r?\n$/, '')
    // Sent with one byte per character.
    return text === undefined ? undefined : Buffer.from(text, 'utf8').toString('latin1')
  }

  #check(): void {
    for (const [path, known] of this.#files) {
      try {
        const stamp = stampOf(path)
        if (stamp === known.stamp) continue
        this.#files.set(path, { stamp, text: readFileSync(path, 'utf8') })
        this.#log.info({ path }, 'file changed: new connections use it')
      } catch (error) {
        // In the middle of a rotation a file may be missing for a moment: what was read last stays in force.
        this.#log.warn({ path, error: String(error) }, 'file cannot be read, its last content stays in force')
      }
    }
  }
}

function stampOf(path: string): string {
  const { ino, size, mtimeMs } = statSync(path)
  return `${ino} ${size} ${mtimeMs}`
}
