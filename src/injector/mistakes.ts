// What is wrong with a pod that asks for a sidecar, in the guard's own words (docs/injection.md), and what is merely odd.

import { redisVariables } from './inject.ts'
import { annotationOf, annotationsOf, type Container, containersOf, DOMAIN, namesIn, type Pod } from './pod.ts'
import type { Sidecar } from './sidecar.ts'
import type { SidecarDefinition } from './sidecar-definition.ts'

/** @param sidecars those that the pod has, or gets. */
export function mistakesIn(pod: Pod, definition: SidecarDefinition, sidecars: readonly Container[]): string[] {
  const { settingKeys, reservedAnnotations, backends } = definition
  const mistakes: string[] = []
  const known = [...settingKeys, ...reservedAnnotations]
  const unknown = Object.keys(annotationsOf(pod))
    .filter((key) => key.startsWith(DOMAIN) && !known.includes(key.slice(DOMAIN.length)))
    .sort()
  if (unknown.length > 0)
    mistakes.push(
      `unknown annotations: ${unknown.join(', ')}; there is one for each setting of the proxy, such as rusteze.io/hold for ` +
        `RUSTEZE_HOLD, and ${reservedAnnotations.join(', ')}`,
    )
  const containers = [...containersOf(pod), ...sidecars]
  const strangers = [...namesIn(pod, 'unix-socket'), ...namesIn(pod, 'inject-env')].filter(
    (name) => !containers.some((each) => each.name === name),
  )
  if (strangers.length > 0)
    mistakes.push(
      `rusteze.io/unix-socket or rusteze.io/inject-env name containers that the pod does not have: ${strangers.join(', ')}`,
    )
  const backend = annotationOf(pod, 'backend')
  const names = Object.keys(backends).filter((name) => name !== '')
  const isUnknown = backend !== undefined && !names.includes(backend)
  if (isUnknown)
    mistakes.push(`unknown backend "${backend}" in rusteze.io/backend; known are: ${names.join(', ') || 'none'}`)
  const sources = sidecars.map(({ env = [] }) =>
    ['RUSTEZE_SERVICE', 'RUSTEZE_BACKENDS'].filter((name) => env.some((each) => each.name === name)),
  )
  // Of a backend that is unknown nothing follows.
  if (!isUnknown && sources.some(({ length }) => length === 0))
    mistakes.push(
      'the Redis sidecar knows no server: name a Service by the annotation rusteze.io/service, such as data/redis, ' +
        'or a backend of this installation by rusteze.io/backend',
    )
  if (sources.some(({ length }) => length === 2))
    mistakes.push(
      'the Redis sidecar is given both a Service and addresses: of the annotations rusteze.io/service and ' +
        'rusteze.io/backends, and of a backend of this installation, only one can say where the servers are',
    )
  if (pod.spec.hostNetwork === true && annotationOf(pod, 'allow-host-network') !== 'true')
    mistakes.push(
      'the pod uses the network of its node, where the sidecar would serve everyone on localhost and clash with others of ' +
        'its kind: leave hostNetwork out, or accept that by the annotation rusteze.io/allow-host-network "true"',
    )
  return mistakes
}

/** What works, but hardly as it is meant. */
export function odditiesIn(pod: Pod, { settings }: Sidecar): string[] {
  const oddities: string[] = []
  const backends = annotationOf(pod, 'backends') ?? ''
  if (annotationOf(pod, 'backend-password') !== undefined || /\/\/[^/@,]*:[^/@,]+@/.test(backends))
    oddities.push('an annotation holds a password, which everybody sees who may read pods: use authSecret of a backend')
  if (namesIn(pod, 'inject-env').length > 0 && redisVariables(settings).length === 0)
    oddities.push('rusteze.io/inject-env has no effect: rusteze.io/listen names no address of TCP')
  return oddities
}
