// Settings of the admin server: probes, metrics, status.
import { addressOrOff } from '../addresses.ts'
import { setting } from '../setting.ts'
import { duration, onOff } from '../setting-types.ts'

export const adminSettings = {
  admin: setting('ADMIN', addressOrOff(), '127.0.0.1:9380', {
    sentence:
      'Where probes, metrics and status are answered: host:port or [v6]:port, or off. Beyond loopback only probes and metrics are.',
    reason: 'Only this pod or machine can ask; the probes of Kubernetes need [::]:9380.',
  }),
  startupWaitMs: setting('STARTUP_WAIT', duration(), '10s', {
    sentence: 'How long /startup waits for the first answer of the discovery.',
    reason: 'An API server that is away must not keep the application from starting for ever.',
  }),
  isQuitAllowed: setting('ADMIN_QUIT', onOff(), 'off', {
    sentence: 'Whether POST /quitquitquit ends the process as SIGTERM does.',
    reason: 'Only Jobs whose sidecar is an ordinary container need it.',
  }),
}
