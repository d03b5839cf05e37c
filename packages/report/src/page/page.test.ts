import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accessibilityFindings, type Browser, hasBrowser, openBrowser } from '../browser.test.data.js'
import { renderHtml } from '../html.js'
import { example, hostile, withLayers } from '../sample.test.data.js'

describe.skipIf(!hasBrowser)('the page in Chromium (skipped where there is none; CHROMIUM names another)', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
  })

  const long = {
    ...example('failing'),
    models: [withLayers(200, { path: `models/${'long/'.repeat(40)}a.onnx` }), withLayers(1), ...example('several-models').models],
  }
  const runs = {
    one: example('failing'),
    cut: example('cut'),
    several: example('several-models'),
    long,
    hostile: hostile(),
    incomplete: example('incomplete'),
    lost: example('lost-class'),
    staged: staged(),
  }

  for (const [name, results] of Object.entries(runs)) {
    for (const width of [400, 1280]) {
      for (const dark of [false, true]) {
        test(`${name} fits ${width} pixels, ${dark ? 'dark' : 'light'}, without a complaint`, async () => {
          const page = await browser.show(renderHtml(results), { width, dark })
          await page.evaluate(() => {
            for (const one of document.querySelectorAll('details')) one.open = true
          })
          expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
          const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
          expect(Number(/\d+/.exec(background)![0]) < 128).toBe(dark)
          expect(browser.complaints).toEqual([])
          // With everything open: what is folded away is not looked at. The width changes nothing that is judged.
          if (width === 1280 && name !== 'long') expect(await accessibilityFindings(page)).toEqual([])
          await page.close()
        })
      }
    }
  }

  test('tables sort by number and by name, with the keyboard too', async () => {
    const page = await browser.show(renderHtml(example('failing')), { width: 1280 })
    await page.locator('summary').first().click()
    const column = (n: number) => page.locator(`article table tbody tr > :nth-child(${n})`).allTextContents()
    const elements = example('failing').models[0]!.layers!.map((layer) => layer.elements)
    await page.getByRole('button', { name: 'Elements' }).click()
    expect((await column(5)).map((text) => Number(text.replaceAll(',', '')))).toEqual([...elements].sort((a, b) => a - b))
    await page.getByRole('button', { name: 'Elements' }).press('Enter')
    expect(Number((await column(5))[0]!.replaceAll(',', ''))).toBe(Math.max(...elements))
    expect(await page.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('descending')
    await page.getByRole('button', { name: 'Weight' }).press('Space')
    const names = await column(2)
    expect(names).toEqual([...names].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })))
    expect(await page.locator('th[aria-sort]').textContent()).toBe('Weight')
    await page.close()
  })

  test('the chart names the layer under the pointer and the arrow keys', async () => {
    const page = await browser.show(renderHtml(example('failing')), { width: 1280 })
    const readout = page.locator('.readout')
    await page.locator('figure.shares g').nth(3).hover()
    expect(await readout.textContent()).toMatch(/^4\. .*Conv 16 × 16 × 3 × 3, 26\.6\u00a0% zeros$/)
    await page.locator('.bars').focus()
    await page.keyboard.press('End')
    expect(await readout.textContent()).toMatch(/^22\. fc\.weight: Gemm 10 × 64/)
    await page.keyboard.press('ArrowLeft')
    expect(await readout.textContent()).toMatch(/^21\. /)
    await page.keyboard.press('Escape')
    expect(await readout.textContent()).toBe('Point at a bar to see its layer')
    await page.close()
  })

  test('what was cut has bars of its own, with the group under the pointer', async () => {
    const page = await browser.show(renderHtml(example('cut')), { width: 1280 })
    const article = page.locator('article').first()
    await article.locator('figure.shares g').first().hover()
    expect(await article.locator('.readout').textContent()).toMatch(/^1\. .*: head, 1 of 4 units gone \(25\.0\u00a0%\)$/)
    expect(await article.locator('figure.shares').count()).toBe(1)
    expect(await article.locator('.tiles').textContent()).toMatch(
      /cut = masked\s*proved\s*largest difference \de-7, tolerance 1e-4, two sizes/,
    )
    const second = page.locator('article').nth(1)
    expect(await second.locator('figure.shares').count()).toBe(2)
    expect(await second.locator('.hint').first().textContent()).toContain('What was cut is not proved')
    await page.close()
  })

  test('bars can be as wide as their layer has weights', async () => {
    const page = await browser.show(renderHtml(example('failing')), { width: 1280 })
    const widths = () =>
      page.locator('figure.shares g').evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width))
    const equal = await widths()
    expect(Math.max(...equal) - Math.min(...equal)).toBeLessThan(0.1)
    await page.getByLabel('width by number of weights').check()
    const weighted = await widths()
    const elements = example('failing').models[0]!.layers!.map((layer) => layer.elements)
    expect(weighted[20]! / weighted[1]!).toBeCloseTo(elements[20]! / elements[1]!, 1)
    await page.close()
  })

  test('the results can be taken from the page', async () => {
    const page = await browser.show(renderHtml(example('passing')), { width: 1280 })
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download results.json' }).click(),
    ])
    expect(download.suggestedFilename()).toBe('results.json')
    await page.close()
  })

  test('everything is readable without scripts', async () => {
    const page = await browser.show(renderHtml(example('failing')).replace(/<script>.*<\/script>/s, ''), { width: 1280 })
    expect(await page.locator('figure.shares rect.after').count()).toBe(22 + 1)
    expect(await page.locator('#download').isVisible()).toBe(false)
    await page.close()
  })
})

/** A model beside the unpruned one in fewer bits and what two stages left, one of which lost far more than is allowed. */
function staged() {
  const run = example('passing')
  const [model] = run.models as [(typeof run.models)[number]]
  const of = (share: number, value: number) => ({
    ...{ bytes: 2e5 * share, zippedBytes: 1.8e5 * share, metrics: { [model.metric!]: 0.98 - value } },
    drop: { value, interval: [value - 0.004, value + 0.004] as [number, number] },
  })
  const timed = { latency: { relative: 1.05, interval: [1, 1.1] as [number, number] } }
  return {
    ...run,
    models: [
      {
        ...model,
        reference: { ...model.reference, zippedBytes: 1.8e5 },
        pruned: { ...model.pruned!, zippedBytes: 4e4 },
        baselines: [{ method: 'int8' as const, ...of(0.28, 0.001), ...timed }],
        stages: [of(0.6, 0.002), of(0.4, 0.3)],
      },
    ],
  }
}
