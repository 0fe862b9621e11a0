// Whether a Docker engine is to be had: named by DOCKER_HOST, or at its usual place.

import { spawnSync } from 'node:child_process'

/** An engine that is there answers at once. */
const patienceMs = 10_000

/** @returns {string | undefined} why there is none; undefined when there is one */
export function dockerProblem() {
  const { error, status, stderr } = spawnSync('docker', ['version'], { encoding: 'utf8', timeout: patienceMs })
  if (error) return error.message
  return status === 0 ? undefined : stderr.trim().split('\n').at(-1)
}
