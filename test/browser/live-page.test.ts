// The live page in a real browser: it shows what happens while it happens, to everybody, and does nothing else.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import axe, { type AxeResults } from 'axe-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, type PageOptions, RealBrowser, type WatchedPage } from '../support/browser.ts'
import { Cluster } from '../support/cluster.ts'
import { availableServers, freePort, type RedisServer, startRedis } from '../support/redis-server.ts'
import { type RunningProxy, startProxy } from '../support/start-proxy.ts'
import { waitUntil } from '../support/wait-until.ts'

const admin = { RUSTEZE_ADMIN: '127.0.0.1:0' }
const urlOf = ({ adminPort }: RunningProxy) => `http://127.0.0.1:${adminPort}/`
/** In the page, each moment is a second after the one before: a busy machine takes its time. */
const patience = { timeout: 15_000 }

describe.skipIf(chromiumPath === undefined)('live page (chromium)', () => {
  let browser: RealBrowser
  const opened: WatchedPage[] = []

  const open = async (proxy: RunningProxy, options?: PageOptions) => {
    const watched = await browser.open(urlOf(proxy), options)
    opened.push(watched)
    return watched
  }

  beforeAll(async () => {
    browser = await RealBrowser.start()
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ page }) => page.context().close()))
  })
  afterAll(() => browser.close())

  describe('of a primary and a replica', () => {
    const cluster = new Cluster()
    beforeAll(() => cluster.begin(availableServers()[0]!, 2, admin))
    afterAll(() => cluster.end())

    test('tells of a failover while it happens', async ({ annotate }) => {
      const { page, complaints, urls } = await open(cluster.proxy)
      const [first, second] = cluster.servers as [RedisServer, RedisServer]
      await page.getByText(`${first.addr} is the primary, generation 1`).waitFor(patience)
      await (await cluster.client()).ask('SET', 'a', '1')

      await cluster.promote(second, first)
      const line = await waitUntil(() => cluster.proxy.logLines.find((text) => /"generation":2/.test(text)), {
        what: 'the second server is the primary',
        timeoutMs: 15_000,
      })
      await page.locator('#timeline', { hasText: /generation 2/ }).waitFor(patience)
      const ms = Date.now() - Date.parse(JSON.parse(line).time)
      await annotate(`the timeline shows the failover ${ms} ms after the proxy knows of it`)

      await page.getByText(`${second.addr} is the primary, generation 2`).waitFor(patience)
      const item = page.locator('#timeline li', { hasText: 'generation 2' }).first()
      // It may have been asked before the first one followed it.
      expect(await item.textContent()).toMatch(
        /Primary verified, serving.*after .*s · .* · (the only master|promoted from the line of the others).*“master”/,
      )
      expect(await page.locator('#evidence').textContent()).toContain(`${second.addr} was taken for generation 2`)
      expect(await page.locator('#servers .role').allTextContents()).toEqual(['primary', 'replica'])
      expect(await page.locator('#commands').textContent()).toContain('set')
      expect(await page.locator('line.mark').count()).toBeGreaterThan(0)
      expect(complaints).toEqual([])
      expect(urls.filter((url) => !url.startsWith(urlOf(cluster.proxy)) && !url.startsWith('data:'))).toEqual([])
    })

    test('lets nothing run or load that is not its own', async () => {
      const { page, complaints } = await open(cluster.proxy)
      const policy = (await fetch(urlOf(cluster.proxy))).headers.get('content-security-policy')
      expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+';/)
      expect(policy).not.toMatch(/unsafe|\*/)
      const isMarkup = await page.evaluate(() => {
        try {
          document.body.innerHTML = '<b>markup</b>'
          return true
        } catch {
          return false
        }
      })
      expect(isMarkup).toBe(false)
      await page.evaluate(() => fetch('http://127.0.0.1:1/').catch(() => {}))
      await expect
        .poll(() => complaints.join('\n'))
        .toMatch(/TrustedHTML[\s\S]*connect-src|connect-src[\s\S]*TrustedHTML/)
    })

    test('tells of a pause, its beginning and its end', async () => {
      const { page } = await open(cluster.proxy)
      const client = await cluster.client()
      expect(await client.ask('PROXY', 'PAUSE', '30000')).toMatch(/^[:*%]/)
      await page.getByText('Paused: what may write waits').waitFor(patience)
      client.send(['SET', 'a', '2'])
      await page.getByText('1 command waits').waitFor(patience)
      await (await cluster.client()).ask('PROXY', 'RESUME')
      await page.locator('[data-tone=well]').waitFor(patience)
      expect(await page.locator('#timeline').textContent()).toMatch(/Pause is over.*Paused/)
    })

    test('is read by keyboard alone', async () => {
      const { page } = await open(cluster.proxy)
      await page.locator('[data-tone=well]').waitFor(patience)
      const seen: string[] = []
      for (let index = 0; index < 4; index++) {
        await page.keyboard.press('Tab')
        seen.push(
          await page.evaluate(() => {
            const focused = document.activeElement!
            const { outlineStyle } = getComputedStyle(focused)
            return `${focused.getAttribute('aria-labelledby')} ${outlineStyle}`
          }),
        )
      }
      expect(seen).toEqual(['h-charts solid', 'h-timeline solid', 'h-commands solid', 'h-slow solid'])
      await page.locator('#charts').focus()
      await waitUntil(async () => (await page.locator('path.line').count()) > 0, { what: 'there is a sample' })
      await page.keyboard.press('ArrowLeft')
      expect(await page.locator('#h-charts').textContent()).toMatch(/: values of \d\d:\d\d:\d\d$/)
      await page.keyboard.press('ArrowRight')
      expect(await page.locator('#h-charts').textContent()).not.toContain('values of')
    })

    test.each(['light', 'dark'] as const)('has no fault that axe-core finds (%s)', async (scheme) => {
      const { page } = await open(cluster.proxy, { scheme })
      await page.locator('[data-tone=well]').waitFor(patience)
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate<AxeResults>('axe.run()')
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
    })

    test('fits a phone', async () => {
      const { page } = await open(cluster.proxy, { width: 360, height: 740 })
      await page.locator('[data-tone=well]').waitFor(patience)
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(width).toBe(360)
    })
  })

  test('says that the proxy is away, and is itself again with the next one', async () => {
    const server = await startRedis()
    const environment = { RUSTEZE_BACKENDS: server.addr, RUSTEZE_ADMIN: `127.0.0.1:${await freePort()}` }
    let proxy = await startProxy(environment)
    try {
      const { page } = await open(proxy)
      await page.locator('[data-tone=well]').waitFor(patience)
      await proxy.stop()
      await page.getByText('Lost connection to the proxy, trying again').waitFor(patience)
      proxy = await startProxy(environment)
      await page.locator('[data-tone=well]').waitFor(patience)
      expect(await page.locator('#timeline', { hasText: 'Primary verified' }).count()).toBe(1)
    } finally {
      await proxy.stop()
      await server.stop()
    }
  })

  test('shows what a hostile server says as it is', async () => {
    const markup = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`
    const hostile = createServer((socket) => {
      // One for each command that came.
      const refuse = (bytes: Buffer) =>
        socket.write(`-ERR ${markup}\r\n`.repeat(bytes.toString().match(/^\*/gm)!.length))
      socket.on('data', refuse).on('error', () => {})
    }).listen(0, '127.0.0.1')
    await once(hostile, 'listening')
    const { port } = hostile.address() as AddressInfo
    const proxy = await startProxy({ RUSTEZE_BACKENDS: `127.0.0.1:${port}`, ...admin })
    try {
      const { page, complaints } = await open(proxy)
      await page.locator('[data-tone=bad]').waitFor(patience)
      expect(await page.locator('h1').textContent()).toBe('No primary was found yet: commands wait')
      for (const place of ['#servers', '#timeline']) await page.locator(place, { hasText: markup }).waitFor(patience)
      expect(await page.locator('img').count()).toBe(0)
      expect(await page.title()).not.toContain('taken')
      expect(complaints).toEqual([])
    } finally {
      await proxy.stop()
      hostile.close()
    }
  })
})
