// Builds the image once per run, and removes it with every container and network that a test left behind, however the run ends.

import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { dockerProblem } from '../../scripts/docker.mjs'
import { type Keeper, startKeeper } from '../../scripts/keeper.mjs'
import { root, run } from '../../scripts/toolchain.mjs'

/** What the tests are handed. */
export type BuiltImage = {
  readonly name: string
  /** Label of every container and beginning of every network's name. */
  readonly run: string
  /** Why there is no image; empty when there is one. */
  readonly problem: string
}

declare module 'vitest' {
  interface ProvidedContext {
    image: BuiltImage
  }
}

let keeper: Keeper | undefined

export async function setup({ provide }: TestProject): Promise<void> {
  const runName = `rusteze-test-${process.pid}`
  const name = `rusteze:test-${process.pid}`
  const image = { name, run: runName, problem: '' }
  if (dockerProblem() !== undefined) return provide('image', { ...image, problem: 'no Docker engine' })
  keeper = startKeeper(
    runName,
    `docker ps --all --quiet --filter label=${runName} | xargs -r docker rm --force --volumes
    docker network ls --quiet --filter name=${runName} | xargs -r docker network rm
    docker rmi ${name}`,
  )
  try {
    await run(process.execPath, [join(root, 'scripts', 'image.mjs'), '--tag', name], { quiet: true })
    provide('image', image)
  } catch (error) {
    // Thrown here it would fail the tests of everything else as well.
    provide('image', { ...image, problem: String(error) })
  }
}

export async function teardown(): Promise<void> {
  await keeper?.end()
}
