import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'

/** Debian's Chromium, or what CHROMIUM names. */
const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium'

/** Tests that need a browser are skipped without one, except under CI=true on Linux: there they fail on opening it. */
export const hasBrowser = existsSync(EXECUTABLE) || (process.env.CI === 'true' && process.platform === 'linux')

/** A browser with a profile of its own, and everything it complained about. */
export interface Browser extends AsyncDisposable {
  readonly complaints: readonly string[]
  show(source: string, look: { readonly width: number; readonly dark?: boolean }): Promise<Page>
}

/** Opens Chromium without a window. It may load nothing: every request that is not for a page of ours is a complaint. */
export async function openBrowser(): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'pare-report-'))
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
  ]
  const context: BrowserContext = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: EXECUTABLE,
    args: [...flags, '--disable-component-update', '--disable-sync'],
  })
  const complaints: string[] = []
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  context.on('weberror', (error) => complaints.push(String(error.error())))
  context.on('request', (request) => {
    if (!/^(file|data):/.test(request.url())) complaints.push(`request for ${request.url()}`)
  })
  let pages = 0
  return {
    complaints,
    async show(source, { width, dark = false }) {
      const file = join(folder, `${pages++}.html`)
      writeFileSync(file, source)
      const page = await context.newPage()
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
      await page.goto(`file://${file}`)
      return page
    },
    async [Symbol.asyncDispose]() {
      await context.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What axe-core (the engine of most accessibility checkers; a development dependency, MPL-2.0) finds on the page: rule and elements. */
export async function accessibilityFindings(page: Page): Promise<string[]> {
  // Not as an element: the page allows no script but its own.
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'))
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
    const { violations } = await axe.run()
    return violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ html }) => html).join(' ')}`)
  })
}

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly html: string }[]
}
