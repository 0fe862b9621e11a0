// Values that several tests of the chart begin with, and short ways to what comes of them.

import { render, renderText, type Tree, the } from './helm.ts'

export const cache = {
  name: 'cache',
  namespace: 'data',
  service: 'redis',
  port: 'tcp-redis',
  authSecret: { name: 'redis-login', usernameKey: 'user' },
  tls: { secret: 'redis-tls', certKey: 'tls.crt', keyKey: 'tls.key', serverName: 'redis.data.svc' },
  settings: { hold: '10s' },
  clientNamespaces: ['shop', 'mail'],
}
/** Whatever is off by default. */
export const everything = {
  backends: [cache, { name: 'sessions', namespace: 'data', service: 'sessions', clientNamespaces: ['shop'] }],
  podMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  dashboards: { enabled: true },
  injector: { networkPolicy: { enabled: true } },
  commonLabels: { team: 'storage' },
  sidecar: { imagePullSecrets: ['registry'] },
}

/** What is there in every mode. */
export const guardKinds = ['ValidatingAdmissionPolicy rusteze-guard', 'ValidatingAdmissionPolicyBinding rusteze-guard']

/** The objects of the chart in one mode. */
export function withMode(mode: string, values: object = {}): Tree[] {
  return render({ values: { injection: { mode }, ...values } })
}

/** What helm says when it refuses these values. */
export function refusal(values: object, chart?: string): string {
  try {
    renderText({ values, ...(chart ? { chart } : {}) })
  } catch (error) {
    return String(error)
  }
  throw new Error('helm took them')
}

/** What the webhook reads from its file. */
export function injection(values: object = {}): Tree {
  return JSON.parse(the(withMode('webhook', values), 'ConfigMap', 'rusteze-injector').data['sidecar.json'])
}
