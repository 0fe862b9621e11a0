// The objects of the API server that the injector reads and writes, each by its path.
import { ApiError, type KubernetesApi } from '../discovery/kubernetes-api.ts'

export interface Metadata {
  readonly resourceVersion: string
  readonly [more: string]: unknown
}

/** Fields that are not looked at are kept as they are. */
export interface KubernetesObject {
  readonly metadata: Metadata
  readonly [more: string]: unknown
}

/** @throws where there is none: only the chart makes objects, so that the injector needs no right to. */
export async function readObject<Kind extends KubernetesObject>(
  api: KubernetesApi,
  path: string,
  signal: AbortSignal,
): Promise<Kind> {
  try {
    return (await api.get(path, signal)) as Kind
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error
    throw new Error(`${path} is not there: helm upgrade makes it anew`)
  }
}

/** Replaces what was read. @returns false if somebody else was faster. */
export async function writeObject(
  api: KubernetesApi,
  path: string,
  object: KubernetesObject,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await api.send('PUT', path, object, signal)
    return true
  } catch (error) {
    if (error instanceof ApiError && (error.status === 409 || error.status === 404)) return false
    throw error
  }
}
