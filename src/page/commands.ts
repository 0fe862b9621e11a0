// The tables of commands: the most used ones with what became of them, and the slow ones.
import type { Status } from '../operations/status.ts'
import { byId, type Column, setTable } from './dom.ts'
import { bytes, clock, count, duration, share } from './format.ts'

/** The rest is in /status. */
const MAX_COMMANDS = 15

type Used = readonly [name: string, counts: Status['commands'][string]]
type Slow = Status['slowLog']['entries'][number]

const answered = ([, { ok, error }]: Used) => ok + error

const commandColumns: readonly Column<Used>[] = [
  { name: 'command', text: ([name]) => name },
  { name: 'answered', text: (used) => count(answered(used)), isNumber: true },
  { name: 'errors', text: ([, { error }]) => count(error), isNumber: true },
  { name: 'local', text: ([, { local }]) => count(local), isNumber: true },
  { name: 'refused', text: ([, { refused }]) => count(refused), isNumber: true },
  { name: 'uncertain', text: ([, { uncertain }]) => count(uncertain), isNumber: true },
  {
    name: 'mean',
    text: (used) => (used[1].totalMs === 0 ? '–' : duration(used[1].totalMs / answered(used))),
    isNumber: true,
  },
  { name: 'server', text: ([, { totalMs, backendMs }]) => share(backendMs, totalMs), isNumber: true },
]

function slowColumns(now: number): readonly Column<Slow>[] {
  return [
    { name: 'at', text: ({ at }) => clock(at, now) },
    { name: 'command', text: ({ command }) => command },
    { name: 'took', text: ({ totalMs }) => duration(totalMs), isNumber: true },
    { name: 'proxy', text: ({ proxyMs }) => duration(proxyMs), isNumber: true },
    { name: 'server', text: ({ backendMs }) => duration(backendMs), isNumber: true },
    {
      name: 'request',
      text: ({ requestBytes }) => (requestBytes === undefined ? 'large' : bytes(requestBytes)),
      isNumber: true,
    },
    { name: 'reply', text: ({ replyBytes }) => bytes(replyBytes), isNumber: true },
    { name: 'client', text: ({ client }) => String(client), isNumber: true },
    { name: 'by', text: ({ backend }) => backend },
  ]
}

export function showCommands({ commands, slowLog }: Status, now: number): void {
  const total = ([, { ok, error, local, refused, uncertain }]: Used) => ok + error + local + refused + uncertain
  const used = Object.entries(commands).toSorted((one, other) => total(other) - total(one))
  setTable(byId('commands'), commandColumns, used.slice(0, MAX_COMMANDS), 'No command came since the start.')
  setTable(byId('slow'), slowColumns(now), slowLog.entries, 'No command was slow since the start.')
}
