// One chapter of chaos: servers, proxy and crowd made for it, some faults one after another, and an audit of everybody's books.
//
// No write that a client was told of may be missing, for the servers lose none here: acknowledgements reach the proxy later than the
// replicas' sockets have the write, and the replica that has most is promoted only after it applied all of it.
import { RunningCrowd } from '../faults/crowd.ts'
import type { PlantName } from '../faults/plants.ts'
import { seededRandom } from '../simulator/random.ts'
import { connect } from '../support/raw-client.ts'
import type { ServerKind } from '../support/redis-server.ts'
import { type FaultName, faultNames, faults } from './chaos-faults.ts'
import { cast } from './chaos-roles.ts'
import { Metronome } from './metronome.ts'
import { startProxyProcess } from './proxy-process.ts'
import { ReplicaSet } from './replica-set.ts'

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
  readonly log: string
}

export interface ChapterOptions {
  readonly kind: ServerKind
  readonly seed: number
  readonly faults: number
  readonly only?: FaultName
  /** A bug in the proxy, which must be found. */
  readonly plant?: PlantName
}

/** What clients cause themselves, and hear whatever happens. */
const OWN_ERRORS = new Set(['ERR', 'EXECABORT', 'WRONGTYPE', 'NOSCRIPT', 'WRONGPASS', 'NOPERM'])
const MOST_DELAY_MS = 8

export async function runChapter({ kind, seed, faults: count, only, plant }: ChapterOptions): Promise<Chapter> {
  const random = seededRandom(seed)
  const set = await ReplicaSet.start(kind, seed, random.between(2, MOST_DELAY_MS))
  const settings = {
    RUSTEZE_BACKENDS: set.addresses,
    // Longer than any fault lasts on a loaded machine: what waits is served.
    RUSTEZE_HOLD: '60s',
    RUSTEZE_SHARED_CONNECTIONS: random.pick(['1', '2', '4']),
  }
  const proxy = await startProxyProcess(settings, plant)
  await proxy.logs(/primary verified/)
  const crowd = new RunningCrowd({ port: proxy.port, seed, roles: cast })
  const metronome = await Metronome.start(proxy.port, crowd)
  const befallen: Befallen[] = []
  await metronome.beatSince(performance.now())
  for (let index = 0; index < count && crowd.problems.length === 0; index++) {
    const name = only ?? random.pick(faultNames)
    const before = new Map(crowd.errors)
    const primaryAt = await faults[name]({ set, metronome, random })
    const stallMs = primaryAt === undefined ? undefined : (await metronome.beatSince(primaryAt)) - primaryAt
    await set.heal()
    await metronome.beatSince(performance.now())
    befallen.push({ name, stallMs, errors: newErrors(before, crowd.errors) })
  }
  await crowd.end()
  await metronome.end()
  const direct = await connect(set.primary.server.port)
  await crowd.audit(direct)
  await direct.close()
  const misdeeds = await proxy.stop()
  await set.stop()
  return { befallen, problems: [...misdeeds, ...crowd.problems], replies: crowd.replies, log: proxy.log() }
}

function newErrors(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  const errors = new Map<string, number>()
  for (const [word, count] of after) {
    const more = count - (before.get(word) ?? 0)
    if (more > 0 && !OWN_ERRORS.has(word)) errors.set(word, more)
  }
  return errors
}
