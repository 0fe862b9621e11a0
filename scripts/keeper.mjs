// Ends the processes and removes what else belongs to this process once it is gone, however it went.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// An exit hook does not run after SIGKILL, and not after SIGTERM without a handler (which is how a test runner ends
// its workers). End of input reaches this shell in every case. The releases matter because a pid may be used again.
const watch = `
pids=' '
while read -r verb pid; do
  case $verb in
    guard) pids="$pids$pid " ;;
    release) case $pids in *" $pid "*) pids="\${pids%%" $pid "*} \${pids#*" $pid "}" ;; esac ;;
  esac
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
rm -rf "$1"
eval "$2"
`

/**
 * Starts a keeper with an empty directory of its own.
 *
 * @param {string} name what the directory's name begins with
 * @param {string} [lastCommand] for the shell, run at the end
 */
export function startKeeper(name, lastCommand = '') {
  const directory = mkdtempSync(join(tmpdir(), `${name}-`))
  // In a group of its own: what is sent to ours, Ctrl-C or SIGKILL, must not reach it.
  const shell = spawn('/bin/sh', ['-c', watch, 'keeper', directory, lastCommand], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  shell.unref()
  const input = /** @type {import('node:net').Socket} */ (shell.stdin)
  input.unref()

  return {
    /** Removed with everything in it when the keeper ends. */
    directory,

    /** @param {number} pid a child of ours, to be killed if it outlives us */
    guard(pid) {
      input.write(`guard ${pid}\n`)
    },

    /** @param {number} pid a child that has ended */
    release(pid) {
      input.write(`release ${pid}\n`)
    },

    /** Ends what is still guarded, removes the directory, runs the last command, and waits for all of it. */
    async end() {
      if (shell.exitCode !== null) return
      const gone = once(shell, 'exit')
      shell.ref()
      input.end()
      await gone
    },
  }
}

/** @typedef {ReturnType<typeof startKeeper>} Keeper */
