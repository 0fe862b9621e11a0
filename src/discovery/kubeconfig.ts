// Outside of a cluster: the usual kubeconfig, with all its ways to log in. A file of its own in the bundle, since it takes much memory.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import type { ApiAccess, ReadAccess } from './kubernetes-api.ts'

/** What `KUBECONFIG` or ~/.kube/config name as the current context. */
export function kubeconfigAccess(): { access: ReadAccess; namespace: string | undefined } {
  const config = new KubeConfig()
  config.loadFromDefault()
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace
  return {
    namespace,
    access: async (): Promise<ApiAccess> => {
      const server = config.getCurrentCluster()?.server
      if (server === undefined) throw new Error('the kubeconfig names no cluster')
      const options: ApiAccess['options'] = {}
      await config.applyToHTTPSOptions(options)
      return { server: server.replace(/\/$/, ''), options }
    },
  }
}
