// What the workloads are made of: requests with their own tokens and the expectations that go with them.
import type { SimulatedClient } from './client-model.ts'
import type { Request } from './client-world.ts'
import type { Block, Write } from './ledger.ts'
import type { Reply } from './resp-codec.ts'

/** Adds a write to the book and makes its request. The words must hold the token exactly once. */
export function writeRequest(
  client: SimulatedClient,
  token: string,
  words: readonly string[],
  more: Omit<Request, 'words' | 'write'> & { block?: Block; previous?: string } = {},
): Request & { write: Write } {
  const { block, previous, ...rest } = more
  const write = client.world.ledger.add({
    token,
    description: words.join(' ').slice(0, 60),
    db: client.db,
    user: client.user,
    fate: 'open',
    block,
    previous,
  })
  return { ...rest, words, write }
}

export const isOk = (reply: Reply): boolean => reply.kind === 'status' && reply.text === 'OK'
export const isQueued = (reply: Reply): boolean => reply.kind === 'status' && reply.text === 'QUEUED'
export const isInteger = (reply: Reply): boolean => reply.kind === 'integer'

/** One write of an own key. */
interface Kept {
  readonly value: string
  readonly write: Write
  /** Which of the client's connections sent it. */
  readonly connection: number
}

/** A client's own keys and what each may hold. */
export class OwnKeys {
  readonly #client: SimulatedClient
  /** By database and key: the writes that a GET may find, in the order in which they were sent. */
  readonly #history = new Map<string, Kept[]>()

  constructor(client: SimulatedClient) {
    this.#client = client
  }

  /** SET with a fresh token, padded to some length. */
  set(paddingBytes = 0, block?: Block): Request & { write: Write } {
    const token = this.#client.token()
    const key = this.#name()
    const value = token + 'x'.repeat(paddingBytes)
    const more = block === undefined ? { expect: isOk } : { block, expect: isQueued }
    const request = writeRequest(this.#client, token, ['SET', key, value], more)
    this.#of(key).push({ value, write: request.write, connection: this.#client.connections })
    return request
  }

  /**
   * GET: it finds what the last acknowledged SET wrote. Writes that are open or uncertain may be seen or not: one behind it in the
   * pipeline, because a read is sent again when its connection dies; one in front, because it may still run.
   */
  get(): Request {
    const key = this.#name()
    const history = this.#of(key)
    return {
      words: ['GET', key],
      expect: (reply) => {
        const lastCertain = history.findLastIndex((kept) => this.#mustBeFound(kept))
        if (reply.kind === 'null') return lastCertain < 0
        const at = history.findIndex(({ value }) => value === reply.text)
        const fate = history[at]?.write.fate
        return fate !== undefined && fate !== 'refused' && (fate !== 'acknowledged' || at >= lastCertain)
      },
    }
  }

  #mustBeFound({ write, connection }: Kept): boolean {
    const { world, connections } = this.#client
    // What Redis itself has lost with the server that had it need not be found.
    if (write.fate !== 'acknowledged' || world.journal.isForsaken(write.token)) return false
    return !world.readsReplicas || connection === connections
  }

  #name(): string {
    return `own:${this.#client.index}:${this.#client.random.below(4)}`
  }

  #of(key: string): Kept[] {
    const name = `${this.#client.db} ${key}`
    const history = this.#history.get(name) ?? []
    this.#history.set(name, history)
    return history
  }
}

/** Goes on until the world is ending; a lost connection ends it as {@link Disconnected}. */
export type Workload = (client: SimulatedClient) => Promise<void>

export async function think(client: SimulatedClient): Promise<void> {
  await client.sleep(client.random.between(1, client.world.longestThoughtMs))
}

/** One ordinary command with an expectation of its own. */
export function anyCommand(client: SimulatedClient, keys: OwnKeys): Request {
  const { random, index } = client
  const token = client.token()
  switch (random.below(11)) {
    case 0:
    case 1:
      return keys.set(random.chance(0.1) ? random.below(3000) : 0)
    case 2:
    case 3:
      return keys.get()
    case 4:
      return { words: ['ECHO', token], expect: (reply) => reply.text === token }
    case 5:
      return { words: ['PING', token], expect: (reply) => reply.text === token }
    case 6:
      // A counter of its own: if it were incremented twice, the answer would be 2.
      return writeRequest(client, token, ['INCR', `n:${token}`], { expect: (reply) => reply.text === '1' })
    case 7:
      return writeRequest(client, token, ['APPEND', `log:${index}`, token], { expect: isInteger })
    case 8:
      return writeRequest(client, token, ['RPUSH', `list:${index}`, token], { expect: isInteger })
    case 9:
      // No token: the element that is popped is in the server's own book of pops.
      return { words: ['LPOP', `list:${index}`] }
    default:
      return {
        words: ['MGET', `own:${index}:0`, `own:${index}:1`, `none:${token}`],
        expect: (reply) => reply.items.length === 3 && reply.items[2]!.kind === 'null',
      }
  }
}
