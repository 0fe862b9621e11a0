// SIGTERM to the program as the first process of a container: replies owed arrive, new clients are served, it ends with 0.

import { expect, test } from 'vitest'
import { waitUntil } from '../support/wait-until.ts'
import { describeWithDocker, setContainerStage } from './stage.ts'

describeWithDocker('SIGTERM to a container', () => {
  const stage = setContainerStage('redis')

  test('loses no reply, serves who connects meanwhile, and ends with 0', async () => {
    const proxy = await stage.proxy({ environment: { RUSTEZE_DRAIN_IDLE: '1s' } })
    const [blocked, busy] = await Promise.all([stage.client(proxy), stage.client(proxy)])
    blocked.send(['BLPOP', 'late', '0'])
    await waitUntil(async () => /blocked_clients:1\r/.test(await busy.ask('INFO', 'clients')), {
      what: 'one is blocked',
    })
    busy.send([
      'EVAL',
      "local t = redis.call('TIME')[1]; while redis.call('TIME')[1] - t < 2 do end; return 'slow'",
      '0',
    ])
    await proxy.engine.kill({ signal: 'SIGTERM' })
    await waitUntil(() => proxy.output().includes('stopping'), { what: 'it was told to stop' })
    expect((await busy.readReply()).toString()).toBe('$4\r\nslow\r\n')
    const second = await stage.client(proxy)
    expect(await second.ask('RPUSH', 'late', 'x')).toBe(':1\r\n')
    expect((await blocked.readUntilClose()).toString()).toBe('*2\r\n$4\r\nlate\r\n$1\r\nx\r\n')
    expect((await proxy.engine.wait()).StatusCode).toBe(0)
    expect(proxy.output()).toContain('"stopped"')
  })

  test('with nobody there it ends at once', async () => {
    const proxy = await stage.proxy()
    const begun = performance.now()
    await proxy.engine.kill({ signal: 'SIGTERM' })
    expect((await proxy.engine.wait()).StatusCode).toBe(0)
    expect(performance.now() - begun).toBeLessThan(5000)
  })
})
