// What simulated clients do with their connections: subscribe, switch database and user, leave, half-close, idle, ask for silence.
import { Disconnected, type SimulatedClient } from './client-model.ts'
import type { Request } from './client-world.ts'
import { tokensIn } from './model-store.ts'
import type { Reply } from './resp-codec.ts'
import { anyCommand, isInteger, isOk, OwnKeys, think, type Workload, writeRequest } from './workload-parts.ts'

const CHANNELS = ['news:0', 'news:1', 'news:2']

/** Half of them publish, the others listen; in a world without faults every message must come. */
async function channels(client: SimulatedClient): Promise<void> {
  await client.connect()
  if (client.index % 2 === 0) await publish(client)
  else await subscribe(client)
  await client.finish()
}

async function publish(client: SimulatedClient): Promise<void> {
  while (!client.world.isEnding) {
    const token = client.token()
    const words = ['PUBLISH', client.random.pick(CHANNELS), token]
    await client.pipeline([writeRequest(client, token, words, { expect: isInteger })])
    await think(client)
  }
}

async function subscribe(client: SimulatedClient): Promise<void> {
  const { random, world } = client
  if (random.chance(0.5)) await helloThree(client)
  /** What it may hear: everything since the last UNSUBSCRIBE that was not refused. */
  const heard = new Set<string>()
  while (!world.isEnding) {
    const wanted = random.chance(0.5) ? [random.pick(CHANNELS)] : CHANNELS.slice(0, 2)
    const seen = new Set<string>()
    for (const channel of wanted) heard.add(channel)
    client.onMessage = (message) => checkMessage(client, message, heard, seen)
    const replies = await client.pipeline([
      {
        words: ['SUBSCRIBE', ...wanted],
        replies: wanted.length,
        expect: ({ items }) => items[0]?.text === 'subscribe',
      },
    ])
    const fromMs = world.clock.nowMs
    await client.sleep(random.between(100, 2000))
    const toMs = world.clock.nowMs
    const pong: Request = { words: ['PING'], expect: (reply) => JSON.stringify(reply).toLowerCase().includes('pong') }
    await client.pipeline([pong])
    const [ended] = await client.pipeline([
      {
        words: ['UNSUBSCRIBE', ...wanted],
        replies: wanted.length,
        expect: ({ items }) => items[0]?.text === 'unsubscribe',
      },
    ])
    if (ended?.kind !== 'error') for (const channel of wanted) heard.delete(channel)
    if (!world.hasFaults && replies[0]?.kind !== 'error') checkNothingMissed(client, wanted, seen, fromMs, toMs)
    // Who could not unsubscribe in RESP2 is still a subscriber.
    const mayFail = heard.size > 0 ? /^ERR Can't execute 'echo'/ : /^$/
    await client.request(['ECHO', 'after'], { mayFail, expect: ({ text }) => text === 'after' })
  }
}

function checkMessage(client: SimulatedClient, { items }: Reply, heard: ReadonlySet<string>, seen: Set<string>): void {
  const [, channel, message] = items
  const [token = ''] = tokensIn(message?.text ?? '')
  if (!heard.has(channel?.text ?? '')) {
    client.world.violation(
      `client ${client.index} was sent a message of ${channel?.text}, to which it did not subscribe`,
    )
  }
  if (seen.has(token)) client.world.violation(`client ${client.index} was sent the message ${token} twice`)
  seen.add(token)
}

function checkNothingMissed(
  client: SimulatedClient,
  wanted: readonly string[],
  seen: ReadonlySet<string>,
  fromMs: number,
  toMs: number,
): void {
  for (const { channel, token, atMs } of client.world.journal.published) {
    const isDue = wanted.includes(channel) && atMs > fromMs && atMs < toMs
    if (isDue && !seen.has(token)) client.world.violation(`client ${client.index} was not sent the message ${token}`)
  }
}

async function helloThree(client: SimulatedClient): Promise<void> {
  const reply = await client.request(['HELLO', '3'], { expect: ({ kind }) => kind === 'map' })
  if (reply.kind === 'map') client.protocol = 3
}

