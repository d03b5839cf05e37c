// npm run picture -w @pare/report [-- RESULTS.json PICTURE.png] (after a build; needs Chromium): photographs the HTML report, by default of
// examples/failing.json for the README of the repository. CHROMIUM names another browser than /usr/bin/chromium.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { renderHtml } from '../dist/index.js'

const local = (path) => fileURLToPath(new URL(path, import.meta.url))
const [results = local('../examples/failing.json'), picture = local('../../../docs/images/report.png')] = process.argv.slice(2)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: 'light' })
  await page.setContent(renderHtml(JSON.parse(readFileSync(results, 'utf8'))))
  const box = await page.locator('figure.shares').first().boundingBox()
  await page.screenshot({
    path: picture,
    fullPage: true,
    clip: { x: 0, y: 0, width: 1280, height: Math.round(box.y + box.height + 24) },
  })
} finally {
  await browser.close()
}
