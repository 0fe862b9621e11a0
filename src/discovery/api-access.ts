// How the API server is reached and in which namespace a Service is: as a pod, or outside of a cluster by the usual kubeconfig.
import type { ReadAccess } from './kubernetes-api.ts'
import { inClusterAccess, ownNamespace, type Pod } from './pod.ts'

export interface ApiPlace {
  readonly access: ReadAccess
  /** Of the Service. */
  readonly namespace: string
}

const DEFAULT_NAMESPACE = 'default'

/** The namespace, as far as it is known without a kubeconfig. @param named by the setting. */
export function likelyNamespace(pod: Pod, named: string | undefined): string {
  return named ?? ownNamespace(pod) ?? DEFAULT_NAMESPACE
}

/** @throws outside of a cluster, when no kubeconfig can be read. */
export async function findApi(pod: Pod, named: string | undefined): Promise<ApiPlace> {
  const inCluster = pod.environment.KUBECONFIG ? undefined : inClusterAccess(pod)
  if (inCluster !== undefined) return { access: inCluster, namespace: likelyNamespace(pod, named) }
  const { access, namespace } = (await loadKubeconfig()).kubeconfigAccess()
  return { access, namespace: named ?? ownNamespace(pod) ?? namespace ?? DEFAULT_NAMESPACE }
}

/** The commands that allow the pod's service accounts to follow the Services of a namespace. */
export function roleCommands(pod: Pod, namespace: string): string {
  const name = 'rusteze-discovery'
  return (
    `kubectl -n ${namespace} create role ${name} --verb=list,watch --resource=endpointslices.discovery.k8s.io && ` +
    `kubectl -n ${namespace} create rolebinding ${name} --role=${name} --group=system:serviceaccounts:${ownNamespace(pod) ?? '<namespace of the application>'}`
  )
}

/** The container image is made for clusters and leaves that file out: the module's own error would not tell what to do. */
async function loadKubeconfig(): Promise<typeof import('./kubeconfig.ts')> {
  try {
    return await import('./kubeconfig.ts')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error(
      'kubeconfig.mjs is not beside the program, as in the container image: it finds Kubernetes only in a pod, and there without KUBECONFIG. ' +
        'Outside of a cluster run dist/rusteze.mjs of `npm run build`, or name the servers in RUSTEZE_BACKENDS',
      { cause: error },
    )
  }
}
