// Does what the settings allow to wait fit into the memory of the container?
import type { Config } from '../config.ts'
import { containerMemory, memoryCeiling } from '../operations/memory-ceiling.ts'
import { ok, type Report, warning } from './finding.ts'

const MIB = 1024 * 1024
/** Resident size of an idle proxy that watches a Service, and of one at work: what npm run bench:memory measures, rounded up. */
const LEAST_BYTES = 96 * MIB

/** @param allowed what the container may use, in bytes; undefined where there is no limit. */
export function checkMemory(
  config: Pick<Config, 'memoryLimitBytes' | 'holdBytes' | 'outputHardLimitBytes'>,
  report: Report,
  allowed = containerMemory(),
): void {
  const check = 'memory'
  const { memoryLimitBytes, holdBytes, outputHardLimitBytes } = config
  const ceiling = memoryCeiling(memoryLimitBytes, allowed)
  const limit =
    allowed === undefined ? 'nothing limits the memory of this container' : `the container may use ${mib(allowed)}`
  if (ceiling === 0) {
    report(
      warning(
        check,
        `${limit}, so nothing bounds all unread replies together`,
        'Set a memory limit, or RUSTEZE_MEMORY',
      ),
    )
    return
  }
  const findings = []
  if (allowed !== undefined && allowed < LEAST_BYTES) {
    findings.push(warning(check, `${limit}: a busy proxy takes more`, `Raise the limit to ${mib(LEAST_BYTES)} or more`))
  }
  if (allowed !== undefined && memoryLimitBytes > memoryCeiling(0, allowed)) {
    const fitting = mib(memoryCeiling(0, allowed))
    findings.push(
      warning(
        check,
        `${limit}, and RUSTEZE_MEMORY lets ${mib(memoryLimitBytes)} wait: the kernel would end the process first`,
        `Lower it to ${fitting}, leave it at 0, or raise the limit`,
      ),
    )
  }
  if (holdBytes > ceiling) {
    findings.push(
      warning(
        check,
        `RUSTEZE_HOLD_BYTES (${mib(holdBytes)}) is above the ${mib(ceiling)} that may wait in all`,
        'Lower it, or raise the memory limit of the container',
      ),
    )
  }
  const hard =
    outputHardLimitBytes > ceiling
      ? `, before RUSTEZE_OUTPUT_HARD (${mib(outputHardLimitBytes)}) closes one client`
      : ''
  if (findings.length === 0)
    findings.push(ok(check, `${limit}; ${mib(ceiling)} of replies and commands may wait${hard}`))
  for (const finding of findings) report(finding)
}

function mib(bytes: number): string {
  return `${Math.floor(bytes / MIB)} MiB`
}
