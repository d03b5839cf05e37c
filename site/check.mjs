// npm run site:check: opens pages of the built site and the reports of its gallery in Chromium, wide and narrow, and fails on what axe-core
// calls serious or critical, on errors of scripts, on requests to anywhere else, and on pages that are wider than the window.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { commandsOf, GALLERY } from './gallery.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const dist = fileURLToPath(new URL('./dist/', import.meta.url))
const BASE = '/pare/'
const WIDTHS = [1280, 400]
const REPORTS = commandsOf(readFileSync(`${root}docs/gallery.md`, 'utf8')).map(({ name }) => `${GALLERY}/${name}.html`)
const EVERY = [
  '',
  'docs',
  GALLERY,
  'tasks',
  'many-machines',
  'write-a-plugin/',
  'packages/cli',
  'decisions/031-many-machines',
  ...REPORTS,
]
/** Those that are named behind the command, or all. */
const PAGES = process.argv.length > 2 ? process.argv.slice(2) : EVERY
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
}

if (!existsSync(`${dist}index.html`)) throw new Error(`there is no site in ${dist}: build it first, npm run site`)
const server = createServer(({ url = '' }, response) => {
  const path = decodeURIComponent(new URL(url, 'http://localhost').pathname)
  const inside = path.startsWith(BASE) ? path.slice(BASE.length) : undefined
  const file =
    inside === undefined
      ? undefined
      : [inside, `${inside}.html`, `${inside}index.html`]
          .map((name) => join(dist, name))
          .find((name) => name.startsWith(dist) && existsSync(name) && statSync(name).isFile())
  response.writeHead(file === undefined ? 404 : 200, { 'content-type': TYPES[extname(file ?? '')] ?? 'application/octet-stream' })
  response.end(file === undefined ? '' : readFileSync(file))
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const origin = `http://127.0.0.1:${server.address().port}`
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
})
const findings = []
try {
  for (const width of WIDTHS) {
    const context = await browser.newContext({ viewport: { width, height: 900 }, bypassCSP: true })
    for (const address of PAGES) {
      const page = await context.newPage()
      const at = `/${address} at ${width} px`
      page.on('pageerror', (error) => findings.push(`${at}: ${error}`))
      page.on('request', (request) => {
        if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url()))
          findings.push(`${at}: asks for ${request.url()}`)
      })
      const answer = await page.goto(`${origin}${BASE}${address}`, { waitUntil: 'networkidle' })
      if (answer?.ok() !== true) findings.push(`${at}: answers ${answer?.status()}`)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      if (wide > 0) findings.push(`${at}: is ${wide} px wider than the window`)
      await page.evaluate(axe)
      const { violations } = await page.evaluate(() => globalThis.axe.run())
      for (const { id, impact, help, nodes } of violations)
        if (impact === 'serious' || impact === 'critical')
          findings.push(`${at}: ${impact}: ${help} (${id}), at ${nodes[0].target.join(' ')} and ${nodes.length - 1} more`)
      await page.close()
    }
    await context.close()
  }
} finally {
  await browser.close()
  server.close()
}
if (findings.length > 0)
  throw new Error(`the site has ${findings.length} faults:\n${findings.map((line) => `  ${line}`).join('\n')}`)
console.log(`${PAGES.length} pages at ${WIDTHS.join(' and ')} px: nothing serious`)
