// What simulated clients do with data: pipelines, transactions, compare-and-set, blocking pops and scripts.
import type { SimulatedClient } from './client-model.ts'
import type { Request } from './client-world.ts'
import type { Block } from './ledger.ts'
import { flooders, hogs, largeValues, slowReaders } from './load-workloads.ts'
import { READONLY } from './model-connection.ts'
import { SCRIPTS, shaOf } from './model-store.ts'
import { anyCommand, isInteger, isOk, isQueued, OwnKeys, think, type Workload, writeRequest } from './workload-parts.ts'

async function pipelines(client: SimulatedClient): Promise<void> {
  await client.connect()
  const keys = new OwnKeys(client)
  while (!client.world.isEnding) {
    const count = client.random.chance(0.3) ? 1 : 1 + client.random.below(25)
    await client.pipeline(Array.from({ length: count }, () => anyCommand(client, keys)))
    await think(client)
  }
  await client.finish()
}

/** Writes without waiting for the replies of what it wrote before. */
async function overlapping(client: SimulatedClient): Promise<void> {
  await client.connect()
  const keys = new OwnKeys(client)
  while (!client.world.isEnding) {
    for (let batch = client.random.below(6); batch >= 0; batch--) {
      client.send(Array.from({ length: 1 + client.random.below(5) }, () => anyCommand(client, keys)))
      await client.sleep(client.random.between(0, 3))
    }
    if (client.random.chance(0.5)) await client.untilIdle()
    await think(client)
  }
  await client.finish()
}

async function transactions(client: SimulatedClient): Promise<void> {
  await client.connect()
  const keys = new OwnKeys(client)
  const { random } = client
  while (!client.world.isEnding) {
    // Made in the order in which they are sent: that is what decides what a GET may find.
    const requests = random.chance(0.2) ? [anyCommand(client, keys)] : []
    requests.push(...block(client, keys))
    if (random.chance(0.2)) requests.push(keys.get())
    if (random.chance(0.6)) await client.pipeline(requests)
    else {
      for (const request of requests) {
        await client.pipeline([request])
        if (random.chance(0.2)) await client.sleep(random.between(0, 30))
      }
    }
    await think(client)
  }
  await client.finish()
}

function block(client: SimulatedClient, keys: OwnKeys): Request[] {
  const { random } = client
  const open: Block = { isOpened: false }
  const isWrong = random.chance(0.1)
  const isDiscarded = random.chance(0.15)
  const commands: Request[] = Array.from({ length: 1 + random.below(5) }, () =>
    random.chance(0.7) ? keys.set(0, open) : { words: ['ECHO', client.token()], expect: isQueued },
  )
  const decides = commands.map(({ write }) => write)
  if (isWrong)
    commands.splice(random.below(commands.length + 1), 0, { words: ['NOSUCH'], mayFail: /^ERR unknown command/ })
  const exec: Request = {
    words: ['EXEC'],
    decides,
    mayFail: isWrong ? /^EXECABORT/ : /^$/,
    expect: (reply) =>
      reply.kind === 'array' &&
      reply.items.every((item, at) =>
        commands[at]!.words[0] === 'SET' ? isOk(item) : item.text === commands[at]!.words[1],
      ),
  }
  const end = isDiscarded ? { words: ['DISCARD'], decides, expect: isOk } : exec
  return [{ words: ['MULTI'], expect: isOk, opens: open }, ...commands, end]
}

