// One chapter of chaos: servers, proxy and crowd made for it, some faults one after another, and an audit of everybody's books.
//
// No write that a client was told of may be missing, for the servers lose none here: acknowledgements reach the proxy later than the
// replicas' sockets have the write, and the replica that has most is promoted only after it applied all of it.
import { RunningCrowd } from '../faults/crowd.ts'
import type { PlantName } from '../faults/plants.ts'
import { seededRandom } from '../simulator/random.ts'
import type { ServerKind } from '../support/redis-server.ts'
import { type FaultName, faultNames, faults, type Outcome, type Scene } from './chaos-faults.ts'
import { cast } from './chaos-roles.ts'
import { Metronome } from './metronome.ts'
import { isInOwnNetwork } from './own-network.ts'
import { startProxyProcess } from './proxy-process.ts'
import { ReplicaSet } from './replica-set.ts'
import { Service, type ServiceApi } from './service.ts'

export interface Befallen {
  readonly name: FaultName
  /** From the moment there was a primary again to the first write that succeeded, in ms; undefined where nobody was promoted. */
  readonly stallMs: number | undefined
  /** Errors by their first word that clients heard since the fault before. */
  readonly errors: ReadonlyMap<string, number>
}

export interface Chapter {
  readonly befallen: readonly Befallen[]
  readonly problems: readonly string[]
  /** Replies that clients were given. */
  readonly replies: number
  readonly readFrom: string
  readonly log: string
}

export interface ChapterOptions {
  readonly kind: ServerKind
  readonly seed: number
  readonly faults: number
  /** Through which the proxy finds the servers; without it, it is told their addresses. */
  readonly api: ServiceApi | undefined
  readonly only: FaultName | undefined
  /** A bug in the proxy, which must be found. */
  readonly plant: PlantName | undefined
}

/** What clients cause themselves, and hear whatever happens. */
const OWN_ERRORS = new Set(['ERR', 'EXECABORT', 'WRONGTYPE', 'NOSCRIPT', 'WRONGPASS', 'NOPERM'])
/** Of replies. An acknowledgement leaves a server so long before it reaches the proxy: by then the replicas' sockets have the write. */
const LEAST_DELAY_MS = 1
const MOST_DELAY_MS = 8
/** What is sent so long after the primary died is not in flight on a loaded machine either, in ms. */
const IN_FLIGHT_MS = 1000
/** Longer than the proxy's hold: what takes longer hangs. */
const PATIENCE_MS = 70_000

/** The faults that can be had here. */
export function possibleFaults(api: ServiceApi | undefined): FaultName[] {
  const isThere = { network: isInOwnNetwork, service: api !== undefined }
  return faultNames.filter((name) => {
    const fault = faults[name]
    return !('needs' in fault) || isThere[fault.needs]
  })
}

export async function runChapter({ kind, seed, faults: count, api, only, plant }: ChapterOptions): Promise<Chapter> {
  const random = seededRandom(seed)
  const delay = { leastMs: LEAST_DELAY_MS, mostMs: random.between(2, MOST_DELAY_MS) }
  const service = api && new Service(api, `chapter-${seed}`)
  const set = await ReplicaSet.start(kind, service, { seed, delay })
  const readFrom = seed % 2 === 0 ? 'prefer-replica' : 'primary'
  const settings = {
    ...(service ? api.settings(service.name) : { RUSTEZE_BACKENDS: set.addresses }),
    RUSTEZE_READ_FROM: readFrom,
    // Longer than any fault lasts on a loaded machine: what waits is served.
    RUSTEZE_HOLD: '60s',
    RUSTEZE_SHARED_CONNECTIONS: random.pick(['1', '2', '4']),
  }
  const proxy = await startProxyProcess(settings, plant)
  await proxy.logs(/primary verified/)
  if (readFrom !== 'primary') await proxy.logs(/replica serves reads/)
  const crowd = new RunningCrowd({ port: proxy.port, seed, roles: cast })
  const metronome = await Metronome.start(proxy.port, crowd)
  const befallen: Befallen[] = []
  const scene = { set, metronome, random, api }
  const possible = possibleFaults(api)
  try {
    await metronome.nextBeat()
    for (let index = 0; index < count && crowd.problems.length === 0; index++) {
      befallen.push(await befall(only ?? random.pick(possible), scene, crowd, () => service?.isKnown(proxy.log)))
    }
    await crowd.end()
    const direct = await set.direct()
    await crowd.audit(direct)
    await direct.close()
  } catch (error) {
    crowd.complain(`the chapter broke: ${error instanceof Error ? error.stack : error}`)
    await crowd.end()
  }
  await metronome.end()
  // Whoever is still there has been complained of: the end of the proxy is no further problem.
  const problems = [...crowd.problems]
  problems.push(...(await proxy.stop()))
  await set.stop()
  return { befallen, problems, replies: crowd.replies, readFrom, log: proxy.log() }
}

/** @param isKnown waits until the proxy knows where the servers are. */
async function befall(
  name: FaultName,
  scene: Scene,
  crowd: RunningCrowd,
  isKnown: () => Promise<void> | undefined,
): Promise<Befallen> {
  const { set, metronome } = scene
  const before = new Map(crowd.errors)
  const outcome = await faults[name].befall(scene)
  const { primaryAt, within = name } = outcome
  const stallMs = primaryAt === undefined ? undefined : (await metronome.beatSince(primaryAt)) - primaryAt
  await set.heal()
  await isKnown()
  await metronome.nextBeat()
  // What a client hears behind a reply that takes its time still belongs to this fault.
  await crowd.caughtUp(PATIENCE_MS)
  complainOfLateLosses(crowd, outcome)
  const errors = newErrors(before, crowd.errors)
  if ('isHarmless' in faults[within]) complainOfErrors(crowd, within, errors)
  return { name, stallMs, errors }
}

/** Only what was in flight when the primary died may have an unknown fate. */
function complainOfLateLosses(crowd: RunningCrowd, { diedAt }: Outcome): void {
  if (diedAt === undefined) return
  const lateMs = crowd.lastUncertainSentAt - diedAt
  if (lateMs > IN_FLIGHT_MS) {
    crowd.complain(`what was sent ${lateMs.toFixed(0)} ms after the primary died was told to be uncertain`)
  }
}

function complainOfErrors(crowd: RunningCrowd, name: FaultName, errors: ReadonlyMap<string, number>): void {
  for (const [word, count] of errors) {
    if (!word.endsWith(' in a script')) crowd.complain(`"${name}" cost ${count} errors ${word}`)
  }
}

function newErrors(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  const errors = new Map<string, number>()
  for (const [word, count] of after) {
    const more = count - (before.get(word) ?? 0)
    if (more > 0 && !OWN_ERRORS.has(word)) errors.set(word, more)
  }
  return errors
}
