// A server that refuses: demoted and promoted again, or answering as one that loads; commands wait, and no client hears of it.

import { expect, test } from 'vitest'
import { seededRandom } from '../simulator/random.ts'
import type { RawClient } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { ListBook, tokenOf } from './books.ts'
import { type RefusalKind, Refuser } from './refusals.ts'

const ok = '+OK\r\n'
const queued = '+QUEUED\r\n'

describeOnEachServer('a server that refuses', (kind) => {
  const stage = setStage(kind, { hasLink: true, environment: { RUSTEZE_HOLD: '30s' } })

  /** What the log says from now on. */
  function soon(pattern: RegExp): Promise<boolean> {
    const known = stage.proxy.logLines.length
    const says = () => stage.proxy.logLines.slice(known).some((line) => pattern.test(line))
    return waitUntil(says, { what: `the log says ${pattern}` })
  }
  /** Makes it the replica of nobody, and sends a client's commands before the proxy has noticed. */
  async function demote(direct: RawClient, send: () => void = () => {}): Promise<void> {
    const noticed = soon(/no primary, commands wait/)
    expect(await direct.ask('REPLICAOF', '127.0.0.1', '1')).toBe(ok)
    send()
    await noticed
  }
  async function promote(direct: RawClient): Promise<void> {
    const noticed = soon(/serving/)
    expect(await direct.ask('REPLICAOF', 'NO', 'ONE')).toBe(ok)
    await noticed
  }

  test('as a replica: writes wait until it is a master again, whoever sends them however', async () => {
    const [direct, ...clients] = await Promise.all([stage.direct(), ...Array.from({ length: 4 }, () => stage.client())])
    const [plain, block, steps, blocking] = clients as [RawClient, RawClient, RawClient, RawClient]
    for (const client of clients) await client.ask('PING', 'warm')
    await converse(steps, ['MULTI'], ['INCR', 'steps'])
    blocking.send(['BLPOP', 'blocking', '0'])
    await stage.blockedClients(1)
    let answers: Promise<string[]>[] = []
    await demote(direct, () => {
      answers = [
        pipeline(plain, ['SET', 'plain', '1'], ['INCR', 'plain']),
        pipeline(block, ['MULTI'], ['INCR', 'block'], ['EXEC']),
        pipeline(steps, ['INCR', 'steps'], ['EXEC']),
      ]
    })
    await promote(direct)
    expect(await Promise.all(answers)).toEqual([
      [ok, ':2\r\n'],
      [ok, queued, '*1\r\n:1\r\n'],
      [queued, '*2\r\n:1\r\n:2\r\n'],
    ])
    expect(await direct.ask('RPUSH', 'blocking', 'a')).toBe(':1\r\n')
    expect((await blocking.readReply()).toString()).toBe('*2\r\n$8\r\nblocking\r\n$1\r\na\r\n')
  })

  test('as a replica: WAIT, too, waits until it is a master again', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    // It leaves a connection that is used again, so that no handshake finds out before WAIT does.
    await converse(client, ['SET', 'waited', '1'], ['WAIT', '0', '10'])
    let answers: Promise<string[]> = Promise.resolve([])
    await demote(direct, () => {
      answers = pipeline(client, ['WAIT', '0', '10'], ['GET', 'waited'])
    })
    await promote(direct)
    const [count, value] = await answers
    expect(count).toMatch(/^:\d\r\n$/)
    expect(value).toBe('$1\r\n1\r\n')
  })

  test('as a replica: WAIT that waits already is told of no replica, for nobody knows what the next master has', async () => {
    const [direct, client] = await Promise.all([stage.direct(), stage.client()])
    expect(await client.ask('SET', 'waiting', '1')).toBe(ok)
    client.send(['WAIT', '1', '60000'])
    await stage.blockedClients(1)
    await demote(direct)
    await promote(direct)
    expect((await client.readReply()).toString()).toBe(':0\r\n')
  })

  test('as a replica, in the middle of a transaction: nothing is queued twice, and a mistake in it still fails it', async () => {
    const [direct, right, wrong] = await Promise.all([stage.direct(), stage.client(), stage.client()])
    await converse(right, ['MULTI'], ['RPUSH', 'right', 'a'])
    await converse(wrong, ['MULTI'], ['RPUSH', 'wrong', 'a'])
    expect(await wrong.ask('RPUSH')).toContain('-ERR wrong number of arguments')
    let answer = Promise.resolve<string[]>([])
    await demote(direct, () => {
      answer = pipeline(right, ['RPUSH', 'right', 'b'], ['LLEN', 'right'], ['EXEC'])
    })
    await promote(direct)
    expect(await answer).toEqual([queued, queued, '*3\r\n:1\r\n:2\r\n:2\r\n'])
    expect(await wrong.ask('EXEC')).toBe('-EXECABORT Transaction discarded because of previous errors.\r\n')
    expect(await direct.ask('EXISTS', 'wrong')).toBe(':0\r\n')
  })

  test('as a replica: a transaction with a mistake in it, with DISCARD, or with more behind it is none the wiser', async () => {
    const [direct, ...clients] = await Promise.all([stage.direct(), ...Array.from({ length: 4 }, () => stage.client())])
    const [behind, wrong, discarded, whole] = clients as [RawClient, RawClient, RawClient, RawClient]
    // Each has had a connection of its own, so that nothing has to be opened once the server is a replica.
    await Promise.all(clients.map((client) => pipeline(client, ['MULTI'], ['ECHO', 'a'], ['EXEC'])))
    let answers: Promise<string[]>[] = []
    await demote(direct, () => {
      answers = [
        pipeline(behind, ['MULTI'], ['INCR', 'behind'], ['ECHO', 'a'], ['EXEC'], ['ECHO', 'b'], ['INCR', 'behind']),
        pipeline(wrong, ['MULTI'], ['INCR', 'wrong'], ['ECHO', 'a'], ['INCR'], ['EXEC'], ['ECHO', 'b']),
        pipeline(discarded, ['MULTI'], ['INCR', 'discarded'], ['ECHO', 'a'], ['DISCARD'], ['INCR', 'discarded']),
        pipeline(whole, ['MULTI'], ['INCR', 'whole'], ['DISCARD'], ['INCR', 'whole']),
      ]
    })
    await promote(direct)
    const mistake = expect.stringMatching(/^-ERR wrong number of arguments/)
    const aborted = '-EXECABORT Transaction discarded because of previous errors.\r\n'
    expect(await Promise.all(answers)).toEqual([
      [ok, queued, queued, '*2\r\n:1\r\n$1\r\na\r\n', '$1\r\nb\r\n', ':2\r\n'],
      [ok, queued, queued, mistake, aborted, '$1\r\nb\r\n'],
      [ok, queued, queued, ok, ':1\r\n'],
      [ok, queued, ok, ':1\r\n'],
    ])
    for (const client of clients) expect(await client.ask('PING', 'x')).toBe('$1\r\nx\r\n')
    expect(await direct.ask('GET', 'wrong')).toBe('$-1\r\n')
  })

  test('again and again under load: every increment runs once and none fails', async () => {
    const direct = await stage.direct()
    const clients = await Promise.all(Array.from({ length: 10 }, () => stage.client()))
    let isOver = false
    const counts = clients.map(async (client, index) => {
      for (let count = 1; ; count++) {
        expect(await client.ask('INCR', `load:${index}`)).toBe(`:${count}\r\n`)
        if (isOver) return count
      }
    })
    for (let times = 0; times < 3; times++) {
      await demote(direct)
      await promote(direct)
    }
    isOver = true
    expect((await Promise.all(counts)).length).toBe(10)
  })

  test.each<RefusalKind>(['READONLY', 'LOADING', 'MASTERDOWN'])(
    'from the middle of a pipeline to the middle of it (%s): what it refused to the client has not run, all else once',
    async (refusal) => {
      const random = seededRandom(1)
      const refuser = new Refuser()
      const client = await stage.client()
      const book = new ListBook(`book:${refusal}`, 0)
      stage.link.judge = refuser.judge
      for (let round = 0; round < 8; round++) {
        refuser.plan(refusal, random.below(12), 1 + random.below(6))
        const entries = Array.from({ length: 10 }, (_, at) => book.add(tokenOf(round, at)))
        const isBlock = random.chance(0.3)
        const pushes = entries.map(({ token }) => ['RPUSH', book.key, token])
        const answers = pipeline(client, ...(isBlock ? [['MULTI'], ...pushes, ['EXEC']] : pushes))
        const replies = await answers
        refuser.stop()
        const last = replies.at(-1)!
        for (const [at, entry] of entries.entries()) {
          const reply = isBlock ? last : replies[at]!
          expect(reply).toMatch(/^[:*]|^-(READONLY|LOADING|MASTERDOWN|EXECABORT) /)
          entry.fate = reply.startsWith('-') ? 'refused' : 'acknowledged'
        }
      }
      stage.link.judge = undefined
      expect(refuser.count).toBeGreaterThan(0)
      const list = await client.ask('LRANGE', book.key, '0', '-1')
      expect(book.problems(list.match(/<\d+:\d+>/g) ?? [])).toEqual([])
    },
  )
})