/** Changes database, user and protocol, and then must find itself nowhere else. */
async function switchers(client: SimulatedClient): Promise<void> {
  await client.connect()
  const { random, world } = client
  const keys = new OwnKeys(client)
  while (!world.isEnding) {
    switch (random.below(7)) {
      case 0: {
        const db = random.below(3)
        const reply = await client.request(['SELECT', String(db)], { expect: isOk })
        if (isOk(reply)) client.db = db
        break
      }
      case 1:
        await switchInPipeline(client)
        break
      case 2: {
        const user = random.pick(['alice', 'bob'])
        const reply = await client.request(['AUTH', user, `${user}-secret`], { expect: isOk })
        if (isOk(reply)) client.user = user
        break
      }
      case 3:
        await client.request(['AUTH', 'alice', 'wrong'], { mayFail: /^WRONGPASS/, expect: () => false })
        break
      case 4:
        await helloThree(client)
        break
      case 5: {
        const reply = await client.request(['RESET'], { expect: ({ text }) => text === 'RESET' })
        if (reply.kind === 'status') Object.assign(client, { db: 0, user: 'default', protocol: 2 })
        break
      }
      default:
        await client.request(['SELECT', '99'], { mayFail: /^ERR DB index is out of range/, expect: () => false })
    }
    const whoAmI: Request = { words: ['ACL', 'WHOAMI'], expect: ({ text }) => text === client.user }
    const missing: Request = {
      words: ['GET', `none:${client.token()}`],
      expect: ({ kind }) => kind === 'null',
    }
    await client.pipeline([whoAmI, missing, ...Array.from({ length: random.below(6) }, () => anyCommand(client, keys))])
    await think(client)
  }
  await client.finish()
}

/** SELECT with writes right behind it: where they ran is known only if it succeeded. */
async function switchInPipeline(client: SimulatedClient): Promise<void> {
  const before = client.db
  const db = client.random.below(3)
  client.db = db
  const token = client.token()
  const write = writeRequest(client, token, ['SET', `switched:${client.index}`, token], { expect: isOk })
  const [selected] = await client.pipeline([{ words: ['SELECT', String(db)], expect: isOk }, write])
  if (selected !== undefined && isOk(selected)) return
  write.write.db = undefined
  client.db = before
}

/** Leaves in the middle of whatever it has begun. */
async function leavers(client: SimulatedClient): Promise<void> {
  const keys = new OwnKeys(client)
  const { random, world } = client
  while (!world.isEnding) {
    await client.connect()
    const requests: Request[] = Array.from({ length: 1 + random.below(20) }, () => anyCommand(client, keys))
    const last = client.token()
    const endings: Request[][] = [
      [],
      [{ words: ['BLPOP', `never:${client.index}`, '0'], isBlocking: true }],
      [{ words: ['MULTI'] }, writeRequest(client, last, ['SET', `left:${client.index}`, last])],
      [{ words: ['WATCH', `left:${client.index}`] }],
      [{ words: ['SUBSCRIBE', 'news:0'] }],
    ]
    requests.push(...random.pick(endings))
    client.mayBeDisconnected = true
    client.onMessage = () => {}
    client.send(requests, random.chance(0.5) ? 1 : random.next())
    await client.sleep(random.between(0, 10))
    if (client.isConnected) await client.leave(random.pick(['destroy', 'reset']))
    await client.sleep(random.between(50, 500))
  }
}

/** Closes its half right behind a pipeline: Redis answers everything first. */
async function halfClosers(client: SimulatedClient): Promise<void> {
  const keys = new OwnKeys(client)
  while (!client.world.isEnding) {
    await client.connect()
    client.send(Array.from({ length: 1 + client.random.below(20) }, () => anyCommand(client, keys)))
    await client.finish()
    await client.sleep(client.random.between(50, 500))
  }
}

/** Is silent for longer than the server's timeout: its next write must not meet a connection that the server closed. */
async function idlers(client: SimulatedClient): Promise<void> {
  await client.connect()
  const keys = new OwnKeys(client)
  while (!client.world.isEnding) {
    await client.pipeline([keys.set(), keys.get()])
    await client.sleep(client.random.between(500, 4000))
  }
  await client.finish()
}

/** Wants no replies to some of its commands. */
async function silents(client: SimulatedClient): Promise<void> {
  await client.connect()
  const { random } = client
  while (!client.world.isEnding) {
    const echo = client.token()
    const spoken: Request = { words: ['ECHO', echo], expect: ({ text }) => text === echo }
    const unheard = (): Request => {
      const token = client.token()
      return writeRequest(client, token, ['SET', `silent:${client.index}`, token], { replies: 0 })
    }
    if (random.chance(0.5)) {
      await client.pipeline([{ words: ['CLIENT', 'REPLY', 'SKIP'], replies: 0 }, unheard(), spoken])
    } else {
      const many = Array.from({ length: random.below(5) }, unheard)
      const on: Request = { words: ['CLIENT', 'REPLY', 'ON'], expect: isOk }
      await client.pipeline([{ words: ['CLIENT', 'REPLY', 'OFF'], replies: 0 }, ...many, on, spoken])
    }
    await think(client)
  }
  await client.finish()
}

export const SESSION_WORKLOADS: Readonly<Record<string, Workload>> = {
  channels,
  switchers,
  leavers,
  halfClosers,
  idlers,
  silents,
}

/** Runs a workload until it ends or its connection does. */
export async function runWorkload(workload: Workload, client: SimulatedClient): Promise<void> {
  try {
    await workload(client)
  } catch (error) {
    if (!(error instanceof Disconnected)) throw error
  }
}
