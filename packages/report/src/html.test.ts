import { expect, test } from 'vitest'
import { renderHtml } from './html.js'
import { example, HOSTILE, hostile } from './sample.test.data.js'

test('the page loads nothing, and says so to the browser', () => {
  const page = renderHtml(example('several-models'))
  expect(page).toMatch(/<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;sha256-/)
  expect(page.match(/(src|href)="(?!#|data:)/g)).toBeNull()
  expect(page).not.toMatch(/\sstyle="|\son[a-z]+="/)
})

test('it carries the results whole', () => {
  const json = /<script type="application\/json" id="results">(.*?)<\/script>/s.exec(renderHtml(hostile()))?.[1]
  expect(JSON.parse(json!)).toEqual(JSON.parse(JSON.stringify(hostile())))
})

test('text from models is text', () => {
  const page = renderHtml(hostile())
  expect(page).not.toContain('<img')
  expect(page).not.toContain('<!-->')
  expect(page.match(/<\/script>/g)).toHaveLength(2)
  expect(page).toContain(HOSTILE.slice(0, 9).replaceAll('<', '&#60;').replaceAll('>', '&#62;'))
})

test('passing, failing and incomplete differ in words, colour and outline', () => {
  const banners = (['passing', 'failing', 'incomplete'] as const).map(
    (name) => /<header class="banner.*?<h1>(.*?)<\/h1>/s.exec(renderHtml(example(name)))!,
  )
  expect(banners.map(([banner]) => /banner (\w+)/.exec(banner)![1])).toEqual(['pass', 'fail', 'incomplete'])
  expect(new Set(banners.map(([banner]) => /<svg.*?<\/svg>/s.exec(banner)![0])).size).toBe(3)
  expect(banners.map(([, title]) => title)).toEqual([
    'mlp-digits.onnx passed',
    'mnist-resnet20-bn.onnx failed',
    'detector.onnx has no complete verdict',
  ])
})

test('the same results give the same page', () => {
  expect(renderHtml(example('failing'))).toBe(renderHtml(example('failing')))
})

test('a run of no models is a page too', () => {
  expect(renderHtml({ ...example('incomplete'), models: [] })).toContain('No model was run')
})
