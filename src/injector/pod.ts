// What the injector reads of a pod, as the API server describes it; all else passes unseen.

/** An entry of a container's `env`. */
export interface Variable {
  readonly name: string
  readonly value?: string
}

/** A container, or an init container. */
export interface Container {
  readonly name: string
  readonly env?: readonly Variable[]
  readonly volumeMounts?: readonly object[]
}

export interface Pod {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly containers: readonly Container[]
    readonly initContainers?: readonly Container[]
    readonly volumes?: readonly object[]
    readonly imagePullSecrets?: readonly { readonly name: string }[]
    readonly hostNetwork?: boolean
  }
}

/** Before the names of our labels and annotations. */
export const DOMAIN = 'rusteze.io/'
export const SIDECAR = 'rusteze'

export function containersOf({ spec }: Pod): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers]
}

export function annotationsOf({ metadata }: Pod): Readonly<Record<string, string>> {
  return metadata?.annotations ?? {}
}

/** Undefined where there is none. @param name without {@link DOMAIN}. */
export function annotationOf(pod: Pod, name: string): string | undefined {
  return annotationsOf(pod)[`${DOMAIN}${name}`]
}

/** Names separated by commas; none where there is no such annotation. */
export function namesIn(pod: Pod, annotation: string): readonly string[] {
  const names = (annotationOf(pod, annotation) ?? '').split(',').map((name) => name.trim())
  return names.filter((name) => name !== '')
}
