import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** Debian's Chromium, or what CHROMIUM names. */
const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium'
const hasBrowser = existsSync(EXECUTABLE) || (process.env.CI === 'true' && process.platform === 'linux')

const PACKAGES = fileURLToPath(new URL('../../', import.meta.url))
const IMPORTS = {
  '@pare/core/backends': '/core/dist/backend/backends.js',
  '@pare/onnx/error': '/onnx/dist/error.js',
  '@pare/sparse/functions': '/sparse/dist/kernels/rationals.js',
  '@pare/wasm': '/wasm/dist/index.js',
}
const PAGE = `<!doctype html><script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`
// WebGPU is for pages that come over a safe way, and localhost is one.
const ORIGIN = 'http://localhost'
const FLAGS = ['--headless', '--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--disable-quic']

describe.skipIf(!hasBrowser)('in Chromium, as it is published (skipped where there is none; CHROMIUM names another)', () => {
  let browser: Browser | undefined
  let page: Page

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS })
    page = await browser.newPage()
    await page.route('**/*', (route) => {
      const { pathname } = new URL(route.request().url())
      if (pathname === '/') return route.fulfill({ contentType: 'text/html', body: PAGE })
      return route.fulfill({ contentType: 'text/javascript', body: readFileSync(PACKAGES + pathname) })
    })
    await page.goto(ORIGIN)
  })
  afterAll(() => browser?.close())

  const inPage = (check: string) =>
    page.evaluate(`import('/gpu/dist/browser-checks.test.support.js').then((checks) => checks.${check}())`)

  test('saliencies, histograms and candidates equal the reference', async () => {
    expect(await inPage('selections')).toEqual({ same: [true, true, true, true], candidates: 202 })
  })

  test('dense and sparse products are what they are by hand', async () => {
    // Row 0: 1 · 1 + 2 · 3 = 7; row 1: 4 · 2 = 8. The second row of x is twice the first.
    const expected = [7, 8, 14, 16]
    expect(await inPage('products')).toEqual([expected, expected, [...expected, ...Array(16).fill(0)]])
  })
})
