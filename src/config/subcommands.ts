// What the program can do beside serving, as the command line names it.

/** By name, what each does, for `--help`. */
export const subcommands = {
  doctor: 'looks for what is wrong, and says what to do (--json)',
  wait: 'ends when the proxy serves, or with 1 after --max 60s',
  healthcheck: 'asks the running proxy: livez (default), readyz or startup',
  injector: 'serves the webhook that puts the sidecar into pods',
} as const

/** Those that are done and end. */
export type SubcommandName = Exclude<keyof typeof subcommands, 'injector'>
