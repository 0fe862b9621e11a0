// Can the proxy listen where it should, or does it run there already? Then it is asked how it fares.
import { accessSync, constants, existsSync } from 'node:fs'
import net from 'node:net'
import { dirname } from 'node:path'
import { addressText } from '../backend/backend-context.ts'
import type { ListenAddress, TcpAddress } from '../config/addresses.ts'
import type { Config } from '../config.ts'
import type { Status } from '../operations/status.ts'
import { askAdmin } from './admin-client.ts'
import { countOf, failed, ok, type Report, warning } from './finding.ts'

const TAKEN = 'EADDRINUSE'

export async function checkListeners({ listen, admin }: Config, report: Report): Promise<void> {
  const status = admin === undefined || admin.port === 0 ? undefined : await statusOf(admin)
  for (const address of listen) await checkListener('RUSTEZE_LISTEN', address, status, report)
  if (admin !== undefined) await checkListener('RUSTEZE_ADMIN', { kind: 'tcp', ...admin }, status, report)
  if (status !== undefined) tellRunning(status, report)
}

/** @returns undefined where no proxy answers. */
async function statusOf(admin: TcpAddress): Promise<Status | undefined> {
  try {
    const status = JSON.parse((await askAdmin(admin, '/status')).body) as Partial<Status>
    return Array.isArray(status.shards) && status.health !== undefined ? (status as Status) : undefined
  } catch {
    // Nobody, or somebody else: what is there is found out by connecting.
    return undefined
  }
}

async function checkListener(
  variable: 'RUSTEZE_LISTEN' | 'RUSTEZE_ADMIN',
  address: ListenAddress,
  status: Status | undefined,
  report: Report,
): Promise<void> {
  const at = addressText(address.kind === 'unix' ? { path: address.path } : address)
  const check = 'listen'
  if (address.kind === 'tcp' && address.port === 0) {
    report(ok(check, `${variable} is any free port`))
    return
  }
  const problem = await (address.kind === 'unix' ? socketProblem(address.path) : portProblem(address))
  if (problem === '') report(ok(check, `${at} is free`))
  else if (problem !== TAKEN) {
    const mend = `Give ${variable} an address of this machine that this user may have`
    report(failed(check, `${at} cannot be had: ${problem}`, mend))
  } else if (status !== undefined) report(ok(check, `${at} is taken, and Rusteze runs here`))
  else {
    const mend = `If it is not Rusteze, give ${variable} another address; if it is, RUSTEZE_ADMIN would tell more`
    report(warning(check, `${at} is taken by a program that does not answer as Rusteze's admin server`, mend))
  }
}

/** @returns '' when it can be had. */
function portProblem({ host, port }: TcpAddress): Promise<string> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.on('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(code))
    server.listen({ host, port }, () => server.close(() => resolve('')))
  })
}

/** Makes no file: a proxy that starts in this moment would lose its own. */
async function socketProblem(path: string): Promise<string> {
  if (await isAnswered(path)) return TAKEN
  const directory = dirname(path)
  if (!existsSync(directory)) return `there is no directory ${directory}`
  try {
    accessSync(directory, constants.W_OK)
    return ''
  } catch {
    return `this user may not write into ${directory}`
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

function tellRunning({ version, clients, health, shards }: Status, report: Report): void {
  const check = 'running proxy'
  const facts = `Rusteze ${version}, ${countOf(clients.connected, 'client')}`
  if (!health.isReady) report(warning(check, `${facts}, not ready: ${health.readiness}`, 'See its log'))
  for (const { state, primary } of shards) {
    if (state === 'serving') report(ok(check, `${facts}, serves with the primary ${primary?.address}`))
    else report(failed(check, `${facts}, is ${state}: commands wait for a primary`, 'See below what the servers say'))
  }
}
