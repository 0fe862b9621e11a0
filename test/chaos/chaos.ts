// `npm run chaos`: two hundred clients, three real servers that are killed, stopped, cut off and promoted, and a table of what it cost.
import { parseArgs } from 'node:util'
import { type PlantName, plants } from '../faults/plants.ts'
import { hasKubernetes } from '../support/kubernetes-api-server.ts'
import { availableServers, type ServerKind } from '../support/redis-server.ts'
import { type FaultName, faultNames } from './chaos-faults.ts'
import { buildBridge } from './namespace-place.ts'
import { enterOwnNetwork, isInOwnNetwork } from './own-network.ts'
import { ChaosReport } from './report.ts'
import { possibleFaults, runChapter } from './run-chaos.ts'
import { ServiceApi } from './service.ts'

const USAGE = `usage: npm run chaos -- [--faults 20] [--seed 1] [--kind redis|valkey] [--service | --backends] [--only "FAULT"] [--plant resend|shift|early]
  --faults N   so many faults, twenty with the same servers and clients
  --service    fails where no Service of a real Kubernetes API server can be followed, instead of going on without
  --backends   follows no Service
  --only       one of: ${faultNames.join('; ')}
  --plant      a bug in the proxy, which must be found`

/** With the same servers, clients and books. */
const CHAPTER_FAULTS = 20
const EXIT = { wrongUsage: 64, notPossible: 69 } as const

interface Wishes {
  readonly faults: number
  readonly seed: number
  readonly kind: ServerKind
  readonly only: FaultName | undefined
  readonly plant: PlantName | undefined
  /** undefined: where it can be had. */
  readonly isServiceWanted: boolean | undefined
}

function wishesIn(args: readonly string[]): Wishes | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      faults: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      kind: { type: 'string', default: availableServers()[0] ?? 'redis' },
      service: { type: 'boolean' },
      backends: { type: 'boolean' },
      only: { type: 'string' },
      plant: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const { kind, only, plant, service, backends } = values
  const [faults, seed] = [Number(values.faults), Number(values.seed)]
  const isKnown = (name: string | undefined, names: readonly string[]) => name === undefined || names.includes(name)
  if (!(faults > 0 && Number.isInteger(seed)) || (service && backends) || values.help) return undefined
  if (!isKnown(only, faultNames) || !isKnown(plant, Object.keys(plants))) return undefined
  return {
    faults,
    seed,
    kind: kind as ServerKind,
    only: only as FaultName | undefined,
    plant: plant as PlantName | undefined,
    isServiceWanted: service ? true : backends ? false : undefined,
  }
}

async function main(args: readonly string[]): Promise<number> {
  const wishes = wishesIn(args)
  if (wishes === undefined) {
    console.error(USAGE)
    return EXIT.wrongUsage
  }
  const { kind, isServiceWanted } = wishes
  if (!availableServers().includes(kind)) {
    console.error(`there is no ${kind} server on this machine; npm test tells how to get one`)
    return EXIT.notPossible
  }
  const why = isInOwnNetwork ? '' : await enterOwnNetwork()
  const lacks = [
    ...(why === '' ? [] : [`no network namespaces (${why}): links lose what partitions would`]),
    ...(hasKubernetes ? [] : ['no Kubernetes API server (KUBEBUILDER_ASSETS names none): the proxy is told addresses']),
  ]
  if (isServiceWanted && lacks.length > 0) {
    console.error(`--service is not possible here: ${lacks.join('; ')}`)
    return EXIT.notPossible
  }
  for (const lack of lacks) console.log(lack)
  if (isInOwnNetwork) await buildBridge()
  const api = lacks.length === 0 && isServiceWanted !== false ? await ServiceApi.start() : undefined
  try {
    return await runChapters(wishes, api)
  } finally {
    await api?.stop()
  }
}

async function runChapters({ faults, seed: first, kind, only, plant }: Wishes, api: ServiceApi | undefined) {
  if (only && !possibleFaults(api).includes(only)) {
    console.error(`"${only}" is not possible here`)
    return EXIT.notPossible
  }
  const report = new ChaosReport()
  const beganAt = performance.now()
  let done = 0
  for (let seed = first; done < faults; seed++) {
    const count = Math.min(faults - done, CHAPTER_FAULTS)
    const chapter = await runChapter({ kind, seed, faults: count, api, only, plant })
    report.add(chapter)
    done += chapter.befallen.length
    const minutes = ((performance.now() - beganAt) / 60_000).toFixed(1)
    const { problems, replies, readFrom } = chapter
    console.log(
      `seed ${seed}: ${problems.length} problems, ${replies} replies, reads from ${readFrom}; ${done} of ${faults} faults in ${minutes} min`,
    )
    if (problems.length === 0) continue
    for (const problem of problems) console.log(`  ${problem}`)
    console.log(`the proxy's log:\n${chapter.log}`)
    const options = [...(api ? ['--service'] : ['--backends']), ...(only ? [`--only "${only}"`] : [])]
    console.log(`again: npm run chaos -- --kind ${kind} --seed ${seed} --faults ${count} ${options.join(' ')}`)
    break
  }
  console.log(report.text())
  return report.isClean ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
