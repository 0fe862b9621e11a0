// Which settings of a server are in the way of what the proxy promises? Where the user may not ask, nothing is said.
import type { Config } from '../config.ts'
import type { Conversation } from './conversation.ts'
import { countOf, type Finding, failed, warning } from './finding.ts'

/** Redis's own default of proto-max-bulk-len, in bytes: less is somebody's choice. */
const USUAL_BULK_BYTES = 512 * 1024 * 1024
/** Share of maxclients that is nearly all. */
const NEARLY_FULL = 0.9

/** @param replicas how many follow it; undefined for a replica. */
export async function checkServerSettings(
  conversation: Conversation,
  name: string,
  { backendPingMs }: Config,
  replicas: number | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = []
  /** undefined where the user may not ask. */
  const setting = async (what: string): Promise<number | undefined> => {
    const pair = await conversation.value('CONFIG', 'GET', what)
    return Array.isArray(pair) && pair.length === 2 ? Number(pair[1]) : undefined
  }
  const needed = await setting('min-replicas-to-write')
  if (needed !== undefined && replicas !== undefined && needed > replicas) {
    const message = `min-replicas-to-write is ${needed}, and it has ${countOf(replicas, 'replica')}: it refuses writes (NOREPLICAS)`
    findings.push(failed(name, message, 'Look at the replicas, or lower it'))
  } else if (needed === 0 && replicas !== undefined && replicas > 0) {
    const mend = 'Set min-replicas-to-write 1 and min-replicas-max-lag 10'
    findings.push(
      warning(
        name,
        'min-replicas-to-write is 0: cut off from its replicas it takes writes that a failover loses',
        mend,
      ),
    )
  }
  const timeoutS = (await setting('timeout')) ?? 0
  if (timeoutS > 0 && timeoutS * 1000 <= backendPingMs) {
    const message = `it closes connections that are idle for ${timeoutS} s, before RUSTEZE_BACKEND_PING (${backendPingMs / 1000} s)`
    findings.push(warning(name, message, 'Raise timeout, set it to 0, or lower RUSTEZE_BACKEND_PING'))
  }
  const bulkBytes = (await setting('proto-max-bulk-len')) ?? USUAL_BULK_BYTES
  if (bulkBytes < USUAL_BULK_BYTES) {
    const message = `proto-max-bulk-len is ${bulkBytes} bytes: it closes the connection that brings a longer value`
    findings.push(warning(name, message, 'Raise it if longer values are meant to be stored'))
  }
  const most = await setting('maxclients')
  const info = await conversation.value('INFO', 'clients')
  const connected = Number(/^connected_clients:(\d+)/m.exec(String(info))?.[1])
  if (most !== undefined && connected > most * NEARLY_FULL) {
    const mend = 'Raise maxclients, or let more of its clients share connections'
    findings.push(warning(name, `${connected} of at most ${most} clients are connected`, mend))
  }
  return findings
}
