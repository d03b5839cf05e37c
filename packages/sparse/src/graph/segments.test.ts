import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { stepsOf } from './segments.js'

// Both norms leave outputs out, and the Clip leaves an input out.
const model = parseText(
  `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
  g (float[N, 4] x) => (float[N, 4] y) <float[4] g = {1, 1, 1, 1}, float most = {6}> {
    a, , , r = com.microsoft.SkipSimplifiedLayerNormalization(x, x, g)
    c = Clip(a, , most)
    y, , , s = com.microsoft.SkipSimplifiedLayerNormalization(c, r, g)
  }`,
)

test('what nodes leave out does not cross from one stretch to another', () => {
  const names = stepsOf(model, []).flatMap((step) => (step.kind === 'dense' ? [...step.inputs, ...step.outputs] : []))
  expect(names).toEqual(['x', 'y'])
})
