// Pictures of the live page for the README, of a night with real servers; `npm run screenshots` writes them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, RealBrowser } from '../support/browser.ts'
import { Incident } from './incident.ts'

/** Where they go; without it they are only taken. */
const { SCREENSHOTS: directory, SCREENSHOT_SECONDS: seconds = '1' } = process.env
/** What a README may cost whoever reads it. */
const MAX_BYTES = 150 * 1024

describe.skipIf(chromiumPath === undefined)('screenshots (chromium)', () => {
  const incident = new Incident()
  let browser: RealBrowser

  beforeAll(async () => {
    browser = await RealBrowser.start()
    await incident.begin()
    await delay(Number(seconds) * 500)
    await incident.failOver()
    await delay(Number(seconds) * 300)
    await incident.slowDown()
    await delay(Number(seconds) * 200)
  }, 900_000)
  afterAll(async () => {
    await incident.end()
    await browser.close()
  })

  test.each([
    { name: 'live-page-light', scheme: 'light', width: 1160 },
    { name: 'live-page-dark', scheme: 'dark', width: 1160 },
  ] as const)('$name', async ({ name, scheme, width }) => {
    const { page } = await browser.open(incident.url, { scheme, width, height: 720 })
    await page.waitForSelector('[data-tone=well]')
    await page.waitForSelector('#slow tbody tr')
    const picture = await page.screenshot()
    await page.close()
    if (directory !== undefined) {
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, `${name}.png`), picture)
    }
    expect(picture.length).toBeLessThan(MAX_BYTES)
  })
})
