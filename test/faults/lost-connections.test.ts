// What becomes of requests whose connection to the server dies before their reply came, and of what the server knew of that connection.

import { expect, test } from 'vitest'
import { connect, encodeCommand } from '../support/raw-client.ts'
import { describeOnEachServer } from '../support/redis-server.ts'
import { converse, pipeline, setStage } from '../support/stage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { holdUp, passing } from './in-flight.ts'

const ok = '+OK\r\n'
const queued = '+QUEUED\r\n'
const uncertain = '-UNCERTAIN backend connection lost; the command may have been executed\r\n'

describeOnEachServer('a connection that dies', (kind) => {
  const stage = setStage(kind, { hasLink: true })

  test('with a write in flight: -UNCERTAIN, once, and what comes behind it runs', async () => {
    const [client, direct] = [await stage.client(), await stage.direct()]
    const { connection, replies } = await holdUp(stage, client, ['INCR', 'write'])
    await waitUntil(async () => (await direct.ask('GET', 'write')).includes('1'), { what: 'the write ran' })
    client.send(['GET', 'write'])
    connection.cut('reset')
    expect(await replies).toEqual([uncertain])
    expect((await client.readReply()).toString()).toBe('$1\r\n1\r\n')
  })

  test('with a read in flight: it is sent again; a second time it may be what kills servers', async () => {
    const client = await stage.client()
    await client.ask('SET', 'read', 'value')
    const first = await holdUp(stage, client, ['GET', 'read'])
    first.connection.cut('reset')
    expect(await first.replies).toEqual(['$5\r\nvalue\r\n'])
    const second = await holdUp(stage, client, ['GET', 'read'])
    const again = passing(stage.link, ['GET', 'read'], (connection) => connection.holdReplies())
    second.connection.cut('end')
    ;(await again).cut('reset')
    expect(await second.replies).toEqual([uncertain])
  })

  test('with a read in flight, and the next connection dies as well: it was not given to that one', async () => {
    const [client, neighbour] = [await stage.client(), await stage.client()]
    await client.ask('SET', 'read', 'value')
    await waitUntil(() => stage.proxy.app.status().shards[0]?.connections.shared === 2, {
      what: 'there are two to share',
    })
    const one = await holdUp(stage, client, ['GET', 'read'])
    const other = await holdUp(stage, neighbour, ['GET', 'read'])
    expect(one.connection).not.toBe(other.connection)
    const lost = () => stage.proxy.app.status().retries['connection lost']
    const before = lost()
    one.connection.cut('reset')
    await waitUntil(() => lost() > before, { what: 'the first one was seen to die' })
    other.connection.cut('reset')
    expect(await one.replies).toEqual(['$5\r\nvalue\r\n'])
    expect(await other.replies).toEqual(['$5\r\nvalue\r\n'])
  })

  test('with WAIT in flight: it only asks, and is asked again', async () => {
    const client = await stage.client()
    await client.ask('SET', 'waited for', '1')
    const { connection, replies } = await holdUp(stage, client, ['WAIT', '0', '1000'])
    connection.cut('reset')
    expect(await replies).toEqual([':0\r\n'])
  })

  test('with a whole transaction in flight: only its EXEC is uncertain, and it ran once', async () => {
    const [client, direct] = [await stage.client(), await stage.direct()]
    const { connection, replies } = await holdUp(stage, client, ['MULTI'], ['RPUSH', 'whole', 'a'], ['EXEC'])
    await waitUntil(async () => (await direct.ask('LLEN', 'whole')) === ':1\r\n', { what: 'the transaction ran' })
    connection.cut('reset')
    expect(await replies).toEqual([ok, queued, uncertain])
    expect(await client.ask('LLEN', 'whole')).toBe(':1\r\n')
  })

  test('with a transaction of reads in flight: it is sent again', async () => {
    const client = await stage.client()
    const { connection, replies } = await holdUp(stage, client, ['MULTI'], ['EXISTS', 'nothing'], ['EXEC'])
    connection.cut('reset')
    expect(await replies).toEqual([ok, queued, '*1\r\n:0\r\n'])
  })

  test('with EXEC of a step-by-step transaction in flight: the transaction is over', async () => {
    const client = await stage.client()
    await converse(client, ['MULTI'], ['RPUSH', 'steps', 'a'])
    const { connection, replies } = await holdUp(stage, client, ['EXEC'])
    connection.cut('reset')
    expect(await replies).toEqual([uncertain])
    expect(await converse(client, ['ECHO', 'after'], ['MULTI'], ['DISCARD'])).toEqual(['$5\r\nafter\r\n', ok, ok])
  })

  test('under an open transaction: it is begun again, and commands meanwhile do not run outside of it', async () => {
    const [client, other, direct] = [await stage.client(), await stage.client(), await stage.direct()]
    await other.ask('PING', 'the shared connection stands')
    const multi = passing(stage.link, ['MULTI'])
    expect(await converse(client, ['MULTI'], ['RPUSH', 'open', 'a'])).toEqual([ok, queued])
    stage.link.delay = { leastMs: 200, mostMs: 200 }
    const reconnected = new Promise((resolve) => {
      stage.link.connected = resolve
    })
    ;(await multi).cut('reset')
    await reconnected
    stage.link.connected = undefined
    expect(await client.ask('RPUSH', 'open', 'b')).toBe(queued)
    stage.link.delay = { leastMs: 0, mostMs: 0 }
    expect(await direct.ask('EXISTS', 'open')).toBe(':0\r\n')
    expect(await client.ask('EXEC')).toBe('*2\r\n:1\r\n:2\r\n')
  })

  test('with watched keys: EXEC answers null as if one had changed, and the next attempt works', async () => {
    const client = await stage.client()
    const watch = passing(stage.link, ['WATCH', 'watched'])
    expect(await client.ask('WATCH', 'watched')).toBe(ok)
    ;(await watch).cut('reset')
    const attempt = [['MULTI'], ['SET', 'watched', '1'], ['EXEC']]
    expect(await converse(client, ...attempt)).toEqual([ok, queued, '*-1\r\n'])
    expect(await client.ask('WATCH', 'watched')).toBe(ok)
    expect(await pipeline(client, ...attempt)).toEqual([ok, queued, '*1\r\n+OK\r\n'])
  })

  test('with a blocking pop in flight: -UNCERTAIN, for it may have taken an element along', async () => {
    const client = await stage.client()
    const { connection, replies } = await holdUp(stage, client, ['BLPOP', 'empty', '0'])
    await stage.blockedClients(1)
    connection.cut('reset')
    expect(await replies).toEqual([uncertain])
    expect(await client.ask('ECHO', 'after')).toBe('$5\r\nafter\r\n')
  })

  test('in the middle of a large request: it cannot have run, and its client is told so', async () => {
    const client = await stage.client()
    expect(await client.ask('SET', 'large', 'small')).toBe(ok)
    const request = encodeCommand(['SET', 'large', 'x'.repeat(4_000_000)])
    client.send(request.subarray(0, 2_000_000))
    const half = await waitUntil(
      () => [...stage.link.connections].find(({ unfinishedBytes }) => unfinishedBytes > 100_000),
      { what: 'half of it is on its way' },
    )
    half.cut('reset')
    expect((await client.readReply()).toString()).toMatch(/^-MASTERDOWN .*it did not run\)\r\n$/)
    client.send(request.subarray(2_000_000))
    expect(await client.ask('GET', 'large')).toBe('$5\r\nsmall\r\n')
  })

  test.each(['2', '3'])('under a subscriber (RESP%s): it is subscribed again to all it had', async (protocol) => {
    const [client, direct] = [await stage.client(), await stage.direct()]
    await client.ask('HELLO', protocol)
    await client.ask('SUBSCRIBE', 'news')
    await client.ask('PSUBSCRIBE', 'we*')
    const type = protocol === '2' ? '*' : '>'
    for (const connection of stage.link.connections) connection.cut('reset')
    await waitUntil(async () => (await direct.ask('PUBLISH', 'news', 'hello')) === ':1\r\n', { what: 'it is back' })
    expect((await client.readReply()).toString()).toBe(`${type}3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n`)
    await waitUntil(async () => (await direct.ask('PUBLISH', 'weather', 'rain')) === ':1\r\n', { what: 'both are' })
    expect((await client.readReply()).toString()).toContain('pmessage')
  })

  test('under a tracking client: its cache is flushed, and invalidations come again', async () => {
    const [client, direct] = [await stage.client(), await stage.direct()]
    await client.ask('HELLO', '3')
    expect(await client.ask('CLIENT', 'TRACKING', 'ON')).toBe(ok)
    await client.ask('GET', 'cached')
    for (const connection of stage.link.connections) connection.cut('reset')
    expect((await client.readReply()).toString()).toBe('>2\r\n$10\r\ninvalidate\r\n_\r\n')
    await client.ask('GET', 'cached')
    await direct.ask('SET', 'cached', '1')
    expect((await client.readReply()).toString()).toBe('>2\r\n$10\r\ninvalidate\r\n*1\r\n$6\r\ncached\r\n')
  })
})

