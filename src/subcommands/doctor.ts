// `rusteze doctor`: looks at everything that the proxy depends on, the way it uses it, and says what to do. It changes nothing.

import type { BackendContext } from '../backend/backend-context.ts'
import { Credentials } from '../backend/credentials.ts'
import type { Config } from '../config.ts'
import { nodeRuntime } from '../runtime/node-runtime.ts'
import { Turn } from '../runtime/turn.ts'
import { checkClocks } from './check-clocks.ts'
import { checkFiles } from './check-files.ts'
import { checkListeners } from './check-listeners.ts'
import { checkMemory } from './check-memory.ts'
import { checkPrimary } from './check-primary.ts'
import { checkServer } from './check-server.ts'
import { findServers } from './check-service.ts'
import { checkSettings } from './check-settings.ts'
import { silentLog } from './conversation.ts'
import { countOf, type Finding, lineOf, type Report } from './finding.ts'
import { type Invocation, USAGE } from './subcommands.ts'

/** @returns 0, or 1 where a check failed. */
export async function doctor({ args, environment, print, complain }: Invocation): Promise<number> {
  const wrong = args.find((each, index) => each !== '--json' || index > 0)
  if (wrong !== undefined) {
    complain(`rusteze doctor: unknown argument '${wrong}'; it takes --json`)
    return USAGE
  }
  const isJson = args.length > 0
  const findings: Finding[] = []
  const report: Report = (finding) => {
    findings.push(finding)
    if (!isJson) print(lineOf(finding))
  }
  const config = checkSettings(environment, report)
  if (config !== undefined) await examine(config, report)
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length
  const summary = { ok: count('ok'), warnings: count('warning'), failed: count('failed') }
  if (isJson) print(JSON.stringify({ findings, summary }, null, 2))
  else print(`${summary.ok} ok, ${countOf(summary.warnings, 'warning')}, ${summary.failed} failed`)
  return summary.failed > 0 ? 1 : 0
}

async function examine(config: Config, report: Report): Promise<void> {
  const areReadable = checkFiles(config, report)
  checkMemory(config, report)
  await checkListeners(config, report)
  // Without its secrets nothing could be asked as the proxy does.
  if (!areReadable) return
  const credentials = new Credentials(config, nodeRuntime, silentLog)
  const context: BackendContext = {
    config,
    runtime: nodeRuntime,
    turn: new Turn(nodeRuntime),
    log: silentLog,
    ownIdentity: credentials.ownIdentity,
    sentinelPassword: credentials.sentinelPassword,
    tls: credentials.tls,
  }
  try {
    const { places, labelled, apiSkewMs } = await findServers(config, report)
    // All at once, told in order.
    const servers = await Promise.all(places.map((place) => checkServer(context, place, places.length > 1)))
    for (const { findings } of servers) for (const finding of findings) report(finding)
    await checkPrimary(context, servers, labelled, report)
    checkClocks(apiSkewMs, servers, report)
  } finally {
    credentials.close()
  }
}
