// An application goes on as if nothing had happened while its primary is deleted, demoted, or nobody can be asked who it is.

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { deployment, expectFaultless, linesOf, onePod, worksOn } from './applications.ts'
import { apply, deleteApplications, exec, logOf, until } from './cluster.ts'
import { install, uninstall } from './installation.ts'
import { addressOf, followPrimary, handOverByHand, primary, settled } from './servers.ts'
import { kubectl, shell } from './tools.ts'

const { E2E_STOP_API_SERVER, E2E_START_API_SERVER, E2E_REQUIRED } = process.env
const canStopApiServer = Boolean(E2E_STOP_API_SERVER && E2E_START_API_SERVER)
if (E2E_REQUIRED && !canStopApiServer) throw new Error('E2E_STOP_API_SERVER and E2E_START_API_SERVER name no commands')

describe.skipIf(inject('missing') !== '')('while an application writes', () => {
  let pod = ''

  beforeAll(async () => {
    await install('--set', 'injection.mode=policy')
    await apply(deployment({ name: 'steady', namespace: 'shop', env: { PAUSE_MS: '5' } }))
    pod = await until('the application has a pod', async () => (await onePod('shop', 'steady')).metadata.name)
    await worksOn('shop', pod)
  })

  afterAll(async () => {
    await deleteApplications('shop')
    await uninstall()
  })

  /** What the proxy has said of the primaries it verified. */
  async function primariesSeen(): Promise<string[]> {
    const lines = linesOf(await logOf('shop', pod, 'rusteze'))
    return lines.filter(({ message }) => message === 'primary verified, serving').map(({ backend }) => backend)
  }

  test('its primary pod is deleted: no error, no lost write', async () => {
    const former = await primary()
    await kubectl('--namespace', 'data', 'delete', 'pod', former)
    await settled()
    expect(await primary()).not.toBe(former)
    const books = await worksOn('shop', pod)
    console.log(`primary deleted: the longest round of ${books.rounds} took ${books.longestGapMs} ms`)
    expect((await primariesSeen()).at(-1)).toBe(`${await addressOf(await primary())}:6379`)
  })

  test('its primary is demoted and another promoted: no error, no lost write', async () => {
    const promoted = await handOverByHand()
    const books = await worksOn('shop', pod)
    console.log(`primary demoted: the longest round of ${books.rounds} took ${books.longestGapMs} ms`)
    expect((await primariesSeen()).at(-1)).toBe(`${await addressOf(promoted)}:6379`)
  })

  test.skipIf(!canStopApiServer)(
    'the API server is killed: nobody notices, not even when another is promoted meanwhile; then discovery goes on',
    async () => {
      const former = await primary()
      // Nobody can be told anything while there is no API server, so the server looks itself, and keeps the time.
      const handOver = `
        until redis-cli -h $KUBERNETES_SERVICE_HOST -p $KUBERNETES_SERVICE_PORT PING 2>&1 | grep -q 'Could not connect'
        do sleep 0.2; done
        date +%s > /data/outage
        redis-cli FAILOVER
        until redis-cli ROLE | grep -qx slave; do sleep 0.1; done
        date +%s >> /data/outage`
      await exec('data', former, 'sh', '-c', `(${handOver}) < /dev/null > /dev/null 2>&1 &`)

      await shell(E2E_STOP_API_SERVER!)
      await expect(kubectl('get', '--raw', '/readyz', '--request-timeout=2s')).rejects.toThrow()
      // The length of the outage: more than a failover needs.
      await new Promise((resolve) => setTimeout(resolve, 10_000))
      const endsAt = Date.now()
      await shell(E2E_START_API_SERVER!)
      await until('the API server answers', () => kubectl('get', '--raw', '/readyz'))

      const times = (await exec('data', former, 'cat', '/data/outage'))
        .trim()
        .split('\n')
        .map((seconds) => Number(seconds) * 1000)
      expect(times).toHaveLength(2)
      expect(times[1]).toBeLessThan(endsAt)
      expect(await primary()).not.toBe(former)
      await followPrimary()
      const log = await logOf('shop', pod, 'writer')
      const during = linesOf(log).filter(({ event, time }) => {
        return event === 'progress' && Date.parse(time) > times[1]! && Date.parse(time) < endsAt
      })
      expect(during.at(-1).rounds).toBeGreaterThan(during.at(0).rounds)
      const books = expectFaultless(log)
      console.log(`API server killed: the longest round of ${books.rounds} took ${books.longestGapMs} ms`)

      // A pod that comes now is known only from the API server.
      await kubectl('--namespace', 'data', 'delete', 'pod', former)
      await until('the proxy knows where it is', async () => {
        const address = `${await addressOf(former)}:6379`
        const lines = linesOf(await logOf('shop', pod, 'rusteze'))
        return lines.some(
          ({ message, added }) => message === 'servers of the Service changed' && added.includes(address),
        )
      })
      await worksOn('shop', pod)
    },
  )
})
