import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { modelBytes, openModel } from '@pare/onnx'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oneIn, prunedModel, TEST_MODELS } from './session.test.support.js'

const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium'
const hasBrowser = existsSync(EXECUTABLE) || (process.env.CI === 'true' && process.platform === 'linux')
const BUILD = fileURLToPath(new URL('../../../../examples/browser/build.mjs', import.meta.url))
const FLAGS = ['--headless', '--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--disable-quic']
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', onnx: 'application/octet-stream' }

describe.skipIf(!hasBrowser)(
  'the page of examples/browser, in Chromium (skipped where there is none; CHROMIUM names another)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'pare-page-'))
    let browser: Browser | undefined
    let page: Page
    const failures: string[] = []

    beforeAll(async () => {
      await promisify(execFile)(process.execPath, [BUILD, folder])
      await using file = await openModel(`${TEST_MODELS}mlp-digits.onnx`)
      const pruned = await modelBytes(await prunedModel(file.model, oneIn(10)))
      browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS })
      page = await browser.newPage({ viewport: { width: 400, height: 800 } })
      page.on('pageerror', ({ message }) => failures.push(message))
      await page.route('**/*', (route) => {
        const { pathname } = new URL(route.request().url())
        const name = pathname === '/' ? 'index.html' : pathname.slice(1)
        const body =
          name === 'pruned.onnx'
            ? Buffer.from(pruned)
            : existsSync(join(folder, name))
              ? readFileSync(join(folder, name))
              : undefined
        return body === undefined
          ? route.fulfill({ status: 404 })
          : route.fulfill({ contentType: TYPES[name.split('.').at(-1)!]!, body })
      })
    })
    afterAll(async () => {
      await browser?.close()
      rmSync(folder, { recursive: true })
    })

    const status = () => page.textContent('[role=status]')

    test('is one file that asks for nothing of Node', () => {
      expect(readFileSync(join(folder, 'page.js'), 'utf8')).not.toMatch(/(from|import\()\s*["'](node:|fs|path)/)
    })

    test('runs a pruned model dense and sparse: outputs are equal, and the weights take a sixth', async () => {
      await page.goto('http://localhost/?model=pruned.onnx')
      await page.waitForSelector('#results table')
      expect(await status()).toMatch(
        /^On .*swiftshader.*: outputs equal to rounding \(\S+ of the largest\)\. This adapter computes on the CPU/i,
      )
      const cells = await page.$$eval('#results table:first-of-type tbody tr', (rows) =>
        rows.map((row) => [...row.children].map((cell) => cell.textContent)),
      )
      const [weights, , kernels, submissions, sent, read] = cells
      expect(weights![1]).toBe('203 kB')
      expect(Number.parseFloat(weights![2]!)).toBeLessThan(203 / 5)
      expect([kernels, submissions, sent, read]).toEqual([
        ['kernels', '3', '3'],
        ['submissions', '1', '1'],
        ['sent to the GPU', '256 B', '256 B'],
        ['read from it', '40 B', '40 B'],
      ])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400)
      expect(failures).toEqual([])
    })

    test('says what is wrong with a file', async () => {
      await page.setInputFiles('[type=file]', {
        name: 'broken.onnx',
        mimeType: 'application/octet-stream',
        buffer: Buffer.from('not a model'),
      })
      await page.waitForFunction(`!/^(On|Running|Ready)/.test(document.querySelector('[role=status]').textContent)`)
      expect(await status()).toMatch(/not .*ONNX|ONNX .*model|protobuf|read/i)
    })
  },
)
