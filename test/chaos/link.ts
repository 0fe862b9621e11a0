// Drives the link before one server, which delays its replies, and loses, refuses or holds up what goes through it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

const PROGRAM = new URL('./link-process.ts', import.meta.url).pathname
/** On a loaded machine; one that is gone answers nothing. */
const ANSWER_MS = 20_000

export interface LinkSettings {
  /** The server's port, where the link is. */
  readonly target: number
  readonly host: string
  readonly port: number
  readonly seed: number
  /** Of replies. */
  readonly delay: { readonly leastMs: number; readonly mostMs: number }
}

/** Methods of a fault link; `refuse` cuts what is there as well. */
export type LinkOrder = 'reset' | 'refuse' | 'accept' | 'stall' | 'resume' | 'blackHole' | 'endBlackHole'

export class Link {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** @param wrapper a program with its arguments that becomes the link, such as unshare. */
  static async start(settings: LinkSettings, wrapper: readonly string[] = []): Promise<Link> {
    const [program, ...args] = [...wrapper, process.execPath, PROGRAM, JSON.stringify(settings)]
    const child = spawn(program!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: true })
    const link = new Link(child)
    await link.#answer()
    return link
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** @returns once it is done: from then on nothing passes that the order forbids. */
  async order(order: LinkOrder): Promise<void> {
    const answer = this.#answer()
    this.#process.send(order)
    await answer
  }

  async close(): Promise<void> {
    const exit = once(this.#process, 'exit')
    this.#process.disconnect()
    await exit
  }

  /** Orders are given one after the other, so that each answer is to the last one. */
  async #answer(): Promise<void> {
    await once(this.#process, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })
  }
}
