import { expect, test } from 'vitest'
import { modelSection } from './model-section.js'
import { outputErrorRows, outputErrorTable } from './output-error.js'
import type { ModelResult } from './results/results.js'

const model: ModelResult = {
  ...{ path: 'a.onnx', verdict: 'pass', reasons: [], reference: { path: 'a.onnx', bytes: 1, metrics: {} } },
  quantised: {
    ...{ method: 'int4', weights: 2, elements: 512, left: [] },
    outputError: {
      ...{ allowed: 0.03, before: 0.0312, after: 0.0166 },
      weights: [
        { id: 'head', error: 0.022, isKept: true },
        { id: '<up>', error: 0.0149, isKept: false },
      ],
    },
  },
}

test('each weight that was tried alone has a row with the error of outputs, and whether it has more bits', () => {
  const rows = outputErrorRows(model, (text) => `'${text}'`)!
  expect(rows.title).toBe('What fewer bits of 2 weights do to the outputs')
  expect(rows.head.replaceAll('\u00a0', ' ')).toContain(
    'off by 3.12 % of their size on the calibration data, and are now by 1.66 %; allowed is 3 %',
  )
  expect(rows.rows.map((row) => row.replaceAll('\u00a0', ' '))).toEqual([
    "| 1 | 'head' | 2.2 % | 8, for that |\n",
    "| 2 | '<up>' | 1.49 % | fewer |\n",
  ])
})

test('the page has the same, with names escaped', () => {
  const { source: page } = modelSection(model, 0, [model])
  expect(page).toContain('What fewer bits of 2 weights do to the outputs')
  expect(page).toContain('&#60;up&#62;')
})

test('there is none where all weights keep the error', () => {
  const { quantised, ...others } = model
  const { outputError, ...rest } = quantised!
  expect(outputErrorTable({ ...others, quantised: { ...rest, outputError: { ...outputError!, weights: [] } } })).toBeUndefined()
  expect(outputErrorTable(others)).toBeUndefined()
})
