// `rusteze healthcheck`: one probe, for container engines that run a command instead of asking by HTTP.
import { describeConfigError } from '../config/read-settings.ts'
import { parseConfig } from '../config.ts'
import { askAdmin, failureText } from './admin-client.ts'
import { type Invocation, USAGE } from './subcommands.ts'

const PROBES = ['livez', 'readyz', 'startup']

/** @returns 0 when the running proxy says yes. */
export async function healthcheck({ args, environment, print, complain }: Invocation): Promise<number> {
  const [probe = 'livez', more] = args
  if (!PROBES.includes(probe) || more !== undefined) {
    complain(`rusteze healthcheck: unknown argument '${more ?? probe}'; it takes one of ${PROBES.join(', ')}`)
    return USAGE
  }
  const parsed = parseConfig(environment)
  if ('errors' in parsed) {
    for (const error of parsed.errors) complain(describeConfigError(error))
    return USAGE
  }
  const { admin } = parsed.config
  if (admin === undefined || admin.port === 0) {
    complain('RUSTEZE_ADMIN names no address that could be asked: set it to host:port')
    return 1
  }
  try {
    const { status, body } = await askAdmin(admin, `/${probe}`)
    print(body)
    return status === 200 ? 0 : 1
  } catch (error) {
    print(`the admin server (RUSTEZE_ADMIN) does not answer: ${failureText(error)}`)
    return 1
  }
}
