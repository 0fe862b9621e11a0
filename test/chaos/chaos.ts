// `npm run chaos`: two hundred clients, three real servers that are killed, stopped, cut off and promoted, and a table of what it cost.
import { parseArgs } from 'node:util'
import { type PlantName, plants } from '../faults/plants.ts'
import { availableServers, type ServerKind } from '../support/redis-server.ts'
import { type FaultName, faultNames } from './chaos-faults.ts'
import { ChaosReport } from './report.ts'
import { runChapter } from './run-chaos.ts'

const USAGE = `usage: npm run chaos -- [--faults 20] [--seed 1] [--kind redis|valkey] [--only "FAULT"] [--plant resend|shift|early]
  --faults N   so many faults, twenty with the same servers and clients
  --only       one of: ${faultNames.join('; ')}
  --plant      a bug in the proxy, which must be found`

/** With the same servers, clients and books. */
const CHAPTER_FAULTS = 20

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      faults: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      kind: { type: 'string', default: availableServers()[0] ?? 'redis' },
      only: { type: 'string' },
      plant: { type: 'string' },
    },
  })
  const { kind, only, plant } = values
  const [wanted, first] = [Number(values.faults), Number(values.seed)]
  const isKnown = (name: string | undefined, names: readonly string[]) => name === undefined || names.includes(name)
  if (!(wanted > 0 && Number.isInteger(first)) || !isKnown(only, faultNames) || !isKnown(plant, Object.keys(plants))) {
    console.error(USAGE)
    return 64
  }
  if (!isKnown(kind, availableServers())) {
    console.error(`there is no ${kind} server on this machine; npm test tells how to get one`)
    return 69
  }
  const report = new ChaosReport()
  for (let seed = first, left = wanted; left > 0; seed++, left -= CHAPTER_FAULTS) {
    const faults = Math.min(left, CHAPTER_FAULTS)
    const options = {
      kind: kind as ServerKind,
      seed,
      faults,
      ...(only && { only: only as FaultName }),
      ...(plant && { plant: plant as PlantName }),
    }
    const chapter = await runChapter(options)
    report.add(chapter)
    console.log(`seed ${seed}: ${chapter.befallen.length} faults, ${chapter.problems.length} problems`)
    if (chapter.problems.length === 0) continue
    for (const problem of chapter.problems) console.log(`  ${problem}`)
    console.log(`the proxy's log:\n${chapter.log}`)
    console.log(
      `again: npm run chaos -- --kind ${kind} --seed ${seed} --faults ${faults}${only ? ` --only "${only}"` : ''}`,
    )
    break
  }
  console.log(report.text())
  return report.isClean ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
