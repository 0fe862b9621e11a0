// The one command that is the proxy's own. A server's command of the same name goes before it.
import type { CommandEntry } from './table.ts'

export const OWN_COMMAND = 'proxy'

/** Its subcommands with their least and most arguments, and what PROXY HELP says of them. */
export const OWN_SUBCOMMANDS = {
  backends: { form: 'BACKENDS', most: 0, says: 'The servers: role, lag, whether they are read from; one a line.' },
  clients: {
    form: 'CLIENTS',
    most: 0,
    says: 'The clients as in CLIENT LIST, with what each waits for and why it is pinned.',
  },
  help: { form: 'HELP', most: 0, says: 'Print this help.' },
  info: {
    form: 'INFO [<section> ...]',
    most: Number.POSITIVE_INFINITY,
    says: 'The facts: Server, Clients, Hold, Pause, Primary, Discovery, Outcomes.',
  },
  pause: {
    form: 'PAUSE [<milliseconds>] [ALL]',
    most: 2,
    says: 'Hold what may write, or all, for RUSTEZE_HOLD or so long. Tells how much is still in flight.',
  },
  pins: { form: 'PINS', most: 0, says: 'The connections that belong to one client for a while, and why; one a line.' },
  pools: { form: 'POOLS', most: 0, says: 'The connections by user, protocol and database; one a line.' },
  resume: { form: 'RESUME', most: 0, says: 'End the pause.' },
  slowlog: {
    form: 'SLOWLOG [<count>|LEN|RESET]',
    most: 1,
    says: 'The last commands that took long, with the shares of proxy and server.',
  },
} as const
export type OwnSubcommand = keyof typeof OWN_SUBCOMMANDS

/** As a server would list it. */
export const ownEntries: readonly CommandEntry[] = [
  OWN_COMMAND,
  ...Object.keys(OWN_SUBCOMMANDS).map((name) => `${OWN_COMMAND}|${name}`),
].map((name) => ({ name, arity: -2, flags: [], firstKey: 0, lastKey: 0, step: 0 }))
