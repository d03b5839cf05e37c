import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, hasBrowser, openBrowser } from './browser.test.data.js'
import { type CurvesView, renderCurves } from './curves.js'

const curve = (id: string, ...losses: readonly number[]) => ({
  id,
  size: 1000,
  points: [{ amount: 0, loss: 0 }, ...losses.map((loss, i) => ({ amount: (i + 1) / 4, loss }))],
})

const view: CurvesView = {
  path: 'model.onnx',
  loss: 'KL divergence',
  amount: 'sparsity',
  note: 'Pruned by magnitude.',
  curves: [curve('small', 0.0001, 0.001), curve('<b>large</b>', 0.1, 1), curve('helps', -0.5, 0)],
}

test('the costliest come first and have a colour, names are escaped', () => {
  const page = renderCurves(view)
  expect([...page.matchAll(/<th scope="row" class="name">(.*?)<\/th>/g)].map(([, name]) => name)).toEqual([
    '&#60;b&#62;large&#60;/b&#62;',
    'small',
    'helps',
  ])
  expect(page).not.toContain('<b>')
  expect(page).toMatch(/<polyline class="curve c0" points="[^"]+"><title>&#60;b&#62;large/)
})

test('a line stands at its place on the logarithmic scale', () => {
  const [, points] = /class="curve c0" points="([^"]+)"/.exec(renderCurves(view))!
  // 1 is the top of four powers of ten, 300 high; 0.1 lies one of them lower. Half of the axis from 64 to 640, and its end.
  expect(points).toBe('352.0,75.0 640.0,0.0')
  const [, helps] = /class="curve c2" points="([^"]+)"/.exec(renderCurves(view))!
  expect(helps).toBe('352.0,300.0 640.0,300.0')
})

test('without a loss anywhere there is a page', () => {
  expect(renderCurves({ ...view, curves: [curve('same', 0, 0)] })).not.toMatch(/NaN|Infinity/)
})

describe.skipIf(!hasBrowser)('the page of curves in Chromium (skipped where there is none; CHROMIUM names another)', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
  })

  const many = Array.from({ length: 40 }, (_, i) => curve(`layers/${'long/'.repeat(30)}${i}`, i / 4000, i / 100, i / 40))
  test.each([
    [400, false],
    [1280, true],
  ])('fits %i pixels, dark: %s, without a complaint', async (width, dark) => {
    const page = await browser.show(renderCurves({ ...view, curves: many }), { width, dark })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
    expect(browser.complaints).toEqual([])
    await page.close()
  })
})
