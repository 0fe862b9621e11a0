// The stream behind the live page: bounded, for this machine's own pages only, made once for all who look, and not at all for nobody.
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { MAX_STREAMS, type Moment } from '../../src/operations/live-events.ts'
import { connect } from '../support/raw-client.ts'
import { openHttp, type RawHttp } from '../support/raw-http.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const local = 'Host: localhost'

function eventsOf({ text }: RawHttp, name: string): unknown[] {
  return [...text().matchAll(new RegExp(`event: ${name}\\ndata: (.*)\\n\\n`, 'g'))].map(([, data]) => JSON.parse(data!))
}

describe('the stream of events', () => {
  let server: RedisServer
  let proxy: RunningProxy
  const streams: RawHttp[] = []

  const look = async (...headers: string[]) => {
    const stream = await openHttp(proxy.adminPort)
    stream.socket.write(['GET /events HTTP/1.1', local, ...headers, '', ''].join('\r\n'))
    streams.push(stream)
    await waitUntil(() => stream.text().includes('\r\n\r\n'), { what: 'the head of the answer came' })
    return stream
  }
  const moments = (stream: RawHttp) => eventsOf(stream, 'moment') as Moment[]

  beforeAll(async () => {
    server = await startRedis()
    proxy = await startProxy({ RUSTEZE_BACKENDS: server.addr, RUSTEZE_ADMIN: '127.0.0.1:0' })
    await proxy.logs(/primary verified/)
    return async () => {
      await proxy.stop()
      await server.stop()
    }
  })
  afterEach(async () => {
    for (const { socket } of streams) socket.destroy()
    await Promise.all(streams.splice(0).map(({ end }) => end))
  })

  test('begins with the past, and goes on each second with what is new', async () => {
    const client = await connect(proxy.port)
    await client.ask('SET', 'a', '1')
    const stream = await look()
    await waitUntil(() => moments(stream).some(({ samples }) => samples.length > 0), { what: 'a sample was told' })
    await client.close()
    expect(stream.text()).toMatch(/content-type: text\/event-stream/)
    const [beginning, ...others] = eventsOf(stream, 'beginning')
    expect(others).toEqual([])
    expect(beginning).toMatchObject({ timeline: expect.arrayContaining([expect.objectContaining({ id: 1 })]) })
    const told = moments(stream)
    expect(told[0]!.status.commands.set).toMatchObject({ ok: 1 })
    expect(told.flatMap(({ timeline }) => timeline).filter(({ facts }) => 'generation' in facts)).toEqual([])
    const samples = told.flatMap((moment) => moment.samples)
    expect(samples[0]!.ms).toBeGreaterThan(1500)
    expect(told[0]!.status.slowLog.entries.length).toBeLessThanOrEqual(20)
  })

  test('all hear the same moments, one after the other', async () => {
    const [first, second] = [await look(), await look()]
    await waitUntil(() => moments(second).length > 3, { what: 'the second one heard a few', timeoutMs: 15_000 })
    const times = moments(first).map(({ at }) => at)
    const shared = moments(second)
      .map(({ at }) => at)
      .slice(1, 3)
    expect(times).toEqual(expect.arrayContaining(shared))
  })

  test('there are so many streams and no more, until one ends', async () => {
    for (let index = 0; index < MAX_STREAMS; index++) expect((await look()).text()).toMatch(/^HTTP\/1\.1 200/)
    expect((await look()).text()).toMatch(/^HTTP\/1\.1 503/)
    streams[0]!.socket.destroy()
    await waitUntil(async () => /^HTTP\/1\.1 200/.test((await look()).text()), { what: 'there is room again' })
  })

  test('no page of another site takes one', async () => {
    expect((await look('Origin: https://evil.example')).text()).toMatch(/^HTTP\/1\.1 403/)
    expect((await look('Sec-Fetch-Site: cross-site')).text()).toMatch(/^HTTP\/1\.1 403/)
    expect((await look('Sec-Fetch-Site: same-origin')).text()).toMatch(/^HTTP\/1\.1 200/)
  })

  test('HEAD gets the head alone', async () => {
    const stream = await openHttp(proxy.adminPort)
    stream.socket.write(['HEAD /events HTTP/1.1', local, 'Connection: close', '', ''].join('\r\n'))
    expect(await stream.end).toMatch(/^HTTP\/1\.1 200[\s\S]*text\/event-stream[\s\S]*\r\n\r\n$/)
  })
})
