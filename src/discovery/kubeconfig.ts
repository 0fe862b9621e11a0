// Outside of a cluster: the usual kubeconfig, with all its ways to log in. A file of its own in the bundle, since it takes much memory.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import type { ApiAccess, ReadAccess } from './kubernetes-api.ts'

/**
 * What `KUBECONFIG` or ~/.kube/config name as the current context. Read anew each time, as everything that is rotated.
 * @throws when it cannot be read.
 */
export function kubeconfigAccess(): { access: ReadAccess; namespace: string | undefined } {
  let config = load()
  let text = config.exportConfig()
  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    access: async (): Promise<ApiAccess> => {
      const fresh = load()
      const freshText = fresh.exportConfig()
      // One that is the same as before keeps the tokens that it fetched.
      if (freshText !== text) [config, text] = [fresh, freshText]
      const options: ApiAccess['options'] = {}
      await config.applyToHTTPSOptions(options)
      return { server: serverOf(config), options }
    },
  }
}

function load(): KubeConfig {
  const config = new KubeConfig()
  config.loadFromDefault()
  serverOf(config)
  return config
}

function serverOf(config: KubeConfig): string {
  const server = config.getCurrentCluster()?.server ?? ''
  // Without any kubeconfig the library makes up a server without TLS.
  if (!server.startsWith('https://')) throw new Error('no kubeconfig names a cluster with an address of https')
  return server.replace(/\/$/, '')
}
