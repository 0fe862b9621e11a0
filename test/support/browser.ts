// Opens pages in a real Chromium, and keeps a record of all that a page should not do.
import { spawnSync } from 'node:child_process'
import { type Browser, chromium, type Page } from 'playwright-core'

/** undefined where there is none. */
export const chromiumPath = spawnSync('which', ['chromium'], { encoding: 'utf8' }).stdout.trim() || undefined

export interface PageOptions {
  readonly width?: number
  readonly height?: number
  readonly scheme?: 'light' | 'dark'
}

export interface WatchedPage {
  readonly page: Page
  /** Errors and warnings of its console, violations of its policy among them, and errors nobody caught. */
  readonly complaints: string[]
  /** What it asked for. */
  readonly urls: string[]
}

export class RealBrowser {
  readonly #browser: Browser

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async start(): Promise<RealBrowser> {
    if (chromiumPath === undefined) throw new Error('there is no chromium on the PATH')
    // In a container there is no sandbox of its own to be had, and /dev/shm is small.
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--hide-scrollbars', '--disable-lcd-text']
    return new RealBrowser(await chromium.launch({ executablePath: chromiumPath, args }))
  }

  async open(url: string, { width = 1280, height = 900, scheme = 'light' }: PageOptions = {}): Promise<WatchedPage> {
    const context = await this.#browser.newContext({ viewport: { width, height }, colorScheme: scheme })
    const page = await context.newPage()
    const complaints: string[] = []
    const urls: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('request', (request) => urls.push(request.url()))
    await page.goto(url)
    return { page, complaints, urls }
  }

  async close(): Promise<void> {
    await this.#browser.close()
  }
}
