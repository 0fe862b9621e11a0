// Asks the admin server of a running proxy, as the settings name it.
import { once } from 'node:events'
import { get } from 'node:http'
import type { TcpAddress } from '../config/addresses.ts'

export interface AdminAnswer {
  readonly status: number
  readonly body: string
}

/** The kubelet's own time-out is a second: longer than that nobody waits for a probe, in ms. */
const TIMEOUT_MS = 1000

/** @throws what the connection failed of. */
export async function askAdmin(address: TcpAddress, path: string): Promise<AdminAnswer> {
  const { host, port } = reachable(address)
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const [response] = await once(get({ host, port, path, agent: false, signal }), 'response')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  return { status: response.statusCode, body: body.trim() }
}

/** Where a program on this machine reaches what listens at an address: one that means every interface takes IPv4 as well. */
export function reachable({ host, port }: TcpAddress): TcpAddress {
  return { host: host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host, port }
}

/** What an attempt failed of, in few words. */
export function failureText(error: unknown): string {
  const { name, code, message } = error as NodeJS.ErrnoException
  return name === 'AbortError' || name === 'TimeoutError'
    ? `no answer within ${TIMEOUT_MS / 1000} s`
    : (code ?? message)
}
