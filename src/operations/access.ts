// Who may ask the admin server for more than probes and metrics: programs on this machine, and no web page that misuses a browser.
import type { IncomingHttpHeaders } from 'node:http'
import { isLoopbackHost } from '../config/addresses.ts'

/** What is known of who asks. */
export interface Asker {
  readonly remoteAddress: string | undefined
  readonly localAddress: string | undefined
  readonly headers: IncomingHttpHeaders
  /** Each `Host` header there was. */
  readonly hosts: readonly string[]
}

/** True for a client on this machine, by its addresses as Redis writes them. */
export function isLocalClient(client: { readonly remoteAddress: string; readonly localAddress: string }): boolean {
  const isLoopback = (address: string) => address.startsWith('/') || isLoopbackHost(hostOf(address))
  return isLoopback(client.remoteAddress) && isLoopback(client.localAddress)
}

/** @returns why the asker may not see what is for this machine only; undefined when it may. */
export function localRefusal({ remoteAddress = '', localAddress = '', hosts }: Asker): string | undefined {
  // Both ends: what a mesh's proxy takes in for the pod comes from 127.0.0.6, and goes to the address of the pod.
  if (!isLoopbackHost(remoteAddress) || !isLoopbackHost(localAddress)) {
    return 'answered on loopback only; kubectl port-forward leads there'
  }
  // A name that a web site made to lead here is still that site's to its pages.
  const [host = ''] = hosts
  if (hosts.length !== 1 || !isLoopbackHost(hostOf(host))) return 'answered for the host localhost only'
  return undefined
}

/** @returns why the asker may change nothing; undefined when it may. Goes with {@link localRefusal}. */
export function changeRefusal({ headers, hosts }: Asker): string | undefined {
  const { origin, 'sec-fetch-site': site } = headers
  const isForeign = origin !== undefined && origin !== `http://${hosts[0]}`
  if (isForeign || (site !== undefined && site !== 'same-origin' && site !== 'none'))
    return 'not for pages of other sites'
  return undefined
}

/** Without the port, and without the brackets of an IPv6 address. */
function hostOf(host: string): string {
  const [, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d*)?$/.exec(host) ?? []
  return bracketed ?? plain
}
