// Which server would be the primary, and why? Judged as the proxy does when it starts.
import { addressText, type BackendContext } from '../backend/backend-context.ts'
import { Sentinel } from '../backend/sentinel.ts'
import type { Address } from '../runtime/runtime.ts'
import { type Hint, majorityOf } from '../topology/hint.ts'
import { judgePrimary } from '../topology/primary.ts'
import type { CheckedServer } from './check-server.ts'
import { countOf, failed, ok, type Report, warning } from './finding.ts'

export async function checkPrimary(
  context: BackendContext,
  servers: readonly CheckedServer[],
  labelled: readonly Address[],
  report: Report,
): Promise<void> {
  if (servers.length === 0) return
  const hints = [...(await askSentinels(context, servers, report)), ...labelHints(context, labelled)]
  const judgement = judgePrimary(servers, { accepted: null, acceptedAt: 0, isEmptyAllowed: false, hints })
  const { primary, reason } = judgement
  const masters = servers.filter(({ isMaster }) => isMaster)
  if (primary === null) {
    report(failed('primary', `none: ${reason}`, mendFor(servers, masters)))
  } else if (masters.length > 1) {
    const names = masters.map(({ name }) => name).join(', ')
    const mend = 'Make the others its replicas (REPLICAOF), or name only the servers that belong together'
    report(warning('primary', `${primary.name}, though several say that they are masters (${names}): ${reason}`, mend))
  } else report(ok('primary', `${primary.name}: ${reason}`))
}

function mendFor(servers: readonly CheckedServer[], masters: readonly CheckedServer[]): string {
  if (masters.length > 1) {
    return 'Make all but one of them replicas (REPLICAOF), or let RUSTEZE_PRIMARY_SERVICE or RUSTEZE_SENTINELS decide'
  }
  if (masters.length === 1)
    return 'Promote a replica that holds the data, or empty the others; after RUSTEZE_EMPTY_PRIMARY_WAIT it is taken'
  const names = new Set(servers.map(({ name }) => name))
  const elsewhere = [...new Set(servers.map(({ masterName }) => masterName))].filter(
    (name) => name !== '' && !names.has(name),
  )
  if (elsewhere.length > 0) {
    return `Name the primary as well: the replicas follow ${elsewhere.join(', ')}. RUSTEZE_SERVICE has to lead to all servers`
  }
  return servers.some(({ isReplica }) => isReplica)
    ? 'Promote a replica: REPLICAOF NO ONE'
    : 'See what each server says above'
}

function labelHints({ runtime }: BackendContext, labelled: readonly Address[]): Hint[] {
  if (labelled.length === 0) return []
  return [{ source: 'the label', names: new Set(labelled.map(addressText)), runId: '', givenAt: runtime.now() }]
}

async function askSentinels(
  context: BackendContext,
  servers: readonly CheckedServer[],
  report: Report,
): Promise<Hint[]> {
  const { config } = context
  const beside = servers.flatMap(({ sentinelAddress }) => sentinelAddress ?? [])
  const addresses: readonly Address[] = servers.length === 1 ? [] : (config.sentinels ?? beside)
  if (addresses.length === 0) return []
  const sentinels = await Promise.all(addresses.map((address) => askSentinel(context, address)))
  for (const { name, trouble } of sentinels) {
    if (trouble !== '')
      report(
        warning(
          'Sentinel',
          `${name} does not tell: ${trouble}`,
          'Look at RUSTEZE_SENTINELS and RUSTEZE_SENTINEL_PASSWORD_FILE',
        ),
      )
  }
  const words = sentinels.flatMap(({ words }) => words)
  const own = words.filter(({ group }) => config.sentinelMaster === undefined || group === config.sentinelMaster)
  const groups = new Set(own.map(({ group }) => group))
  if (words.length > 0 && own.length === 0) {
    const known = [...new Set(words.map(({ group }) => group))].join(', ')
    report(
      failed(
        'Sentinel',
        `none of them watches ${config.sentinelMaster}`,
        `Set RUSTEZE_SENTINEL_MASTER to one of ${known}`,
      ),
    )
  }
  if (groups.size > 1) {
    report(warning('Sentinel', `they watch several groups: ${[...groups].join(', ')}`, 'Set RUSTEZE_SENTINEL_MASTER'))
    return []
  }
  const hint = majorityOf(own, addresses.length)
  if (hint !== null)
    report(
      ok(
        'Sentinel',
        `${countOf(own.length, 'Sentinel')} of ${addresses.length} tell, most name ${[...hint.names].join()}`,
      ),
    )
  return hint === null ? [] : [hint]
}

function askSentinel(context: BackendContext, address: Address): Promise<Pick<Sentinel, 'name' | 'words' | 'trouble'>> {
  return new Promise((resolve) => {
    let isTold = false
    const tell = () => {
      if (isTold) return
      isTold = true
      late.cancel()
      const { name, words, trouble } = sentinel
      sentinel.close()
      resolve({
        name,
        words,
        trouble: trouble || (words.length === 0 ? 'it watches nobody, or did not answer in time' : ''),
      })
    }
    const late = context.runtime.after(context.config.connectTimeoutMs + context.config.replyTimeoutMs, tell)
    const sentinel = new Sentinel(context, address, tell)
    sentinel.ask()
  })
}
