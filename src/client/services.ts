// What every client's part is handed: the things all clients share.

import type { Identity } from '../backend/handshake.ts'
import type { Hold } from '../backend/hold.ts'
import type { CommandTable } from '../command/table.ts'
import type { Config } from '../config.ts'
import type { Log } from '../operations/log.ts'
import type { Router } from '../route/router.ts'
import type { ScriptCache } from '../route/scripts.ts'
import type { Runtime, Stream } from '../runtime/runtime.ts'
import type { Turn } from '../runtime/turn.ts'
import type { Evictions } from './evictions.ts'
import type { Memory } from './memory.ts'
import type { Outcomes } from './outcomes.ts'
import type { Pause } from './pause.ts'
import type { PinBudget } from './pin-budget.ts'
import type { Proxy } from './proxy.ts'

export interface Services {
  readonly config: Config
  readonly runtime: Runtime
  readonly turn: Turn
  readonly log: Log
  readonly router: Router
  readonly hold: Hold
  readonly memory: Memory
  readonly pause: Pause
  readonly pins: PinBudget
  readonly scripts: ScriptCache
  /** All clients by their CLIENT ID. */
  readonly clients: ReadonlyMap<number, Proxy>
  /** The table of the server's commands as it is now. */
  commands: CommandTable
  readonly ownIdentity: () => Identity
  /** The password clients have to give to the proxy; undefined when they need none. */
  readonly clientPassword: () => string | undefined
  readonly needsPassword: boolean
  readonly outcomes: Outcomes
  readonly evictions: Evictions
  /** What PROXY INFO tells; no section = all of them. */
  readonly info: (sections: readonly string[]) => string
  /** True for a client on this machine: only such a one may change what happens to all others. */
  readonly isLocal: (client: Pick<Stream, 'remoteAddress' | 'localAddress'>) => boolean
}
