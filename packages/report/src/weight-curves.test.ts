import { expect, test } from 'vitest'
import { renderHtml } from './html.js'
import type { ModelResult } from './results/results.js'
import { HOSTILE, withLayers } from './sample.test.data.js'

const render = (change: Partial<ModelResult>) => {
  const model = withLayers(2, change)
  return renderHtml({ schemaVersion: 1, command: 'run', verdict: model.verdict, models: [model] })
}
const at = (...losses: readonly number[]) => losses.map((loss, i) => ({ sparsity: [0, 0.5, 0.9][i]!, loss }))

test('a row for each weight, the costliest first, its colour by powers of ten', () => {
  const page = render({
    curves: [
      { id: 'w-cheap', points: at(0, 0, 0.001) },
      { id: 'w-costly', points: at(0, 0.01, 10) },
    ],
  })
  expect(page).toContain('What 2 weights cost alone, by sparsity')
  expect(page.indexOf('w-costly')).toBeLessThan(page.indexOf('w-cheap'))
  // 10 is the most; 0.01 is three powers of ten below: 1 − 3 ÷ 4; 0.001 is four below, and so faint as nothing.
  const levels = [...page.matchAll(/class="heat[^"]*"[^>]*><rect[^>]*fill-opacity="([\d.]+)"/g)].map(([, level]) => level)
  expect(levels).toEqual(['0.25', '1.00', '0.00', '0.00'])
})

test('the sparsity nearest to the zeros of a layer is framed', () => {
  const { layers } = withLayers(2)
  const [layer] = layers!
  const curves = [{ id: layer!.name, points: at(0, 1, 2) }]
  const page = render({ curves, layers: [{ ...layer!, sparsity: { before: 0, after: 0.8 } }] })
  const kinds = (text: string) => [...text.matchAll(/class="(heat[^"]*)"/g)].map(([, kind]) => kind)
  expect(kinds(page)).toEqual(['heat', 'heat nearest'])
  // Nothing of it went.
  expect(kinds(render({ curves, layers: [{ ...layer!, sparsity: { before: 0, after: 0.1 } }] }))).toEqual(['heat', 'heat'])
})

test('names are written out, and without curves nothing is said', () => {
  expect(render({ curves: [{ id: HOSTILE, points: at(0, 1, 2) }] })).not.toContain(HOSTILE)
  expect(render({})).not.toContain('cost alone')
})
