// The image in front of real servers in containers: reads and writes, a restart under traffic, and what a pod forbids.

import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { serverKinds } from '../../scripts/servers.mjs'
import { waitUntil } from '../support/wait-until.ts'
import { describeWithDocker, setContainerStage } from './stage.ts'

/** A reader that asks on and on, until it is told to stop. */
function keepReading(client: Redis) {
  const errors: string[] = []
  let count = 0
  let slowestMs = 0
  let isOn = true
  const done = (async () => {
    while (isOn) {
      const begun = performance.now()
      await client.get('greeting').catch((error: unknown) => errors.push(String(error)))
      slowestMs = Math.max(slowestMs, performance.now() - begun)
      count++
    }
  })()
  return {
    errors,
    count: () => count,
    slowestMs: () => slowestMs,
    async stop() {
      isOn = false
      await done
    },
  }
}

for (const kind of serverKinds) {
  describeWithDocker(`the image with ${kind}`, () => {
    const stage = setContainerStage(kind)

    test('serves with a read-only root, no capabilities and any user, and writes nothing', async () => {
      const proxy = await stage.proxy()
      const client = new Redis(proxy.port)
      try {
        expect(await client.set('greeting', 'hello')).toBe('OK')
        expect(await client.get('greeting')).toBe('hello')
        const blocked = client.duplicate()
        const waiting = blocked.blpop('list', 10)
        await client.rpush('list', 'item')
        expect(await waiting).toEqual(['list', 'item'])
        blocked.disconnect()
      } finally {
        client.disconnect()
      }
      const { HostConfig, Config } = await proxy.engine.inspect()
      expect(HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] })
      expect(Config.User).toBe('1000710000:0')
      // The engine answers null when there is none.
      expect(String(await proxy.engine.changes()).trim()).toBe('null')
    })

    test('a restart of the server under traffic is a pause and no error', async () => {
      const environment = { RUSTEZE_HOLD: '30s' }
      const proxy = await stage.proxy({ environment })
      const clients = Array.from({ length: 10 }, () => new Redis(proxy.port))
      await clients[0]!.set('greeting', 'hello')
      const readers = clients.map(keepReading)
      const haveRead = (count: number) =>
        waitUntil(() => readers.every((reader) => reader.count() >= count), {
          what: `every client was answered ${count} times`,
          timeoutMs: 30_000,
        })
      try {
        await haveRead(20)
        await stage.restartServer()
        await haveRead(Math.max(...readers.map(({ count }) => count())) + 20)
      } finally {
        await Promise.all(readers.map((reader) => reader.stop()))
        for (const client of clients) client.disconnect()
      }
      expect(readers.flatMap(({ errors }) => errors)).toEqual([])
      console.log(
        `${kind} restarted: the longest answer took ${Math.max(...readers.map((each) => each.slowestMs())).toFixed(0)} ms`,
      )
    })
  })
}
