// The first thing that main.ts imports: from here on SIGTERM and SIGINT end the process with 0, however early they come.

/** Before there is a proxy nothing is owed to anybody. */
let stop: (signal: NodeJS.Signals) => void = () => process.exit(0)

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal))

/** @param handler what either signal does from now on. */
export function onStopSignal(handler: (signal: NodeJS.Signals) => void): void {
  stop = handler
}
