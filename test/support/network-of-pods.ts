// Servers on loopback as endpoints of a Service: the API server accepts no loopback address in a slice, so 127.0.x.y is written as 10.9.x.y.
import { nodeRuntime } from '../../src/runtime/node-runtime.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'

/** As it is written in a slice. @param host of a server, 127.0.x.y. */
export const podAddress = (host: string): string => host.replace(/^127\.0\./, '10.9.')

/** Reaches the server behind such an address. */
export const networkOfPods: Runtime = {
  ...nodeRuntime,
  connect: (address, ...rest) => {
    const host = 'host' in address ? address.host.replace(/^10\.9\./, '127.0.') : ''
    return nodeRuntime.connect('host' in address ? { ...address, host } : address, ...rest)
  },
}
