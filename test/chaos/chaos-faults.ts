// What befalls the servers: each fault breaks something, promotes somebody where that is the cure, and tells when there was a primary again.
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../simulator/random.ts'
import type { Metronome } from './metronome.ts'
import type { ReplicaSet } from './replica-set.ts'

/** Longest time until somebody is promoted, and until what was broken comes back, in ms. */
const LONGEST_PAUSE_MS = 1500

export interface Scene {
  readonly set: ReplicaSet
  readonly metronome: Metronome
  readonly random: Random
}

/** @returns when there was a primary again, in ms of `performance.now()`; undefined where there was one all the time. */
export type Fault = (scene: Scene) => Promise<number | undefined>

const pause = ({ random }: Scene) => delay(random.below(LONGEST_PAUSE_MS))

/** As an operator or Sentinel does it: writes are paused, a replica catches up and is promoted, the primary becomes a replica. */
async function plannedFailover({ set }: Scene): Promise<number> {
  await set.say(set.primary, 'FAILOVER')
  await set.findPrimary()
  return performance.now()
}

/** The primary dies, the best replica is promoted; the dead one comes back empty, first as a master. */
async function killPrimary(scene: Scene): Promise<number> {
  const { set } = scene
  const { server, link } = set.primary
  link.cutAll('reset')
  await server.kill()
  await pause(scene)
  await set.promote(await set.mostCaughtUp())
  const promotedAt = performance.now()
  await pause(scene)
  await server.restart({ empty: true })
  await pause(scene)
  return promotedAt
}

/** The primary stands still, another one is promoted and used; then the first wakes up and still believes that it is the primary. */
async function stopPrimary(scene: Scene): Promise<number> {
  const { set, metronome } = scene
  const { server } = set.primary
  server.pause()
  await pause(scene)
  await set.promote(await set.mostCaughtUp())
  const promotedAt = performance.now()
  await metronome.beatSince(promotedAt)
  server.resume()
  await pause(scene)
  return promotedAt
}

/** The proxy cannot reach the primary, which is well, until another one is promoted. */
async function partitionPrimary(scene: Scene): Promise<number> {
  const { set, metronome } = scene
  const { link } = set.primary
  link.blackHole()
  await pause(scene)
  await set.promote(await set.mostCaughtUp())
  const promotedAt = performance.now()
  await metronome.beatSince(promotedAt)
  link.endBlackHole()
  await pause(scene)
  return promotedAt
}

async function resetConnections({ set }: Scene): Promise<undefined> {
  set.primary.link.cutAll('reset')
}

/** A replica dies and comes back empty, first as a master. */
async function loseReplica(scene: Scene): Promise<undefined> {
  const { server } = scene.random.pick(scene.set.replicas)
  await server.kill()
  await pause(scene)
  await server.restart({ empty: true })
  await pause(scene)
}

export const faults = {
  'planned failover': plannedFailover,
  'primary killed, replica promoted': killPrimary,
  'primary stopped, replica promoted, stale primary back': stopPrimary,
  'primary cut off, replica promoted': partitionPrimary,
  'connections reset': resetConnections,
  'replica killed': loseReplica,
} satisfies Readonly<Record<string, Fault>>
export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]