/** Reads, and writes only if nobody wrote in between. Two clients of the same pair work on one key. */
async function compareAndSet(client: SimulatedClient): Promise<void> {
  await client.connect()
  const key = `cas:${client.index >> 1}`
  while (!client.world.isEnding) {
    const watched = await client.request(['WATCH', key], { expect: isOk })
    const seen = await client.request(['GET', key], { isShared: true })
    if (watched.kind === 'error' || seen.kind === 'error') {
      await client.request(['UNWATCH'])
      continue
    }
    if (client.random.chance(0.3)) await client.sleep(client.random.between(0, 20))
    const open: Block = { isOpened: false }
    const token = client.token()
    const write = writeRequest(client, token, ['SET', key, token], {
      block: open,
      previous: seen.text,
      expect: isQueued,
    })
    const requests: Request[] = [
      { words: ['MULTI'], expect: isOk, opens: open },
      write,
      { words: ['EXEC'], decides: [write.write], expect: (reply) => reply.kind === 'array' || reply.kind === 'null' },
    ]
    if (client.random.chance(0.5)) await client.pipeline(requests)
    else for (const request of requests) await client.pipeline([request])
    await think(client)
  }
  await client.finish()
}

/** Clients with an even number push, the others wait for what is pushed. */
async function queues(client: SimulatedClient): Promise<void> {
  await client.connect()
  const queue = `queue:${client.index >> 1}`
  while (!client.world.isEnding) {
    if (client.index % 2 === 0) {
      const token = client.token()
      await client.pipeline([writeRequest(client, token, ['RPUSH', queue, token], { expect: isInteger })])
      await think(client)
      continue
    }
    const timeoutSeconds = client.random.pick(['0.05', '0.3', '1'])
    const requests: Request[] = [
      {
        words: ['BLPOP', queue, timeoutSeconds],
        isShared: true,
        expect: (reply) => reply.kind === 'null' || (reply.items[0]?.text === queue && reply.items.length === 2),
      },
    ]
    const echo = client.token()
    if (client.random.chance(0.3)) requests.push({ words: ['ECHO', echo], expect: (reply) => reply.text === echo })
    await client.pipeline(requests)
  }
  await client.finish()
}

async function scripts(client: SimulatedClient): Promise<void> {
  await client.connect()
  const { random } = client
  let isLoaded = false
  while (!client.world.isEnding) {
    const token = client.token()
    const key = `script:${client.index}`
    switch (isLoaded ? random.below(4) : 0) {
      case 0: {
        const reply = await client.request(['SCRIPT', 'LOAD', SCRIPTS.set], {
          expect: ({ text }) => text === shaOf(SCRIPTS.set),
        })
        isLoaded = reply.kind === 'bulk'
        break
      }
      case 1:
        await client.pipeline([
          writeRequest(client, token, ['EVALSHA', shaOf(SCRIPTS.set), '1', key, token], { expect: isOk }),
        ])
        break
      case 2:
        await client.pipeline([
          // The text is the server's own refusal, and yet the script has run.
          writeRequest(client, token, ['EVAL', SCRIPTS.setAndFail, '1', key, token, READONLY], {
            mayFail: /^READONLY/,
            fate: ({ text }) => (text === READONLY ? 'acknowledged' : undefined),
          }),
        ])
        break
      default:
        await client.request(['EVAL', SCRIPTS.echo, '0', token], { expect: ({ text }) => text === token })
    }
    await think(client)
  }
  await client.finish()
}

/** WAIT must never count a replica that has not got what was acknowledged before. */
async function waiters(client: SimulatedClient): Promise<void> {
  await client.connect()
  const { world, random } = client
  while (!world.isEnding) {
    const token = client.token()
    const set = writeRequest(client, token, ['SET', `wait:${client.index}`, token], { expect: isOk })
    const wait: Request = {
      words: ['WAIT', '1', String(random.pick([1, 20, 200]))],
      expect: (reply) => {
        if (reply.kind !== 'integer') return false
        return reply.text === '0' || world.journal.isReplicated(token)
      },
    }
    if (random.chance(0.5)) await client.pipeline([set, wait])
    else {
      await client.pipeline([set])
      await client.pipeline([wait])
    }
    await think(client)
  }
  await client.finish()
}

export const DATA_WORKLOADS: Readonly<Record<string, Workload>> = {
  pipelines,
  overlapping,
  transactions,
  compareAndSet,
  queues,
  scripts,
  waiters,
  slowReaders,
  flooders,
  largeValues,
  hogs,
}
