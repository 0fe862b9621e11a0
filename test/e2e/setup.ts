// Says what the end-to-end tests are missing; else brings images, servers and a namespace for applications into the cluster, once per run.

import { spawnSync } from 'node:child_process'
import type { TestProject } from 'vitest/node'
import { dockerProblem } from '../../scripts/docker.mjs'
import { createNamespace, deleteNamespaces } from './cluster.ts'
import { loadImages } from './images.ts'
import { startServers } from './servers.ts'

const { KUBECONFIG, E2E_LOAD_IMAGE, E2E_REQUIRED } = process.env

/** Made here: of the servers, and of applications that may watch them. */
const namespaces = ['data', 'shop']

declare module 'vitest' {
  interface ProvidedContext {
    /** What is missing; empty where the tests can run. */
    missing: string
  }
}

let isSetUp = false

export async function setup({ provide }: TestProject): Promise<void> {
  const missing = whatIsMissing()
  provide('missing', missing)
  if (missing !== '') {
    if (E2E_REQUIRED) throw new Error(`end-to-end tests cannot run: ${missing}`)
    process.stderr.write(`rusteze: end-to-end tests are skipped: ${missing}\n`)
    return
  }
  await loadImages(E2E_LOAD_IMAGE!)
  isSetUp = true
  await Promise.all(namespaces.map(createNamespace))
  await startServers()
}

export async function teardown(): Promise<void> {
  if (isSetUp) await deleteNamespaces(...namespaces)
}

function whatIsMissing(): string {
  for (const [tool, args] of [
    ['helm', ['version']],
    ['kubectl', ['version', '--client']],
  ] as const) {
    if (spawnSync(tool, args).status !== 0) return `no ${tool} on the PATH`
  }
  if (!KUBECONFIG) return 'KUBECONFIG names no cluster'
  const { status, stdout } = spawnSync('kubectl', ['get', 'nodes', '--output', 'name'], { encoding: 'utf8' })
  if (status !== 0 || stdout === '') return 'the cluster of KUBECONFIG does not answer, or has no nodes'
  const noDocker = dockerProblem()
  if (noDocker !== undefined) return `no Docker engine: ${noDocker}`
  if (!E2E_LOAD_IMAGE) return 'E2E_LOAD_IMAGE names no command that loads an archive of images into the nodes'
  return ''
}
