// Reads from /proc what a process costs, and speaks the few bytes of Redis's protocol the benchmark itself needs.
import { readFileSync } from 'node:fs'
import net from 'node:net'

/** Where something listens: a port of 127.0.0.1 or the path of a unix socket. */
export type Address = { readonly port: number } | { readonly path: string }

/** USER_HZ, the unit of utime and stime in /proc/PID/stat; 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100
/** Every millisecond missed could hide a peak; one reading costs about 20 µs. */
const MEMORY_SAMPLE_MS = 20

/** CPU time of all threads of a process since its start, user and system. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field is the name in parentheses and may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory in MB of 1024 × 1024 bytes, as Redis counts its own `mb`. */
export function residentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  if (kilobytes === undefined) throw new Error(`process ${pid} has no resident memory any more`)
  return Number(kilobytes) / 1024
}

/** Resident memory in MB of 1024 × 1024 bytes: all of it, the pages of files (Node itself, shared by all its processes), the rest. */
export type Resident = { readonly totalMb: number; readonly fileMb: number; readonly ownMb: number }

export function resident(pid: number): Resident {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1])
  const totalMb = residentMb(pid)
  const fileMb = kilobytes('RssFile') / 1024
  return { totalMb, fileMb, ownMb: totalMb - fileMb }
}

/** Does `work` and returns with its result the highest resident memory of a process meanwhile; null of no process. */
export async function withPeakMemory<T>(
  pid: number | null,
  work: () => Promise<T>,
): Promise<{ result: T; peakMb: number | null }> {
  if (pid === null) return { result: await work(), peakMb: null }
  let peakMb = residentMb(pid)
  let failure: unknown = null
  const timer = setInterval(() => {
    try {
      peakMb = Math.max(peakMb, residentMb(pid))
    } catch (error) {
      failure = error
    }
  }, MEMORY_SAMPLE_MS)
  try {
    const result = await work()
    if (failure !== null) throw failure
    return { result, peakMb }
  } finally {
    clearInterval(timer)
  }
}

/** Whether something listens there, seen without connecting: a proxy's memory is read before its first client. */
export function isListening(address: Address): boolean {
  if ('path' in address) {
    return readFileSync('/proc/net/unix', 'latin1')
      .split('\n')
      .some((line) => line.endsWith(` ${address.path}`))
  }
  const port = address.port.toString(16).toUpperCase().padStart(4, '0')
  // local address, remote address, state; 0A is LISTEN.
  const listener = new RegExp(`^\\s*\\d+: [0-9A-F]+:${port} [0-9A-F]+:0000 0A `, 'm')
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((file) => listener.test(readIfThere(file)))
}

/** A port of 127.0.0.1 that nobody used a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('the system gave no port'))
        else resolve(address.port)
      })
    })
  })
}

/** Sends `request` over a connection of its own and fails unless the reply is exactly `expected`. */
export function exchange(address: Address, request: string, expected: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect('path' in address ? address : { host: '127.0.0.1', port: address.port })
    let received = ''
    const settle = (failure: Error | null) => {
      socket.destroy()
      if (failure === null) resolve()
      else reject(failure)
    }
    const unexpected = () => new Error(`unexpected reply ${JSON.stringify(received.slice(0, 100))}`)
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.setTimeout(timeoutMs, () => settle(new Error(`no full reply within ${timeoutMs} ms`)))
    socket.once('error', settle)
    socket.once('end', () => settle(unexpected()))
    socket.once('connect', () => socket.write(request, 'latin1'))
    socket.on('data', (text: string) => {
      received += text
      if (received.length >= expected.length) settle(received === expected ? null : unexpected())
    })
  })
}

/** One command as RESP writes it. */
export function encode(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

/** The middle of the values: of an even number the mean of the two in the middle; null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const low = sorted[Math.floor((sorted.length - 1) / 2)]
  const high = sorted[Math.ceil((sorted.length - 1) / 2)]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    // A kernel without IPv6 has no tcp6.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
