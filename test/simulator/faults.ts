// What goes wrong in a world: a schedule of faults made from the seed, each with a beginning and an end.
import { DISCOVERY_FAULTS } from './discovery-faults.ts'
import { FAILOVER_FAULTS } from './failover-faults.ts'
import type { FaultKind, FaultWorld } from './fault-kind.ts'
import { PAUSE_FAULTS } from './pause-faults.ts'
import type { Random } from './random.ts'
import { SERVER_FAULTS } from './server-faults.ts'

export const FAULT_KINDS = { ...SERVER_FAULTS, ...FAILOVER_FAULTS, ...DISCOVERY_FAULTS, ...PAUSE_FAULTS }

/** The faults that a world with so many servers can have. */
export function possibleFaults(servers: number, hasDiscovery: boolean): FaultName[] {
  return (Object.keys(FAULT_KINDS) as FaultName[]).filter((name) => {
    const { leastServers = 1, needsDiscovery = false } = faultKind(name)
    return leastServers <= servers && (hasDiscovery || !needsDiscovery)
  })
}

export function faultKind(name: FaultName): FaultKind {
  return FAULT_KINDS[name]
}

export type FaultName = keyof typeof FAULT_KINDS

export interface Fault {
  readonly name: FaultName
  readonly atMs: number
  readonly durationMs: number
  /** Waits for so many commands after its time, to fall into the middle of a pipeline; 0 = not at all. */
  readonly beginsAfterCommands: number
  /** Ends after so many commands if that is sooner; 0 = only by time. */
  readonly endsAfterCommands: number
}

export function endOf({ atMs, durationMs }: Fault): number {
  return atMs + durationMs
}

/** A fault that waits for commands does not wait for ever. */
const LONGEST_WAIT_MS = 300

/** Makes the schedule. Faults may overlap only where both know nothing of each other; so they follow one another. */
export function planFaults(random: Random, names: readonly FaultName[], count: number): Fault[] {
  const faults: Fault[] = []
  let atMs = random.between(200, 600)
  for (let left = count; left > 0; left--) {
    const name = pickWeighted(random, names)
    const longestMs: number = FAULT_KINDS[name].longestMs
    // Short ones meet requests at work, long ones outlast timeouts.
    const durationMs = longestMs * (random.chance(0.5) ? random.next() ** 3 : random.next())
    const isInMiddle = random.chance(0.5)
    faults.push({
      name,
      atMs,
      durationMs,
      beginsAfterCommands: isInMiddle ? 1 + random.below(30) : 0,
      endsAfterCommands: longestMs > 0 && random.chance(0.4) ? 1 + random.below(20) : 0,
    })
    atMs += durationMs + LONGEST_WAIT_MS + random.between(10, 1500)
  }
  return faults
}

function pickWeighted(random: Random, names: readonly FaultName[]): FaultName {
  let at = random.next() * names.reduce((sum, name) => sum + FAULT_KINDS[name].weight, 0)
  for (const name of names) {
    at -= FAULT_KINDS[name].weight
    if (at < 0) return name
  }
  return names[0]!
}

/**
 * Lets the faults happen. @param over called when one has ended, with the time it began at and whether it excuses errors; `begun`
 * likewise when it begins.
 */
export function scheduleFaults(
  world: FaultWorld,
  faults: readonly Fault[],
  begun: (fault: Fault) => void,
  over: (fault: Fault) => void,
): void {
  for (const fault of faults) {
    const begin = once(() => {
      world.trace(() => `--- ${fault.name} begins`)
      begun(fault)
      world.cluster.disturbances++
      const undo = faultKind(fault.name).begin(world)
      const end = once(() => {
        world.trace(() => `--- ${fault.name} ends`)
        world.cluster.disturbances++
        undo()
        over(fault)
      })
      if (fault.endsAfterCommands > 0) world.cluster.primary.beforeNextCommands(fault.endsAfterCommands, end)
      world.clock.after(fault.durationMs, end)
    })
    world.clock.after(fault.atMs, () => {
      if (fault.beginsAfterCommands === 0) begin()
      else {
        world.cluster.primary.beforeNextCommands(fault.beginsAfterCommands, begin)
        world.clock.after(LONGEST_WAIT_MS, begin)
      }
    })
  }
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    run()
  }
}