describeOnEachServer('a connection that dies, where operators want clients to notice', (kind) => {
  const stage = setStage(kind, {
    hasLink: true,
    environment: { RUSTEZE_UNCERTAIN: 'close', RUSTEZE_SUBSCRIBERS_ON_FAILOVER: 'close' },
  })

  test('closes the client whose write was in flight, and nobody else', async () => {
    const [client, other] = [await stage.client(), await stage.client()]
    await other.ask('SET', 'other', '1')
    const { connection } = await holdUp(stage, client, ['INCR', 'write'])
    connection.cut('reset')
    await waitUntil(() => client.isEnded, { what: 'the client is closed' })
    expect(await other.ask('GET', 'other')).toBe('$1\r\n1\r\n')
  })

  test('closes subscribers', async () => {
    const client = await stage.client()
    await client.ask('SUBSCRIBE', 'news')
    for (const connection of stage.link.connections) connection.cut('reset')
    await client.readUntilClose()
    const next = stage.keep(await connect(stage.proxy.port))
    expect(await next.ask('PING')).toBe('+PONG\r\n')
  })
})

describeOnEachServer('a connection that the proxy gives up', (kind) => {
  const environment = { RUSTEZE_REPLY_TIMEOUT: '100ms', RUSTEZE_REPLY_LIMIT: '300ms' }
  const stage = setStage(kind, { hasLink: true, environment })

  test('with a write in flight is reset: closed in order, the kernel would go on sending it', async () => {
    const { connection, replies } = await holdUp(stage, await stage.client(), ['INCR', 'given-up'])
    expect(await replies).toEqual([uncertain])
    await waitUntil(() => connection.proxyEnding, { what: 'the link hears of the end' })
    expect(connection.proxyEnding).toBe('reset')
  })
})
