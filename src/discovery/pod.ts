// What a pod finds around itself: the address of the API server, its service account, and how its cluster names Services.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReadAccess } from './kubernetes-api.ts'
import { type NameServer, systemNameServer } from './service-dns.ts'

export interface Pod {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The directory that holds `token`, `ca.crt` and `namespace`. */
  readonly serviceAccount: string
  /** The path of resolv.conf. */
  readonly resolvConf: string
  readonly makeNameServer: () => NameServer
}

/** As Kubernetes makes every pod. */
export const thisPod: Pod = {
  environment: process.env,
  serviceAccount: '/var/run/secrets/kubernetes.io/serviceaccount',
  resolvConf: '/etc/resolv.conf',
  makeNameServer: systemNameServer,
}

/** Inside a pod: the service account's token and CA, which are rotated and so read anew each time. Undefined outside. */
export function inClusterAccess({ environment, serviceAccount }: Pod): ReadAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment
  if (!host || !port) return undefined
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  return async () => ({
    server,
    options: {
      ca: readFileSync(join(serviceAccount, 'ca.crt')),
      headers: { authorization: `Bearer ${readFileSync(join(serviceAccount, 'token'), 'utf8').trim()}` },
    },
  })
}

/** The namespace of this pod; undefined outside of one. */
export function ownNamespace({ serviceAccount }: Pod): string | undefined {
  return textOf(join(serviceAccount, 'namespace'))?.trim()
}

/** From the search list that Kubernetes writes into resolv.conf: `<namespace>.svc.<domain> svc.<domain> <domain>`. */
export function clusterDomain({ resolvConf }: Pod): string {
  return /^search\s(?:.*\s)?svc\.(\S+)/m.exec(textOf(resolvConf) ?? '')?.[1] ?? 'cluster.local'
}

/** The whole name by which DNS knows a Service. */
export function serviceHost(pod: Pod, service: string, namespace: string): string {
  return `${service}.${namespace}.svc.${clusterDomain(pod)}`
}

/** Undefined where there is no such file: outside of a pod. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
