// Makes src/command/built-in-commands.json from the COMMAND replies of running servers.
// Usage: node scripts/generate-commands.ts <host:port> ... ; name the newest server of each kind (Redis 7, Valkey 9), without modules.
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import RedisParser from 'redis-parser'
import { type CommandEntry, FLAG_LETTERS, parseCommandReply } from '../src/command/table.ts'

const OUTPUT = new URL('../src/command/built-in-commands.json', import.meta.url)
const REPLY_TIMEOUT_MS = 5000

/** The decoded COMMAND reply of the server at `address`. */
function askCommands(address: string): Promise<unknown> {
  const colon = address.lastIndexOf(':')
  const socket = net.connect(Number(address.slice(colon + 1)), address.slice(0, colon))
  return new Promise<unknown>((resolve, reject) => {
    const parser = new RedisParser({ returnReply: resolve, returnError: reject, returnFatalError: reject })
    socket.setTimeout(REPLY_TIMEOUT_MS, () => reject(new Error(`${address} does not answer`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${address} closed the connection`)))
    socket.on('data', (chunk) => parser.execute(chunk))
    socket.write('*1\r\n$7\r\nCOMMAND\r\n')
  }).finally(() => socket.destroy())
}

/**
 * One entry that is safe to believe of either server: read-only where both say so, any other flag where one does, and the
 * arity that accepts what either accepts.
 */
function merge(a: CommandEntry, b: CommandEntry): CommandEntry {
  if (a.firstKey !== b.firstKey || a.lastKey !== b.lastKey || a.step !== b.step) {
    throw new Error(`${a.name}: the servers differ in where its keys are`)
  }
  const flags = Object.values(FLAG_LETTERS).filter((flag) =>
    flag === 'readonly'
      ? a.flags.includes(flag) && b.flags.includes(flag)
      : a.flags.includes(flag) || b.flags.includes(flag),
  )
  const arity = a.arity === b.arity ? a.arity : -Math.min(Math.abs(a.arity), Math.abs(b.arity))
  return { ...a, arity, flags }
}

/** `name arity [flag letters or - [first key, last key, step]]`: what is empty at the end is left out. */
function toRow({ name, arity, flags, firstKey, lastKey, step }: CommandEntry): string {
  const letters = Object.entries(FLAG_LETTERS).flatMap(([letter, flag]) => (flags.includes(flag) ? [letter] : []))
  const head = `${name} ${arity}`
  if (firstKey !== 0) return `${head} ${letters.join('') || '-'} ${firstKey} ${lastKey} ${step}`
  return letters.length > 0 ? `${head} ${letters.join('')}` : head
}

const addresses = process.argv.slice(2)
if (addresses.length === 0) {
  console.error('usage: node scripts/generate-commands.ts <host:port> ...')
  process.exit(64)
}
const merged = new Map<string, CommandEntry>()
for (const address of addresses) {
  const entries = parseCommandReply(await askCommands(address)).filter(({ flags }) => !flags.includes('module'))
  for (const entry of entries) {
    const other = merged.get(entry.name)
    merged.set(entry.name, other === undefined ? entry : merge(other, entry))
  }
  console.log(`${address}: ${entries.length} commands and subcommands`)
}
const rows = [...merged.values()].map(toRow).sort()
writeFileSync(OUTPUT, `${JSON.stringify(rows, null, 2)}\n`)
console.log(`${rows.length} written to ${OUTPUT.pathname}`)
