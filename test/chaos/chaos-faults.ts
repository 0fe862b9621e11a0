// What befalls the servers: each fault breaks something, promotes somebody where that is the cure, and tells when there was a primary again.
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../simulator/random.ts'
import type { Metronome } from './metronome.ts'
import type { Lost, NetworkPlace } from './place.ts'
import type { Node, ReplicaSet } from './replica-set.ts'
import type { ServiceApi } from './service.ts'

/** Longest time until somebody is promoted, and until what was broken comes back, in ms; most are much shorter. */
const LONGEST_PAUSE_MS = 1500
/**
 * After the last acknowledgement passed a link, nobody is promoted and no server dies for so long in ms. Between acknowledging a write
 * and handing it to its replicas a server may have to wait for its turn on a busy machine; what it loses then is not the proxy's fault.
 */
const SETTLE_MS = 200
/** Replies that had passed a cut before it was made are read so long after it, in ms, on a loaded machine. */
const LAST_REPLIES_MS = 500

export interface Scene {
  readonly set: ReplicaSet
  readonly metronome: Metronome
  readonly random: Random
  /** Where the servers are found by a Service. */
  readonly api: ServiceApi | undefined
}

/** In ms of `performance.now()`. */
export interface Outcome {
  /** When there was a primary again; undefined where there was one all the time. */
  readonly primaryAt?: number
  /** When the primary died: what is sent later meets no connection of its. */
  readonly diedAt?: number
  /** The fault that came in the middle of another. */
  readonly within?: FaultName
}

type Fault = (scene: Scene) => Promise<Outcome>

/** Short ones and long ones, as detection by health checks and people takes. */
const pause = ({ random }: Scene) => delay(LONGEST_PAUSE_MS * random.between(0, 1) ** 3)

/** As an operator or Sentinel does it: writes are paused, a replica catches up and is promoted, the primary becomes a replica. */
async function plannedFailover({ set }: Scene): Promise<Outcome> {
  await set.say(set.primary, 'FAILOVER')
  await set.findPrimary()
  return { primaryAt: performance.now() }
}

/** The primary dies, the best replica is promoted; the dead one comes back empty, first as a master. */
async function killPrimary(scene: Scene): Promise<Outcome> {
  const { set } = scene
  const dead = set.primary
  await dead.place.link.order('refuse')
  const diedAt = performance.now()
  await delay(SETTLE_MS)
  await dead.server.kill()
  const isReplaced = scene.random.chance(0.5)
  await pause(scene)
  if (isReplaced) await set.unlist(dead)
  await set.promote(await set.mostCaughtUp())
  const primaryAt = performance.now()
  await pause(scene)
  await comeBack(scene, dead, isReplaced)
  return { primaryAt, diedAt }
}

/** The primary stands still, another one is promoted and used; then the first wakes up and still believes that it is the primary. */
async function stopPrimary(scene: Scene): Promise<Outcome> {
  const { set, metronome } = scene
  const { server, place } = set.primary
  await place.link.order('stall')
  await delay(SETTLE_MS)
  server.pause()
  await pause(scene)
  await set.promote(await set.mostCaughtUp())
  const primaryAt = performance.now()
  await metronome.beatSince(primaryAt)
  server.resume()
  await place.link.order('resume')
  await pause(scene)
  return { primaryAt }
}

/** The proxy cannot reach the primary, or is not reached by it, until another one is promoted; all servers are well. */
async function cutOffProxy(scene: Scene): Promise<Outcome> {
  const { place } = scene.set.primary
  return partition(scene, place, async () => {
    await place.cutOffProxy(lossOf(scene))
    await delay(SETTLE_MS)
  })
}

/** The primary is cut off from everyone, and comes back as a stale one. */
async function isolatePrimary(scene: Scene): Promise<Outcome> {
  const place = scene.set.primary.place as NetworkPlace
  return partition(scene, place, async () => {
    await place.cutOffProxy('all')
    await delay(SETTLE_MS)
    await place.cutOffServers(placesOf(scene.set.replicas), lossOf(scene))
  })
}

async function partition(scene: Scene, place: { rejoin(): Promise<void> }, cut: () => Promise<void>): Promise<Outcome> {
  const { set, metronome } = scene
  await cut()
  const cutAt = performance.now()
  await pause(scene)
  const promotingAt = performance.now()
  await set.promote(await set.mostCaughtUp())
  const primaryAt = performance.now()
  if (metronome.hasBeatBetween(cutAt + LAST_REPLIES_MS, promotingAt)) throw new Error('the cut lets writes through')
  await metronome.beatSince(primaryAt)
  await place.rejoin()
  await pause(scene)
  return { primaryAt }
}

/** A replica hears nothing of its primary for a while, and is asked for what it has not heard of. */
async function cutOffReplica(scene: Scene): Promise<Outcome> {
  const { set, random } = scene
  const place = random.pick(set.replicas).place as NetworkPlace
  await place.cutOffServers(placesOf([set.primary]), lossOf(scene))
  await pause(scene)
  await pause(scene)
  await place.rejoin()
  return {}
}

async function resetConnections({ set }: Scene): Promise<Outcome> {
  await set.primary.place.link.order('reset')
  return {}
}

/** A replica dies and comes back empty, first as a master. */
async function loseReplica(scene: Scene): Promise<Outcome> {
  const { set, random } = scene
  const dead = random.pick(set.replicas)
  const isReplaced = random.chance(0.5)
  await dead.server.kill()
  if (isReplaced) await set.unlist(dead)
  await pause(scene)
  await comeBack(scene, dead, isReplaced)
  return {}
}

/** The API server is gone while something else happens; sometimes it has no history when it is back. */
async function apiOutage(scene: Scene): Promise<Outcome> {
  const { api, random, set } = scene
  const within = random.pick(faultNames.filter((name) => name !== API_OUTAGE))
  const outcome = await api!.outage(random.chance(0.5), () => faults[within].befall(scene))
  await set.list()
  return { ...outcome, within }
}

/** As the same container, at once where it was, or as another pod with another address. */
async function comeBack(scene: Scene, node: Node, isReplaced: boolean): Promise<void> {
  const { set } = scene
  if (isReplaced && 'move' in node.place) await (node.place as NetworkPlace).move()
  await node.place.link.order('accept')
  await node.server.restart({ empty: true })
  if (isReplaced) await set.relist(node)
  await pause(scene)
}

function lossOf({ random }: Scene): Lost {
  return random.pick(['all', 'all', 'inward', 'outward'])
}

function placesOf(nodes: readonly Node[]): NetworkPlace[] {
  return nodes.map(({ place }) => place as NetworkPlace)
}

const API_OUTAGE = 'API server away, and one of the others'

interface FaultKind {
  readonly befall: Fault
  /** What it cannot be without. */
  readonly needs?: 'network' | 'service'
  /** Nobody may hear an error, but of a script. */
  readonly isHarmless?: true
}

export const faults = {
  'planned failover': { befall: plannedFailover, isHarmless: true },
  'primary killed, replica promoted': { befall: killPrimary },
  'primary stopped, replica promoted, stale primary back': { befall: stopPrimary },
  'primary cut off from the proxy, replica promoted': { befall: cutOffProxy },
  'primary cut off from all, replica promoted, stale primary back': { befall: isolatePrimary, needs: 'network' },
  'connections reset': { befall: resetConnections },
  'replica killed': { befall: loseReplica, isHarmless: true },
  'replica cut off from the primary': { befall: cutOffReplica, needs: 'network', isHarmless: true },
  [API_OUTAGE]: { befall: apiOutage, needs: 'service' },
} satisfies Readonly<Record<string, FaultKind>>
export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]
