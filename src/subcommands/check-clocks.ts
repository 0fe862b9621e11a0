// Is the clock right? Certificates and tokens are judged by it, and so are times in logs.
import { countOf, ok, type Report, warning } from './finding.ts'

/** More than a Date header's second and a slow answer explain, in ms. */
const LEAST_SKEW_MS = 5000

interface Clock {
  readonly name: string
  /** How far it is ahead of ours; undefined where it could not be asked. */
  readonly skewMs: number | undefined
}

/** @param apiSkewMs of the API server. */
export function checkClocks(apiSkewMs: number | undefined, servers: readonly Clock[], report: Report): void {
  const clocks = [{ name: 'the API server', skewMs: apiSkewMs }, ...servers].filter(
    ({ skewMs }) => skewMs !== undefined,
  )
  if (clocks.length === 0) return
  const wrong = clocks.filter(({ skewMs }) => Math.abs(skewMs!) > LEAST_SKEW_MS)
  for (const { name, skewMs } of wrong) {
    const seconds = `${Math.round(Math.abs(skewMs!) / 1000)} s`
    const message = `that of ${name} is ${seconds} ${skewMs! > 0 ? 'ahead' : 'behind'}`
    report(warning('clock', message, 'Set the clocks of the nodes by NTP: certificates and tokens are judged by them'))
  }
  if (wrong.length === 0) report(ok('clock', `agrees with ${countOf(clocks.length, 'other')}`))
}
